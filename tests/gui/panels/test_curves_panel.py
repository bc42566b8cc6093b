import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.events import Scalar, StepEnded
from cnnstudio.core.serial import to_line
from cnnstudio.gui.panels.curves_panel import CurvesPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.runtime.runs import PastRun
from tests.e2e.gestures import child, press
from tests.gui.events import changed, epoch, started, step
from tests.gui.sessions import begin, feed, notice


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> CurvesPanel:
    panel = CurvesPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(600, 320)
    panel.show()
    session.set_value("train.epochs", 4)
    begin(session)
    feed(session, started(epochs=4))
    return panel


def aux_step(at: float, phase: str = "all layers") -> StepEnded:
    heads = {"aux1": 2.0 - at / 4, "aux2": 1.5}
    return step(at).model_copy(update={"aux_losses": heads, "gradient_norm": 0.5 * at, "phase": phase, "lr": 1e-3 * at})


def view(panel: CurvesPanel, name: str) -> None:
    press(panel, f"train.curves.view.{name}")


def past(folder: Path, *events: Scalar) -> PastRun:
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(to_line(each) + "\n" for each in events), encoding="utf-8")
    return PastRun(folder, Config(), ("a", "b"), 0.5, 1, "finished", 0.0)


def action(panel: CurvesPanel, name: str) -> QAction:
    found = panel.findChild(QAction, name)
    assert found is not None, name
    return found


def behind(panel: CurvesPanel, text: str) -> QAction:
    return next(action for action in panel._compare.actions() if action.text() == text)


def test_auxiliary_losses_have_curves_of_their_own(panel: CurvesPanel, session: Session) -> None:
    feed(session, aux_step(0.5), aux_step(1.0))
    assert panel.loss.drawn("aux_aux1")[1].tolist()[0] == pytest.approx(1.875)
    assert panel.loss.drawn("aux_aux2")[1].tolist() == pytest.approx([1.5, 1.5])
    begin(session)
    assert "aux_aux1" not in panel.loss.legend.entries


def test_curves_begin_anew_with_their_run(panel: CurvesPanel, session: Session) -> None:
    feed(session, step(0.5, loss=3.0), step(1.0, loss=2.0))
    feed(session, step(1.5, loss=1.5), started(epochs=4), step(0.5, loss=2.5))
    assert panel.loss.drawn("train_loss")[1].tolist() == [2.5]


def test_each_view_shows_its_figure(panel: CurvesPanel, session: Session) -> None:
    feed(session, aux_step(0.5), aux_step(1.0))
    assert panel.traces["lr"].drawn("lr")[0].tolist() == []  # nobody looks
    view(panel, "lr")
    assert panel.traces["lr"].drawn("lr")[1].tolist() == [0.0005, 0.001]
    assert panel.traces["lr"].isVisible()
    assert panel.traces["lr"].legend.isVisible()
    view(panel, "gradient_norm")
    assert panel.traces["gradient_norm"].drawn("gradient_norm_steps")[1].tolist() == [0.25, 0.5]
    view(panel, "images_per_second")
    assert len(panel.traces["images_per_second"].drawn("images_per_second")[1]) == 2
    assert not panel.loss.isVisible()


def test_a_figure_that_is_not_known_leaves_its_curve_empty(panel: CurvesPanel, session: Session) -> None:
    feed(session, step(0.5))
    view(panel, "gradient_norm")
    assert panel.traces["gradient_norm"].drawn("gradient_norm")[1].tolist() == []


def test_parts_of_the_run_are_banded(panel: CurvesPanel, session: Session) -> None:
    feed(session, aux_step(0.5, "head only"), aux_step(1.0, "head only"), aux_step(1.5), aux_step(2.5))
    assert panel.loss.phases == (("head only", 0, 1), ("all layers", 1, 2.5))


