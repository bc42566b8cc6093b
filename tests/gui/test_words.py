import pytest

from cnnstudio.core.errors import InputError
from cnnstudio.gui.words import counted, in_sentences


def test_counted_nouns() -> None:
    assert [counted(1, "image"), counted(1729, "image"), counted(0, "class", "classes")] == [
        "1 image",
        "1,729 images",
        "0 classes",
    ]


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
