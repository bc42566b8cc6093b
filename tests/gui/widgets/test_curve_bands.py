import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK
from cnnstudio.gui.widgets.curve_axes import CurveAxes
from cnnstudio.gui.widgets.curve_bands import CurveBands


@pytest.fixture
def bands(qtbot: QtBot) -> CurveBands:
    axes = CurveAxes()
    qtbot.addWidget(axes)
    axes.set_epochs(10)
    return CurveBands(axes)


def test_a_run_of_one_part_has_no_bands(bands: CurveBands) -> None:
    bands.begin("all layers", 0)
    bands.end_at(4)
    assert len(bands.drawn) == 0


def test_a_band_lasts_until_the_next_one(bands: CurveBands) -> None:
    bands.begin("head only", 0)
    bands.begin("head only", 1)
    bands.begin("all layers", 3)
    bands.end_at(5.5)
    assert list(bands.drawn) == [("head only", 0, 3), ("all layers", 3, 5.5)]
    assert [words.toPlainText() for _, words in bands._items] == ["head only", "all layers"]


def test_bands_follow_the_theme_and_go(bands: CurveBands) -> None:
    bands.begin("head only", 0)
    bands.begin("all layers", 3)
    bands.set_tokens(DARK)
    region, _ = bands._items[0]
    assert region.brush.color().name().upper() == DARK.frozen.upper()
    bands.clear()
    assert region.getViewBox() is None
