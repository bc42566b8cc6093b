import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.control import Change, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Phase, RunEnded, StepEnded
from cnnstudio.core.pictures import FeatureMaps, FeatureRows
from cnnstudio.runtime.frames import Message, Rests, Wish, read_messages, read_wish, write_message, write_wish
from tests.pictures import feature_maps

STEP = StepEnded(step=1, epoch=0.1, loss=2.0, accuracy=0.5, lr=0.1, images_per_second=10.0, aux_losses={"aux1": 1.5})
ENDED = RunEnded(reason="stopped", best_val_accuracy=None, seconds=1.0, run="/runs/\udcff", message="a\nb")


def maps(channels: int = 3, *, image: str = "/images/\udcffé.png") -> FeatureMaps:
    """Return maps whose pixels take every value, line breaks among them."""
    tiles = np.arange(channels * 20 * 15, dtype=np.int64).astype(np.uint8).reshape(channels, 20, 15)
    answer = np.array([0.25, 0.1, 0.65], dtype=np.float32)
    return feature_maps("features.3", tiles, shape=(channels, 41, 30), image=image, probabilities=answer, step=12)


def written(*messages: Message) -> bytes:
    stream = io.BytesIO()
    for message in messages:
        write_message(stream, message)
    return stream.getvalue()


def read(content: bytes) -> list[Message]:
    return list(read_messages(io.BytesIO(content)))


def assert_same_maps(one: Message, other: FeatureMaps) -> None:
    assert isinstance(one, FeatureMaps)
    assert (one.layer, one.shape, one.image, one.step) == (other.layer, other.shape, other.image, other.step)
    assert one.tiles.dtype == np.uint8
    assert one.probabilities.dtype == np.float32
    np.testing.assert_array_equal(one.tiles, other.tiles)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_what_is_told_arrives_as_it_was_and_in_order() -> None:
    empty = replace(maps(), tiles=np.zeros((0, 4, 4), np.uint8), probabilities=np.zeros(0, np.float32))
    told: list[Message] = [Phase(text="Reading", done=0.5), STEP, Rests(True), Rests(False), ENDED]
    found = read(written(told[0], maps(), *told[1:3], empty, maps(1), *told[3:]))
    assert [found[at] for at in (0, 2, 3, 6, 7)] == told
    assert_same_maps(found[1], maps())
    assert_same_maps(found[4], empty)
    assert_same_maps(found[5], maps(1))
    assert len(found) == 8


def test_rows_of_maps_arrive_with_their_sizes() -> None:
    rows = FeatureRows(
        layers=("stem", "layer1"),
        images=("a.png", "a.png"),
        shapes=((2, 4, 4), (3, 9, 9)),
        sizes=((4, 4), (2, 2)),
        tiles=np.arange(2 * 16 + 3 * 4, dtype=np.uint8),
        ranges=np.arange(10, dtype=np.float32).reshape(5, 2),
        activity=np.arange(5, dtype=np.float32),
        probabilities=np.full((2, 2), 0.5, np.float32),
        pixels=np.zeros((2, 4, 4, 3), np.uint8),
        step=3,
    )
    (found,) = read(written(rows))
    assert isinstance(found, FeatureRows)
    first, second = found.rows()
    assert (first.layer, second.layer, second.shape, second.step) == ("stem", "layer1", (3, 9, 9), 3)
    np.testing.assert_array_equal(first.tiles.ravel(), np.arange(32))
    np.testing.assert_array_equal(second.tiles, np.arange(32, 44).reshape(3, 2, 2))
    np.testing.assert_array_equal(second.ranges, [[4, 5], [6, 7], [8, 9]])
    np.testing.assert_array_equal(second.activity, [2, 3, 4])


def test_a_refusal_arrives_whole() -> None:
    (found,) = read(written(InputError("no such folder", where="/images/é", remedy="check the path")))
    assert isinstance(found, InputError)
    assert found.one_line() == "no such folder [/images/é]: check the path"


def test_pixels_can_be_written_to() -> None:  # as those of a run in the same process, by which views go
    (found,) = read(written(maps()))
    assert isinstance(found, FeatureMaps)
    assert found.tiles.flags.writeable


@pytest.mark.parametrize(
    "garbage",
    [
        b"Intel MKL WARNING: no such thing\n",
        b"\x00\xff\xfe\n",
        b"\n",
        b"17\n",
        b"null\n",
        b'"picture"\n',
        b'{"picture": {}}\n',
        b'{"picture": "Popen", "fields": {}, "arrays": []}\n',
        b'{"picture": "FeatureMaps", "fields": {}, "arrays": []}\n',
        b'{"picture": "FeatureMaps", "fields": {}, "arrays": [["tiles", "|u1", [-1, 2]]]}\n',
        b'{"picture": "FeatureMaps", "fields": {}, "arrays": [["tiles", "|u1", [99999, 9999, 9999]]]}\n',
        b'{"picture": "FeatureMaps", "fields": {}, "arrays": [["tiles", "|O", [1, 1]]]}\n',
        b'{"refused": 3}\n',
        b'{"event": "step", "version": 1}\n',
        b'{"event": "step", "version": 99}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_is_no_message_is_passed_over(garbage: bytes) -> None:
    found = read(garbage + written(STEP, maps()) + garbage + written(ENDED))
    assert [found[0], found[2]] == [STEP, ENDED]
    assert_same_maps(found[1], maps())


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_garbage_breaks_the_reader(before: bytes, after: bytes) -> None:
    assert STEP in read(before + b"\n" + written(STEP) + after)


def test_a_message_that_breaks_off_is_the_end() -> None:
    whole = written(STEP, maps())
    for size in range(len(written(STEP)), len(whole), 97):
        assert read(whole[:size]) == [STEP]


@pytest.mark.parametrize(
    "wish",
    [
        Wish(False, False, Watch()),
        Wish(False, False, Watch(), 0, (Change("train.lr", 0.1), Change("train.epochs", 3))),
        Wish(True, True, Watch("conv", "/images/\udcff.png")),
        Wish(True, False, Watch(layers=("stem", "layer1"), images=("a.png",))),
    ],
)
def test_a_wish_is_one_line(wish: Wish) -> None:
    stream = io.BytesIO()
    write_wish(stream, wish)
    assert stream.getvalue().count(b"\n") == 1
    assert json.loads(stream.getvalue())["stop"] == wish.stop
    assert read_wish(stream.getvalue()) == wish
