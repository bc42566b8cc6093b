"""When a state reaches the disk."""

import threading
from dataclasses import replace
from typing import Any

import pytest
import torch

from cnnstudio.engine.resume import Checkpoint, Position
from cnnstudio.engine.saver import Saver


class Disk:
    """Notes the epochs of what is written and kept, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.threads: set[str] = set()
        self.full = False

    def write(self, state: dict[str, Any]) -> None:
        self._note("write", state)

    def keep(self, state: dict[str, Any]) -> None:
        self._note("keep", state)

    def _note(self, what: str, state: dict[str, Any]) -> None:
        if self.full:
            raise OSError("no space left")
        self.threads.add(threading.current_thread().name)
        self.seen.append((what, state["epoch"]))


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time in seconds, which passes only where a test says so."""
    now = [100.0]
    monkeypatch.setattr("cnnstudio.engine.saver.time.monotonic", lambda: now[0])
    return now


def at(epoch: int, weight: torch.Tensor | None = None) -> Checkpoint:
    return Checkpoint(
        position=replace(Position(), epoch=epoch),
        network={"weight": torch.zeros(1) if weight is None else weight},
        learning={},
        sums=({}, {}),
        rng=(),
        best=None,
        classes=(),
        train=(),
        val=(),
    )


def assert_in_time(event: threading.Event) -> None:
    assert event.wait(10)


def test_each_state_is_kept_and_then_written(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    saver.begin(at(1))
    for epoch in (2, 3):
        saver.save(at(epoch), can_wait=True)
        clock[0] += 1.0
    saver.wait()
    assert disk.seen == [("keep", 1), ("keep", 2), ("write", 2), ("keep", 3), ("write", 3)]
    assert disk.threads == {"cnnstudio-checkpoint"}


def test_of_short_epochs_the_latest_is_written_once_a_second_and_at_the_end(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    for epoch in range(2, 13):
        saver.save(at(epoch), can_wait=True)
        clock[0] += 0.3
    saver.wait()
    saver.wait()
    assert [epoch for what, epoch in disk.seen if what == "keep"] == list(range(2, 13))
    assert [epoch for what, epoch in disk.seen if what == "write"] == [2, 6, 10, 12]


def test_a_state_that_cannot_wait_takes_the_place_of_one_that_did(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    saver.save(at(2), can_wait=True)
    saver.save(at(3), can_wait=True)
    saver.save(at(4))
    saver.wait()
    assert [epoch for what, epoch in disk.seen if what == "write"] == [2, 4]


def test_what_waits_is_what_it_was(clock: list[float]) -> None:
    found: list[dict[str, Any]] = []
    saver, weight = Saver(found.append, lambda _: None), torch.zeros(1)
    saver.save(at(2), can_wait=True)
    saver.save(at(3, weight), can_wait=True)
    weight += 1
    saver.wait()
    assert [float(state["network"]["weight"]) for state in found] == [0.0, 0.0]


def test_no_two_copies_wait_in_memory(disk: Disk, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    saver = Saver(disk.write, disk.keep)
    saver.save(at(2), can_wait=True)
    saver.save(at(3), can_wait=True)
    before: list[object] = []

    def copied(state: dict[str, Any]) -> dict[str, Any]:
        before.append(saver._owed)
        return state

    monkeypatch.setattr("cnnstudio.engine.saver._copied", copied)
    saver.save(at(4), can_wait=True)
    saver.wait()
    assert before
    assert all(each is None for each in before)
    assert disk.seen[-1] == ("write", 4)


def test_what_is_frozen_is_copied_once_and_stays_the_same_object(clock: list[float]) -> None:
    kept: list[dict[str, Any]] = []
    saver, still, moving = Saver(lambda _: None, kept.append), torch.zeros(1), torch.zeros(1)
    begun = replace(at(1), network={"still": still, "moving": moving})
    saver.begin(begun)
    for epoch, frozen in ((2, {"still"}), (3, {"still"}), (4, set()), (5, {"still"})):
        moving += 1
        still += float(epoch >= 4)  # as soon as it is frozen no more
        saver.save(replace(begun, position=replace(begun.position, epoch=epoch), frozen=frozenset(frozen)))
    saver.wait()
    _, second, third, fourth, fifth = (state["network"] for state in kept)
    assert list(second) == ["still", "moving"]
    assert second["still"] is third["still"] is not still
    assert [float(each["still"]) for each in (second, third, fourth, fifth)] == [0, 0, 1, 2]
    assert [float(each["moving"]) for each in (second, third, fourth, fifth)] == [1, 2, 3, 4]
    assert "frozen" not in kept[0]


def test_what_is_kept_can_be_waited_for_without_what_is_written(clock: list[float]) -> None:
    writing = threading.Event()
    kept: list[dict[str, Any]] = []
    saver = Saver(lambda _: assert_in_time(writing), kept.append)
    saver.save(at(2))
    saver.wait_until_kept()
    assert [state["epoch"] for state in kept] == [2]
    writing.set()
    saver.wait()


def test_trouble_with_what_is_to_be_kept_is_raised_by_who_waits_for_it(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    saver.wait_until_kept()  # nothing
    disk.full = True
    saver.save(at(2))
    with pytest.raises(OSError, match="no space left"):
        saver.wait_until_kept()
    saver.wait()


def test_trouble_of_the_thread_is_raised_by_the_next_call_and_once(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    disk.full = True
    saver.save(at(2))
    with pytest.raises(OSError, match="no space left"):
        saver.save(at(3))
    saver.wait()
    disk.full = False
    saver.save(at(4), can_wait=True)
    saver.save(at(5), can_wait=True)
    disk.full = True
    with pytest.raises(OSError, match="no space left"):
        saver.wait()
    saver.wait()


def test_within_an_epoch_it_is_due_once_a_minute(disk: Disk, clock: list[float]) -> None:
    saver = Saver(disk.write, disk.keep)
    assert not saver.due()
    clock[0] += 60.0
    assert saver.due()
    saver.save(at(2))
    assert not saver.due()
    saver.wait()


def test_a_process_that_does_not_lead_writes_nothing(disk: Disk, clock: list[float]) -> None:
    saver = Saver(None, disk.keep)
    saver.begin(at(1))
    saver.save(at(2))
    clock[0] += 1000.0
    assert not saver.due()
    saver.wait()
    assert disk.seen == []
