import io
import os
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

from cnnstudio.core.events import Event, StepEnded
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.runtime.frames import Message, Rests, read_messages
from cnnstudio.runtime.isolated import Outbox
from tests.pictures import feature_maps


def step(number: int) -> StepEnded:
    return StepEnded(step=number, epoch=0.0, loss=1.0, accuracy=0.5, lr=0.1, images_per_second=10.0)


def maps(number: int, tiles: "np.ndarray[Any, np.dtype[np.uint8]]") -> FeatureMaps:
    return feature_maps("conv", tiles, shape=(64, 128, 128), step=number)


def test_a_slow_reader_stops_nobody_and_gets_the_latest_picture_and_every_scalar() -> None:
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    outbox = Outbox(writing)
    pictures: list[weakref.ref[Any]] = []
    slowest = 0.0
    for number in range(200):  # 200 MB of pictures, and nobody reads
        tiles = np.full((64, 128, 128), number, np.uint8)
        pictures.append(weakref.ref(tiles))
        began = time.monotonic()
        outbox.put(maps(number, tiles))
        outbox.put(step(number))
        slowest = max(slowest, time.monotonic() - began)
        del tiles
    alive = sum(picture() is not None for picture in pictures)
    assert alive <= 3  # that which is being written, that which waits, and one between
    assert slowest < 0.5
    found: list[Message] = []
    reader = threading.Thread(target=lambda: found.extend(read_messages(reading)))
    reader.start()
    outbox.close()
    writing.close()
    reader.join()
    reading.close()
    assert [each.step for each in found if isinstance(each, StepEnded)] == list(range(200))
    shown = [each for each in found if isinstance(each, FeatureMaps)]
    assert shown[-1].step == 199
    assert len(shown) <= 4
    assert all((each.tiles == each.step).all() for each in shown)


def test_once_nobody_reads_everything_is_dropped() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "wb", buffering=0)
    outbox = Outbox(stream)
    os.close(reading)
    tiles = np.zeros((64, 128, 128), np.uint8)
    for number in range(50):
        outbox.put(maps(number, tiles))
        outbox.put(step(number))
    outbox.close()
    stream.close()


@pytest.mark.parametrize("rests", [True, False])
def test_what_came_before_a_rest_is_told_before(rests: bool) -> None:
    stream = io.BytesIO()
    outbox = Outbox(stream)
    told: list[Event] = [step(number) for number in range(100)]
    for event in told:
        outbox.put(event)
    outbox.rest(rests)
    outbox.close()
    found = list(read_messages(io.BytesIO(stream.getvalue())))
    assert found == [*told, *([Rests(True)] if rests else [])]
