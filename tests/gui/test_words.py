import pytest

from cnnstudio.core.errors import InputError
from cnnstudio.gui.words import counted, in_sentences, in_short, in_words


def test_counted_nouns() -> None:
    assert [counted(1, "image"), counted(1729, "image"), counted(0, "class", "classes")] == [
        "1 image",
        "1,729 images",
        "0 classes",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "–"),
        (999_999, "999,999"),
        (1_000_000, "1.00 M"),
        (9_996_000, "10.0 M"),
        (99_960_000, "100 M"),
        (231_211_008, "231 M"),
        (3_628_146_688, "3.63 G"),
        (2 * 10**12, "2.00 T"),
    ],
)
def test_large_numbers_in_short(count: int, text: str) -> None:
    assert in_short(count) == text


@pytest.mark.parametrize(
    ("error", "sentences"),
    [
        (
            InputError("no such folder", where="/birds", remedy="check the path"),
            "No such folder: /birds. Check the path.",
        ),
        (InputError("a: b", where="/c.png", remedy="choose another one"), "A: b (/c.png). Choose another one."),
        (
            InputError("unknown sample shape", remedy="did you mean shapes?"),
            "Unknown sample shape. Did you mean shapes?",
        ),
    ],
)
def test_errors_in_sentences(error: InputError, sentences: str) -> None:
    assert in_sentences(error) == sentences


def test_an_error_that_nobody_has_foreseen_is_named() -> None:
    assert in_words(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    assert in_words(InputError("no image", remedy="choose one")) == "No image. Choose one."
