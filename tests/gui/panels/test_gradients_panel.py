from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import LayerPulse
from cnnstudio.gui.panels.gradients_panel import GradientsPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.pulse_table import PulseTable
from tests.e2e.gestures import child
from tests.gui.events import pulse, started
from tests.gui.sessions import begin, feed, notice


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme) -> GradientsPanel:
    panel = GradientsPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(800, 320)
    panel.show()
    begin(session)
    feed(session, started())
    return panel


def rows(panel: GradientsPanel) -> list[str]:
    return [row.layer.path for row in child(panel, PulseTable, "train.gradients").rows_model.rows]


def test_the_latest_pulse_is_shown_and_judged_in_words(panel: GradientsPanel, session: Session) -> None:
    assert rows(panel) == []
    assert not child(panel, QPushButton, "train.gradients.save").isEnabled()
    feed(session, pulse(0.5), pulse(1.0))
    assert rows(panel) == ["features.0", "features.7", "features.14", "classifier"]
    assert panel.subtitle() == "step 10 · 4 layers that learn"
    words = child(panel, QLabel, "train.gradients.words").text()
    assert words.startswith("A step changes the weights of a layer by 1.0e-03 of themselves (median): healthy. ")
    feed(session, pulse(1.5, LayerPulse(path="fc", gradient=1.0, weight=1.0, update=0.3)))
    assert "by 3.0e-01 of themselves (median): fast." in child(panel, QLabel, "train.gradients.words").text()
    assert panel.subtitle() == "step 15 · 1 layer that learns"


def test_what_came_while_it_was_hidden_is_drawn_when_it_is_seen(panel: GradientsPanel, session: Session) -> None:
    panel.hide()
    feed(session, pulse(1.0))
    assert rows(panel) == []
    panel.show()
    assert len(rows(panel)) == 4


def test_a_second_run_begins_with_an_empty_table(panel: GradientsPanel, session: Session) -> None:
    feed(session, pulse(1.0))
    begin(session)
    assert rows(panel) == []
    assert not child(panel, QLabel, "train.gradients.words").isVisible()


def test_figures_are_saved_as_a_table(panel: GradientsPanel, session: Session, tmp_path: Path) -> None:
    feed(session, pulse(1.0))
    panel.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "step,layer,gradient_norm,weight_norm,update_to_weight,dead"
    assert lines[1] == "10,features.0,0.02,4.0,0.001,0.1"
    assert lines[4] == "10,classifier,0.5,1.0,0.002,"
    assert notice(session)[0] == "info"
    panel.save(tmp_path / "nowhere" / "a.csv")
    assert notice(session)[0] == "error"
    assert "No such file" in notice(session)[1]