def test_log_counts_powers_of_ten_in_every_view(panel: CurvesPanel, session: Session) -> None:
    feed(session, aux_step(0.5), aux_step(1.0))
    QTest.keyClick(child(panel, QPushButton, "train.curves.log"), Qt.Key.Key_Space)
    assert panel.loss.axes.log
    assert panel.traces["lr"].axes.log


def test_an_earlier_run_stands_behind(panel: CurvesPanel, session: Session, qtbot: QtBot, tmp_path: Path) -> None:
    assert not panel._compare.isEnabled()
    run = past(tmp_path / "birds-1", step(0.5, loss=3.0), epoch(1, val_accuracy=0.25))
    session._set(recent=(run,))
    assert [action.text() for action in panel._compare.actions()] == ["Nothing", "birds-1"]
    behind(panel, "birds-1").trigger()
    qtbot.waitUntil(lambda: len(panel.loss.ghost("val_accuracy")[0]) == 1)
    assert panel.loss.ghost("val_accuracy")[1].tolist() == [0.25]
    assert panel.loss.ghost("train_loss")[1].tolist() == [3.0]
    assert panel.subtitle() == "behind: birds-1"
    assert behind(panel, "birds-1").isChecked()
    behind(panel, "Nothing").trigger()
    assert panel.loss.ghost("train_loss")[1].tolist() == []
    assert panel.subtitle() == ""


def test_a_run_without_a_log_is_told(panel: CurvesPanel, session: Session, qtbot: QtBot, tmp_path: Path) -> None:
    run = past(tmp_path / "birds-1")
    (tmp_path / "birds-1" / "events.jsonl").unlink()
    session._set(recent=(run,))
    behind(panel, "birds-1").trigger()
    qtbot.waitUntil(lambda: notice(session)[0] == "error")
    assert "curves cannot be read" in notice(session)[1]


def test_numbers_are_saved_where_the_dialog_says(
    panel: CurvesPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(session, aux_step(0.5), aux_step(1.0), epoch(1))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "curves"), ""))
    action(panel, "train.curves.save.csv").trigger()
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {row[0] for row in rows[1:]} == {
        *("train_loss", "val_loss", "train_accuracy", "val_accuracy", "aux_aux1", "aux_aux2"),
        *("lr", "gradient_norm", "images_per_second"),
    }
    assert notice(session) == ("info", f"The curves are saved: {tmp_path / 'curves.csv'}")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "c.png"), ""))
    action(panel, "train.curves.save.png").trigger()
    assert notice(session)[0] == "error"


def test_pills_are_reached_by_name(panel: CurvesPanel) -> None:
    assert child(panel, PillRow, "train.curves.view").options() == ("loss", "lr", "gradient_norm", "images_per_second")


def test_changes_are_marked_on_all_plots_and_saved(panel: CurvesPanel, session: Session, tmp_path: Path) -> None:
    steps = [step(number / 10) for number in range(1, 21)]
    lr = changed(0.5, "train.lr", 0.003, 0.0015, "lr × 0.5")
    pause, on = changed(1.0, "run.paused", 0, 1, "paused"), changed(1.0, "run.paused", 1, 0, "goes on")
    longer = changed(1.5, "train.epochs", 4, 6, "6 epochs")
    feed(session, *steps, lr, pause, on, longer, lr)
    labels = [(mark.epoch, mark.label) for mark in panel.loss.marks]
    assert labels == [(0.5, "lr × 0.5"), (1.0, "paused"), (1.5, "6 epochs")]
    assert all(plot.marks == panel.loss.marks for plot in panel.traces.values())
    assert panel.loss.axes.epoch_range == pytest.approx((0, 6))
    panel.save(tmp_path / "curves.csv")
    rows = list(csv.reader((tmp_path / "curves.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[-3:] == [
        ["changed train.lr", "0.5", "0.0015"],
        ["changed run.paused", "1", "1"],
        ["changed train.epochs", "1.5", "6"],
    ]
    panel.save(tmp_path / "curves.svg")
    assert "lr × 0.5" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    begin(session)
    assert not panel.loss.marks
