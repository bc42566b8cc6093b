"""The whole benchmark at a tiny size: every row is measured, nothing is said about speed."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench.rows import ROWS
from tests.bench.whole_run import ROOT


@pytest.mark.nightly  # a minute on a quiet machine
@pytest.mark.skipif(sys.platform == "win32", reason="needs processes that can be stopped and go on")
def test_every_row_can_be_measured(image_tree: Callable[..., Path]) -> None:
    folder = image_tree(("ant", "bee"), count=20)
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", "--data", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["machine"]["cores"] >= 1
    assert first["machine"]["torch"]
    assert {row["row"] for row in rows} == {row.name for row in ROWS}
    for row in rows:
        skipped = any(name in row["row"] and find_spec(name) is None for name in ("fastai", "timm"))
        assert (row["found"] is None) == skipped, row
        if not skipped:
            assert row["found"]["count"] >= 1
            assert row["found"]["value"] == row["found"]["value"]
            assert (row["reached"] is None) == (row["target"] is None)
    by_name = {row["row"]: row for row in rows}
    assert by_name["frozen-lite0"]["ours"] > 100_000_000  # torch alone takes more
    assert by_name["frozen-lite0"]["peer"] > 100_000_000
    assert "1 of 25 epochs measured" in by_name["frozen-lite0"]["notes"][0]
