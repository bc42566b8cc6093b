from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor, QFont, QImage
from pytestqt.qtbot import QtBot

from cnnstudio.core.errors import InputError
from cnnstudio.gui.theme import DARK
from cnnstudio.gui.widgets.colormaps import rgb_table
from cnnstudio.gui.widgets.map_scale import Figures, MapStyle
from cnnstudio.gui.widgets.map_sheet import Sheet, save_sheet
from cnnstudio.gui.widgets.map_wall import MapWall


def color(value: int) -> QColor:
    return QColor(*rgb_table("inferno")[value].tolist())


def save(sheet: Sheet, path: Path) -> QImage:
    save_sheet(sheet, path, title="Feature maps", note="conv · step 3", tokens=DARK, font=QFont())
    return QImage(str(path))


def colors(image: QImage) -> set[int]:
    return {image.pixel(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 5)}


@pytest.fixture
def wall(qtbot: QtBot) -> MapWall:
    wall = MapWall()
    wall.resize(200, 60)  # too small for all tiles, which are saved all the same
    qtbot.addWidget(wall)
    wall.set_style(MapStyle(scaling="shared"))
    wall.set_tokens(DARK)
    ranges = np.stack([np.zeros(80), np.linspace(1, 4, 80)], 1).astype(np.float32)
    ranges[5] = 0
    tiles = np.full((80, 4, 4), 255, np.uint8)
    wall.show_maps(tiles, figures=Figures(ranges, np.ones(80, np.float32)))
    wall.show()
    qtbot.waitExposed(wall)
    return wall


def test_all_tiles_are_saved_with_their_key(wall: MapWall, tmp_path: Path) -> None:
    sheet = wall.sheet()
    assert (sheet.key, sheet.words) == (("0", "4"), "80 channels · 1 dead (×): zero everywhere")
    assert sheet.size.width() == 16 * 70 - 6  # 16 tiles a row
    image = save(sheet, tmp_path / "maps.png")
    assert image.width() == 2 * (sheet.size.width() + 32)
    found = colors(image)
    assert {color(64).rgb(), color(255).rgb()} <= found  # the first tile and the last
    assert QColor(DARK.ground).rgb() in found  # the dead one
    assert image.pixelColor(2, 2) == QColor(DARK.card)


def test_an_enlarged_map_is_saved_alone(wall: MapWall, tmp_path: Path) -> None:
    wall.enlarge(0)
    sheet = wall.sheet()
    image = save(sheet, tmp_path / "map.png")
    assert sheet.words == "channel 0 of 80 · 0 to 1 · mean magnitude 1"
    assert image.pixelColor(image.width() // 2, image.height() // 2) == color(64)
    assert color(255).rgb() not in {image.pixel(x, image.height() // 2) for x in range(image.width())}


def test_a_file_that_cannot_be_written_is_named(wall: MapWall, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file cannot be written") as refused:
        save(wall.sheet(), tmp_path / "missing" / "maps.png")
    assert refused.value.where == str(tmp_path / "missing" / "maps.png")
