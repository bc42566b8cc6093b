import pytest

from cnnstudio.core.changes import PAUSED, check_change, config_after, merged
from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed
from cnnstudio.core.serial import from_line, to_line


def change(step: int, key: str, old: float, new: float) -> Changed:
    return Changed(step=step, epoch=step / 10, key=key, old=old, new=new, label="", text="")


def test_the_later_change_at_the_same_step_takes_the_place_of_the_earlier_one() -> None:
    first, second, other = (
        change(*each) for each in ((3, "train.lr", 1, 2), (3, "train.lr", 1, 4), (4, "train.lr", 4, 5))
    )
    assert merged(merged(merged((), first), other), second) == (second, other)


def test_a_pause_and_its_end_at_the_same_step_are_two() -> None:
    pause, on = change(3, PAUSED, False, True), change(3, PAUSED, True, False)
    assert merged(merged(merged((), pause), on), pause) == (pause, on)


def test_the_configuration_follows_and_pauses_change_nothing() -> None:
    done = (change(1, "train.lr", 1, 0.5), change(2, PAUSED, False, True), change(3, "train.epochs", 10, 12))
    config = config_after(Config(), done)
    assert config == Config().replace("train.lr", 0.5).replace("train.epochs", 12)


@pytest.mark.parametrize(
    ("key", "value"),
    [("train.seed", 1), ("train.lr", "auto"), ("train.lr", 0), ("model.dropout2d", 1), ("train.epochs", 1.5)],
)
def test_what_no_run_takes_is_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        check_change(Config(), key, value)


def test_a_change_comes_back_from_a_line_as_it_was() -> None:
    for event in (change(1, "train.lr", 1e-3, 2.0), change(2, "train.epochs", 3, 4), change(3, PAUSED, False, True)):
        again = from_line(to_line(event))
        assert again == event
        assert isinstance(again, Changed)
        assert [type(each) for each in (again.old, again.new)] == [type(event.old), type(event.new)]
