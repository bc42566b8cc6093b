import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.config import Config
from cnnstudio.core.events import EndReason, RunEnded, RunStarted, Scalar, StepEnded, Warned
from cnnstudio.core.lock import exclusive
from cnnstudio.core.serial import to_line
from cnnstudio.runtime.follow import Follower, GrowingLog
from cnnstudio.runtime.runs import read_run, recent_runs


def started(*, resumed: int = 0) -> RunStarted:
    return RunStarted(
        run="/cluster/run", config=Config(), device="", precision="", classes=("a",), train_images=1, val_images=1,
        steps_per_epoch=5, parameters=1, trainable=1, weights="", resumed_step=resumed,
    )  # fmt: skip


def step(number: int, loss: float = 1.0) -> StepEnded:
    return StepEnded(step=number, epoch=number / 5, loss=loss, accuracy=0.5, lr=0.1, images_per_second=9)


def ended(reason: EndReason) -> RunEnded:
    return RunEnded(reason=reason, best_val_accuracy=None, seconds=1.0, run="/cluster/run")


def text(*events: Scalar) -> bytes:
    return "".join(to_line(event) + "\n" for event in events).encode()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.toml").write_text(Config().to_toml())
    (folder / "classes.json").write_text(json.dumps(["ant", "bee"]))
    (folder / "events.jsonl").touch()
    return folder


@pytest.fixture
def writer(run: Path) -> Iterator[ExitStack]:
    """Hold the run as the process that writes it does, until the stack is closed."""
    with ExitStack() as stack:
        stack.enter_context(exclusive(run / ".lock", lambda: pytest.fail("held already")))
        yield stack


def write(run: Path, added: bytes) -> None:
    with (run / "events.jsonl").open("ab") as log:
        log.write(added)


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)), st.data())
def test_lines_arrive_whole_and_once_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = GrowingLog(path)
    assert log.read() == ([], False)
    content = "".join(line + "\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    found: list[str] = []
    for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        with path.open("ab") as file:
            file.write(content[begin:end])
        whole = content[:end].count(b"\n")
        added, anew = log.read()
        found += added
        assert (found, anew) == (lines[:whole], False)
    assert log.read() == ([], False)


def test_a_file_that_was_cut_off_or_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = GrowingLog(path)
    path.write_bytes(b"one\ntwo\nthr")
    assert log.read() == (["one", "two"], False)
    path.write_bytes(b"1\n")
    assert log.read() == (["1"], True)
    other = tmp_path / "other"
    other.write_bytes(b"first\nsecond\n")  # longer, so that the size alone would not tell
    other.replace(path)
    assert log.read() == (["first", "second"], True)
    path.unlink()
    assert log.read() == ([], False)


def test_what_is_told_arrives_until_the_end(run: Path, writer: ExitStack) -> None:
    follower = Follower(run)
    write(run, text(started()) + text(step(1))[:20])
    news = follower.poll()
    assert [event.event for event in news.events] == ["run_started"]
    assert isinstance(news.events[0], RunStarted)
    assert news.events[0].run == str(run)  # where this machine sees it
    assert (news.anew, news.over) == (False, False)
    write(run, text(step(1))[20:] + b'{"event": "st\n' + text(step(2)))
    assert follower.poll().events == (step(1), step(2))
    assert follower.poll().events == ()
    write(run, text(ended("finished")))
    news = follower.poll()
    assert [event.event for event in news.events] == ["run_ended"]
    assert news.over


def test_a_run_that_began_anew_is_told_anew(run: Path, writer: ExitStack) -> None:
    follower = Follower(run)
    write(run, text(started(), step(1), step(2), step(3, 9.9)))
    assert len(follower.poll().events) == 4
    write(run, text(ended("failed")))
    assert not follower.poll().over  # torchrun may start it again
    write(run, text(started(resumed=2), step(3)))
    news = follower.poll()
    assert news.anew
    assert news.events[1:] == (step(1), step(2), step(3))
    again = Follower(run).poll()
    assert again.events == news.events


def test_a_writer_that_is_gone_ends_it_after_a_while(run: Path, writer: ExitStack) -> None:
    follower = Follower(run, grace=0.0)
    write(run, text(started(), Warned(text="noted")))
    assert not follower.poll().over
    assert not follower.poll().over  # silent, but alive
    writer.close()
    assert follower.poll().over
    assert not Follower(run, grace=60.0).poll().over


def test_a_run_under_way_is_listed_and_cannot_be_resumed(run: Path, writer: ExitStack) -> None:
    (listed,) = recent_runs(inside=run.parent)  # although it has kept nothing yet
    assert listed.written
    (run / "last.ckpt").touch()
    assert read_run(run).next_epoch is None
    writer.close()
    assert not read_run(run).written
    assert read_run(run).next_epoch == 1
