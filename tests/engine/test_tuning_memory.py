"""What was measured is found again; what is damaged is measured again."""

import json
from pathlib import Path

import pytest

from cnnstudio.core.events import Tried
from cnnstudio.engine import tuning_memory
from cnnstudio.engine.tuning_memory import Finding, keep, recall

FINDING = Finding(
    precision="float32",
    memory_format="channels_last",
    images=8,
    tried=(Tried(precision="float32", memory_format="channels_last", images_per_second=21.5),),
)


def path() -> Path:
    return tuning_memory._path()


def test_a_finding_is_kept_under_its_key() -> None:
    assert recall("a") is None
    keep("a", FINDING)
    other = FINDING.model_copy(update={"tried": (), "deterministic_cost": 1.5})
    keep("b", other)
    assert (recall("a"), recall("b"), recall("c")) == (FINDING, other, None)
    assert [each.name for each in path().parent.iterdir()] == ["tuning.json"]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"a"', '{"a": 3}', '{"a": {"precision": "float32"}}', "[" * 9_999])
def test_what_is_damaged_is_as_if_it_were_not_there_and_is_replaced(text: str) -> None:
    path().parent.mkdir(parents=True)
    path().write_text(text)
    assert recall("a") is None
    keep("a", FINDING)
    assert recall("a") == FINDING


def test_bytes_that_are_no_text_are_damage() -> None:
    path().parent.mkdir(parents=True)
    path().write_bytes(b"\xff\xfe\x00")
    assert recall("a") is None


def test_a_finding_with_a_number_that_is_none_is_damaged() -> None:
    keep("a", FINDING)
    tree = json.loads(path().read_text())
    tree["a"]["deterministic_cost"] = float("nan")
    path().write_text(json.dumps(tree))
    assert recall("a") is None


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_memory, "_MOST", 2)
    for key in ("a", "b", "a", "c"):
        keep(key, FINDING)
    assert [recall(key) for key in ("a", "b", "c")] == [FINDING, None, FINDING]


def test_a_disk_that_cannot_be_written_is_no_fault_of_the_run() -> None:
    path().parent.parent.mkdir(parents=True, exist_ok=True)
    path().parent.write_text("a file in the place of the folder")
    keep("a", FINDING)
    assert recall("a") is None
