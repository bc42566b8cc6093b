"""A safetensors file whose header lies is refused, or holds what it says; no crash, no hang, no memory without end."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as to_safetensors

from cnnstudio.core.errors import InputError
from cnnstudio.models.state_files import read_state

STATE = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.int16)}
WHOLE = to_safetensors(STATE)
START = 8 + int.from_bytes(WHOLE[:8], "little")
HEADER: dict[str, Any] = json.loads(WHOLE[8:START])
BODY = WHOLE[START:]

MOST = 2**64 - 1
NUMBERS = st.one_of(
    st.integers(-2, 40),
    st.sampled_from([2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, MOST, 2**65, -1, 1.5, None, "4", True]),
)
WIDE = ("F64", "I64", "U64", "C64", "F32", "I32", "U32")
NARROW = ("F16", "BF16", "I16", "U16", "I8", "U8", "BOOL", "F8_E4M3", "F8_E8M0", "F6_E2M3", "F4")
DTYPES = st.sampled_from((*WIDE, *NARROW, "F128", "f32", "", 4, None))
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "dtype": DTYPES,
        "shape": st.lists(NUMBERS, max_size=4),
        "data_offsets": st.one_of(st.lists(NUMBERS, min_size=2, max_size=2), st.lists(NUMBERS, max_size=3)),
        "other": NUMBERS,
    },
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
quietly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)


def packed(header: bytes, body: bytes = BODY, *, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + body


def read_or_refused(path: Path, content: bytes) -> None:
    """Read in both ways: what is not refused holds exactly as many bytes as its body."""
    path.write_bytes(content)
    where: list[str] = []
    for shapes_only in (False, True):
        try:
            state = read_state(path, shapes_only=shapes_only)
        except InputError as error:
            where.append(error.where)
            continue
        taken = sum(each.numel() * each.element_size() for each in state.values())
        assert taken <= len(content)
        assert state
    assert set(where) <= {str(path)}


@given(changes=st.dictionaries(st.sampled_from(["a", "b", "c", "__metadata__"]), ENTRIES, min_size=1))
@example(changes={"a": {"shape": [2**62, 8]}})
@example(changes={"a": {"shape": [0, 2**63 - 1], "data_offsets": [0, 0]}})
@example(changes={"b": {"data_offsets": [24, MOST]}})
@example(changes={"b": {"data_offsets": [0, 8]}})
@example(changes={"b": {"dtype": "F4", "shape": [16]}})
@quietly
def test_entries_that_lie(changes: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    header = {**HEADER, **{name: {**HEADER.get(name, {}), **change} for name, change in changes.items()}}
    read_or_refused(tmp_path / "weights.safetensors", packed(json.dumps(header).encode()))


@given(length=st.one_of(st.integers(0, 2 * len(WHOLE)), st.sampled_from([2**31, 2**40, 2**63 - 1, 2**63, MOST])))
@quietly
def test_a_length_that_lies(length: int, tmp_path: Path) -> None:
    read_or_refused(tmp_path / "weights.safetensors", packed(WHOLE[8:START], length=length))


@given(cut=st.integers(0, len(WHOLE)), more=st.binary(max_size=20))
@quietly
def test_a_body_that_is_too_short_or_too_long(cut: int, more: bytes, tmp_path: Path) -> None:
    if cut or more:
        read_or_refused(tmp_path / "weights.safetensors", WHOLE[:cut] + more)


@given(text=st.text(max_size=60), nested=st.integers(0, 3000))
@quietly
def test_a_header_that_is_no_table(text: str, nested: int, tmp_path: Path) -> None:
    for header in (f"{{{text}}}", "{" + '"a":[' * nested + "]" * nested + "}", f'{{"a": {text}}}'):
        read_or_refused(tmp_path / "weights.safetensors", packed(header.encode("utf-8", "replace")))


@given(flips=st.lists(st.tuples(st.integers(0, START - 1), st.integers(0, 255)), min_size=1, max_size=4))
@quietly
def test_bytes_of_the_header_that_are_others(flips: list[tuple[int, int]], tmp_path: Path) -> None:
    content = bytearray(WHOLE)
    for place, byte in flips:
        content[place] = byte
    read_or_refused(tmp_path / "weights.safetensors", bytes(content))


def test_the_file_without_lies_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(packed(json.dumps(HEADER).encode()))
    state = read_state(path)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)
    assert set(state) == set(STATE)
