from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.errors import InputError, did_you_mean

ANY_TEXT = st.text(st.characters(codec=None))  # lone surrogates and control characters too


def test_says_what_where_and_what_to_do() -> None:
    error = InputError("no such folder", where=Path("cats"), remedy="check the path")
    assert str(error) == "no such folder [cats]: check the path"
    assert (error.what, error.where, error.remedy) == ("no such folder", "cats", "check the path")


def test_place_is_left_out_where_there_is_none() -> None:
    assert str(InputError("unknown key", remedy="look again")) == "unknown key: look again"


@given(what=ANY_TEXT, where=ANY_TEXT, remedy=ANY_TEXT)
def test_is_one_writable_line_whatever_it_quotes(what: str, where: str, remedy: str) -> None:
    line = str(InputError(what, where=where, remedy=remedy))
    assert len(line.splitlines()) == 1
    assert line == line.strip()
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
    line.encode("utf-8")


def test_control_characters_and_undecodable_bytes_are_spelled_out() -> None:
    error = InputError("bad\x1b[31m name\udcff", where="a\r\nb\u2028c\x85d", remedy="rename\tit\x00")
    assert str(error) == r"bad\x1b[31m name\udcff [a b c d]: rename it\x00"


@pytest.mark.parametrize("name", ["été", "图片", "می‌خواهم", "👩‍🔬"])
def test_names_in_any_language_stay_as_they_are(name: str) -> None:
    assert str(InputError("empty", where=name, remedy="fill it")) == f"empty [{name}]: fill it"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("vgg61", "vgg16"), ("VGG16", "vgg16"), ("ResNet-18", "resnet18"), ("vgg", "vgg11"), ("resent50", "resnet50")],
)
def test_nearest_legal_name_is_suggested(typed: str, meant: str) -> None:
    legal = ["compact", "resnet18", "resnet50", "vgg11", "vgg13", "vgg16", "vgg19"]
    assert did_you_mean(typed, legal) == f"did you mean {meant}?"


def test_all_legal_names_are_listed_where_none_is_near() -> None:
    assert did_you_mean("transformer", ["vgg16", "compact"]) == "choose one of compact, vgg16"
    assert did_you_mean("", ["vgg16", "compact"]) == "choose one of compact, vgg16"
