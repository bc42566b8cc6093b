"""What headers tell of images before a run begins."""

import itertools
from pathlib import Path

import pytest
from PIL import Image

from cnnstudio.core.errors import StopRun
from cnnstudio.data import glance as room
from cnnstudio.data.glance import glance
from cnnstudio.data.scan import Catalog, scan


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for number in range(6):
        path = tmp_path / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return scan(tmp_path)


def spoil(catalog: Catalog, index: int, content: bytes) -> str:
    catalog.images[index].path.write_bytes(content)
    return str(catalog.images[index].path)


def test_what_shows_in_headers_is_named_with_its_reason(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnstudio.data.images.MAX_PIXELS", 16)
    large = catalog.images[5].path
    Image.new("RGB", (5, 4)).save(large)
    text = spoil(catalog, 1, b"only words")
    spoil(catalog, 0, catalog.images[0].path.read_bytes()[:50])  # damaged behind its header
    found = {each.path: each.reason for each in glance(catalog, range(6), lambda: None)}
    assert found == {text: "not an image of a supported format", str(large): found[str(large)]}
    assert "more than" in found[str(large)]


def test_only_those_that_are_asked_for_are_looked_at(catalog: Catalog) -> None:
    words = [spoil(catalog, index, b"only words") for index in range(6)]
    assert [each.path for each in glance(catalog, [2, 4], lambda: None)] == [words[2], words[4]]


def test_it_ends_when_its_time_is_up(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_AT_ONCE", 2)
    words = [spoil(catalog, index, b"only words") for index in range(6)]
    seconds = itertools.count(0.0, 0.6)  # it began at 0, and looks at 0.6 and at 1.2
    assert [each.path for each in glance(catalog, range(6), lambda: None, lambda: next(seconds))] == words[:2]


def test_it_can_be_given_up(catalog: Catalog) -> None:
    def stop() -> None:
        raise StopRun

    with pytest.raises(StopRun):
        glance(catalog, range(6), stop)
