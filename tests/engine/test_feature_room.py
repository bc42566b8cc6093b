"""Features are in memory, in a file, or not kept at all."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest

from cnnstudio.core.events import Warned
from cnnstudio.engine.feature_room import FeatureRoom

MAPS = (64, 50, 50)  # 320,000 bytes
WHOLE = 320_000 * (80 * 4 + 20)
LEAST = 320_000 * (80 + 20)


def look(
    monkeypatch: pytest.MonkeyPatch, memory: float, disk: float, shape: tuple[int, ...] = MAPS
) -> tuple[FeatureRoom, list[str]]:
    """Look for room for 80 training images in 4 views and 20 others, with some bytes free."""
    told: list[Warned] = []
    free = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=memory))
    monkeypatch.setattr("cnnstudio.engine.feature_room.psutil", free)
    monkeypatch.setattr("cnnstudio.engine.feature_room.disk_room", lambda: disk)
    found = FeatureRoom.of(shape, train=80, val=20, views=4, report=told.append)
    return found, [each.text for each in told]


@pytest.mark.parametrize(
    ("memory", "disk", "views", "on_disk"),
    [
        (4 * WHOLE, 0, 4, False),
        (4 * WHOLE - 4, 2 * WHOLE, 3, False),  # fewer views in memory are better than all of them in a file
        (4 * LEAST, 0, 1, False),
        (4 * LEAST - 4, 2 * WHOLE, 4, True),
        (4 * LEAST - 4, 2 * WHOLE - 2, 3, True),
        (0, 2 * LEAST, 1, True),
        (0, 2 * LEAST - 2, 0, False),
    ],
)
def test_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, memory: float, disk: float, views: int, on_disk: bool
) -> None:
    found, told = look(monkeypatch, memory, disk)
    assert found == FeatureRoom(MAPS, views, on_disk=on_disk)
    assert bool(told) == (on_disk or not views)


def test_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _, told = look(monkeypatch, 0, 20e9, (64, 80, 80))
    kept = "the features of the frozen part take 0.3 GB, more than there is memory for"
    assert told == [f"{kept}: they are in a file while the run lasts"]
    _, told = look(monkeypatch, 0, 2e7, (64, 80, 80))
    refused = "the features of the frozen part would take 0.1 GB of memory, and the disk has room for 0.0 GB"
    assert told == [f"{refused}, so it runs in every epoch"]


def test_large_features_are_sooner_computed_than_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = look(monkeypatch, 0, 1e15, (64, 112, 112))
    assert found.views == 0
    assert told == ["the features of the frozen part would take 0.2 GB of memory, so it runs in every epoch"]
    assert look(monkeypatch, 1e15, 0, (64, 112, 112))[0].views == 4


@pytest.mark.parametrize(("memory", "views"), [(4 * WHOLE, 4), (0, 0)])
def test_where_nothing_can_be_written_there_is_no_room_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, memory: float, views: int
) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise PermissionError(13, "Permission denied")

    free = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=memory))
    monkeypatch.setattr("cnnstudio.engine.feature_room.psutil", free)
    monkeypatch.setattr("cnnstudio.data.room.platformdirs.user_cache_path", refuse)
    told: list[Warned] = []
    assert FeatureRoom.of(MAPS, train=80, val=20, views=4, report=told.append).views == views
    assert bool(told) == (not views)


@pytest.mark.parametrize("on_disk", [False, True])
def test_it_takes_what_it_is_given(on_disk: bool) -> None:
    found = FeatureRoom((3, 2), 1, on_disk=on_disk).allocate(5)
    assert isinstance(found, np.memmap) == on_disk
    assert found.shape == (5, 3, 2)
    assert found.dtype == np.float16
    values = np.arange(30, dtype=np.float16).reshape(5, 3, 2)
    found[:] = values
    np.testing.assert_array_equal(found, values)
    assert list(Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)).glob("cnnstudio-*")) == []
