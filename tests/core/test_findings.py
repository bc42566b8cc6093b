import pytest

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding, Remedy, refusal, worst_first


def test_a_remedy_changes_what_it_says_and_nothing_else() -> None:
    remedy = Remedy("Freeze", (("transfer.mode", "freeze"), ("transfer.train_last", 3)))
    changed = remedy.applied(Config().replace("data.batch_size", 7))
    assert (changed.transfer.mode, changed.transfer.train_last, changed.data.batch_size) == ("freeze", 3, 7)
    assert changed.replace("transfer.mode", "scratch").replace("transfer.train_last", 1) == Config().replace(
        "data.batch_size", 7
    )


def test_a_remedy_cannot_break_the_settings() -> None:
    with pytest.raises(InputError, match=r"data\.batch_size cannot be 0"):
        Remedy("No images", (("data.batch_size", 0),)).applied(Config())


def test_the_worst_comes_first_and_the_rest_keeps_its_order() -> None:
    info, warn, stop, other = Finding("info", "A."), Finding("warn", "B."), Finding("stop", "C."), Finding("warn", "D.")
    assert worst_first([info, warn, stop, other]) == (stop, warn, other, info)


def test_only_what_stops_a_run_is_a_refusal() -> None:
    assert refusal(()) == refusal([Finding("warn", "A."), Finding("info", "B.")]) == ""
    assert refusal([Finding("warn", "A."), Finding("stop", "B."), Finding("stop", "C.")]) == "B."
