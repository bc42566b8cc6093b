import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK
from cnnstudio.gui.widgets.prediction_bars import PredictionBars

CLASSES = ("robin", "wren", "magpie", "great tit", "blue tit", "jay")
PROBABILITIES = (0.05, 0.6, 0.2, 0.1, 0.0499, 0.0001)


@pytest.fixture
def bars(qtbot: QtBot) -> PredictionBars:
    bars = PredictionBars()
    bars.set_tokens(DARK)
    bars.resize(300, 200)
    qtbot.addWidget(bars)
    return bars


def length(picture: QImage, color: str) -> int:
    """Longest run of a colour in a row of pixels."""
    wanted = QColor(color).rgb()
    rows = ((picture.pixel(x, y) == wanted for x in range(picture.width())) for y in range(picture.height()))
    return max(sum(row) for row in rows)


def test_likeliest_first_and_no_more_than_asked_for(bars: PredictionBars) -> None:
    bars.show_prediction(CLASSES, PROBABILITIES, top=3)
    assert bars.rows == (("wren", 0.6), ("magpie", 0.2), ("great tit", 0.1))


def test_bars_are_as_long_as_the_probabilities(bars: PredictionBars) -> None:
    bars.show_prediction(CLASSES, PROBABILITIES)
    picture = bars.grab().toImage()
    assert length(picture, DARK.accent) == pytest.approx(0.6 * 300, abs=3)
    assert length(picture, DARK.muted) == pytest.approx(0.2 * 300, abs=3)


def test_screen_reader_hears_classes_and_percentages(bars: PredictionBars) -> None:
    bars.show_prediction(CLASSES, PROBABILITIES, top=6)
    assert bars.accessibleDescription() == (
        "wren 60.0 %, magpie 20.0 %, great tit 10.0 %, robin 5.0 %, blue tit 5.0 %, jay < 0.1 %"
    )


def test_takes_what_an_event_carries(bars: PredictionBars) -> None:
    bars.show_prediction(CLASSES, np.array(PROBABILITIES, np.float32).tolist(), top=1)
    assert bars.rows[0][0] == "wren"
    assert bars.rows[0][1] == pytest.approx(0.6)


def test_nothing_moves_when_the_prediction_comes(bars: PredictionBars) -> None:
    before = bars.sizeHint()
    bars.show_prediction(CLASSES, PROBABILITIES)
    assert bars.sizeHint() == before


def test_words_stand_in_for_no_prediction(bars: PredictionBars) -> None:
    bars.show_prediction(CLASSES, PROBABILITIES)
    bars.clear()
    assert bars.rows == ()
    assert bars.accessibleDescription() == "The likeliest classes appear here"
    assert length(bars.grab().toImage(), DARK.muted) > 0


def test_numbers_must_match_the_classes(bars: PredictionBars) -> None:
    with pytest.raises(ValueError, match="6 classes, but 2 probabilities"):
        bars.show_prediction(CLASSES, (0.5, 0.5))
