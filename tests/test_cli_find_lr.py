"""`cnnstudio find-lr`: rates, losses and a suggestion, for people and for programs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnnstudio import cli
from tests.test_cli import QUICK, json_lines, sets


def test_it_lists_what_was_tried_and_suggests(
    image_tree: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["find-lr", "--data", str(image_tree(count=8)), *sets(*QUICK, "model.width=8", "model.depth=2")]
    assert cli.main([*arguments, "--json"]) == cli.DONE
    *tried, last = json_lines(capsys.readouterr().out)
    rates = [line["rate"] for line in tried]
    assert len(rates) > 10
    assert rates == sorted(rates)
    assert all(line["loss"] > 0 for line in tried)
    assert last["steady"] < last["suggestion"] < last["limit"] <= rates[-1]
    assert cli.main(arguments) == cli.DONE
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"Suggested: --set train.lr={last['suggestion']:.2g}"
    assert len(out.splitlines()) == len(tried) + 2


def test_without_images_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["find-lr"]) == cli.BAD_INPUT
    assert "no image folder chosen" in capsys.readouterr().err
