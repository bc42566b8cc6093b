import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Phase, RunEnded, RunStarted, SetAside, StepEnded, Warned
from cnnstudio.core.serial import FORMAT_VERSION, from_line, to_line

# Not U+D800 to U+DBFF: such a half followed by its other half is one character in JSON. What remains has Python's
# stand-ins for the bytes of file names that are no Unicode, U+DC80 to U+DCFF.
TEXT = st.text(st.characters(codec=None, exclude_characters=[chr(code) for code in range(0xD800, 0xDC00)]))
AnyScalar = RunStarted | Phase | StepEnded | EpochEnded | Warned | RunEnded

COUNT = st.integers(0, 2**63)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)

EVENTS = st.one_of(
    st.builds(
        RunStarted,
        event=st.just("run_started"),
        config=st.builds(Config, data=st.just({"folder": "images", "val_fraction": 0.25})),
        run=TEXT,
        device=TEXT,
        precision=TEXT,
        weights=TEXT,
        classes=st.lists(TEXT).map(tuple),
        layers=st.lists(TEXT).map(tuple),
        set_aside=st.lists(st.builds(SetAside, path=TEXT, reason=TEXT)).map(tuple),
        train_images=COUNT,
        val_images=COUNT,
        steps_per_epoch=COUNT,
        parameters=COUNT,
        trainable=COUNT,
    ),
    st.builds(Phase, text=TEXT, done=NUMBER | st.none()),
    st.builds(StepEnded, step=COUNT, epoch=NUMBER, loss=NUMBER, accuracy=NUMBER, lr=NUMBER, images_per_second=NUMBER),
    st.builds(
        EpochEnded,
        epoch=COUNT,
        train_loss=NUMBER,
        train_accuracy=NUMBER,
        val_loss=NUMBER,
        val_accuracy=NUMBER,
        images_per_second=NUMBER,
        seconds=NUMBER,
        best=st.booleans(),
    ),
    st.builds(Warned, text=TEXT, path=TEXT),
    st.builds(
        RunEnded,
        reason=st.sampled_from(["finished", "stopped", "failed"]),
        best_val_accuracy=NUMBER | st.none(),
        best_epoch=COUNT | st.none(),
        seconds=NUMBER,
        run=TEXT,
        message=TEXT,
    ),
)


@given(EVENTS)
def test_events_survive_their_line(event: AnyScalar) -> None:
    assert from_line(to_line(event)) == event


@given(EVENTS)
def test_line_is_one_line_of_standard_json_in_ascii(event: AnyScalar) -> None:
    line = to_line(event)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    tree = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (tree["event"], tree["version"]) == (event.event, FORMAT_VERSION)


def test_file_name_that_is_no_unicode_survives_a_log_on_disk(tmp_path: Path) -> None:
    event = Warned(text="set aside", path=os.fsdecode(b"/photos/caf\xe9\xff/\xf0\x9f\x91\xa9.png"))
    log = tmp_path / "events.jsonl"
    log.write_text(to_line(event) + "\n", encoding="utf-8")
    read = from_line(log.read_text(encoding="utf-8"))
    assert read == event
    assert isinstance(read, Warned)
    assert os.fsencode(read.path) == b"/photos/caf\xe9\xff/\xf0\x9f\x91\xa9.png" or os.name == "nt"


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029", "\x1c", "\v", "\f", "\r\n"])
def test_separators_in_text_do_not_break_a_log_into_other_lines(separator: str) -> None:
    events: list[AnyScalar] = [Warned(text=f"a{separator}b"), Phase(text=separator)]
    log = "\n".join(to_line(event) for event in events)
    assert [from_line(line) for line in log.splitlines()] == events


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None, 1.5, [1], {"major": 1}])
def test_other_version_is_refused_before_its_fields_are_looked_at(version: object) -> None:
    with pytest.raises(InputError) as error:
        from_line(json.dumps({"event": "novel", "version": version}))
    assert str(error.value) == f"event format {version} is not 1: open it with the CNN Studio that wrote it"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\x00\x00\x00",
        "null",
        "[]",
        "7",
        '"version"',
        "{}",
        '{"event": "phase", "text": "Reading"}',
        '{"event": "phase", "version": 1}',
        '{"event": "novel", "version": 1}',
        '{"version": 1, "text": "Reading"}',
        '{"event": "phase", "version": 1, "text": 5}',
        '{"event": "phase", "version": 1, "text": "Reading", "done": NaN}',
        '{"event": "phase", "version": 1, "text": "Reading", "done": 1e999}',
        "[" * 100_000,
        '{"event": "phase", "version": ' + "9" * 10_000,
    ],
    ids=lambda line: line[:40] or "empty",
)
def test_damaged_line_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(InputError, match=r"^damaged event line") as error:
        from_line(line)
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).endswith(": remove the line")


@given(event=EVENTS, data=st.data())
def test_line_cut_short_is_refused(event: AnyScalar, data: st.DataObject) -> None:
    line = to_line(event)
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(InputError, match=r"^damaged event line"):
        from_line(line[:cut])


@given(st.text(st.characters(codec=None)))
def test_any_text_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(InputError) as error:
        from_line(line)
    assert len(str(error.value).splitlines()) == 1


def test_field_of_a_later_program_is_ignored() -> None:
    tree: dict[str, Any] = json.loads(to_line(Phase(text="Reading", done=0.5)))
    assert from_line(json.dumps(tree | {"remaining": 9})) == Phase(text="Reading", done=0.5)
