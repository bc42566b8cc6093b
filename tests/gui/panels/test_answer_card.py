from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cnnstudio.engine.evaluate import Prediction
from cnnstudio.gui.panels.answer_card import AnswerCard
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.prediction_bars import PredictionBars

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox")


@pytest.mark.parametrize(("best", "doubt"), [(0.5, False), (0.49, True)])
def test_five_classes_and_a_hint_where_none_stands_out(qtbot: QtBot, theme: Theme, best: float, *, doubt: bool) -> None:
    card = AnswerCard(theme)
    qtbot.addWidget(card)
    card.show()
    rest = (1 - best) / 5
    card.show_prediction(Prediction(Path("a.png"), CLASSES, np.array([rest, rest, best, rest, rest, rest], np.float32)))
    bars, hint = card.findChild(PredictionBars), card.findChild(QLabel, "test.doubt")
    assert bars is not None
    assert hint is not None
    assert [name for name, _ in bars.rows] == ["cat", "ant", "bee", "dog", "eel"]
    assert bars.rows[0][1] == pytest.approx(best)
    assert (hint.isVisible(), hint.text()) == (doubt, "The network is not sure.")
    card.clear()
    assert bars.rows == ()
    assert not hint.isVisible()
