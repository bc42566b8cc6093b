import numpy as np
import pytest
from PySide6.QtWidgets import QLabel, QScrollArea, QSpinBox, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Watch
from cnnstudio.gui.pages.train_page import TrainPage
from cnnstudio.gui.panels.network_panel import NetworkPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.loss_plot import LossPlot
from cnnstudio.gui.widgets.map_wall import MapWall
from cnnstudio.gui.widgets.stage_column import StageColumn
from tests.e2e.gestures import child, choose, press
from tests.gui.events import ended, epoch, maps, started, step
from tests.gui.sessions import begin, begin_run, feed, finish


@pytest.fixture
def page(train_pages: QStackedWidget) -> TrainPage:
    return child(train_pages, TrainPage, "train_page")


@pytest.fixture
def running(page: TrainPage, session: Session) -> TrainPage:
    session.set_value("train.epochs", 10)
    begin_run(session, started(epochs=10))
    return page


def curves(page: TrainPage) -> LossPlot:
    return child(page, LossPlot, "train.curves")


def points(page: TrainPage, curve: str) -> list[tuple[float, float]]:
    x, y = curves(page).drawn(curve)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def test_the_curves_are_what_the_run_reports(running: TrainPage, session: Session) -> None:
    feed(session, step(0.5, loss=1.5, accuracy=0.25), step(1.0, loss=1.0, accuracy=0.5), epoch(1, val_accuracy=0.625))
    feed(session, step(1.5, loss=0.5), epoch(2, val_accuracy=0.75), step(2.5, loss=0.25))
    assert points(running, "train_loss_steps") == [(0.5, 1.5), (1.0, 1.0), (1.5, 0.5), (2.5, 0.25)]
    assert points(running, "val_loss") == [(1.0, 0.55), (2.0, 0.55)]
    assert points(running, "val_accuracy") == [(1.0, 0.625), (2.0, 0.75)]
    smooth = [value for _, value in points(running, "train_loss")]
    assert smooth[0] == 1.5
    assert smooth == sorted(smooth, reverse=True)
    assert curves(running).best_epoch == 2
    assert curves(running).accessibleDescription().startswith("Epoch 2 of 10: train loss 0.600, val loss 0.550, ")


def test_a_worse_epoch_leaves_the_mark_where_it_is(running: TrainPage, session: Session) -> None:
    feed(session, epoch(1), epoch(2, val_accuracy=0.7, best=False))
    assert curves(running).best_epoch == 1


def test_a_second_run_begins_with_empty_curves_over_its_own_epochs(running: TrainPage, session: Session) -> None:
    feed(session, step(1.0), epoch(1), ended())
    finish(session)
    assert len(points(running, "train_loss_steps")) == 1
    session.set_value("train.epochs", 30)
    assert len(points(running, "train_loss_steps")) == 1  # the settings are the next run's
    begin(session)
    assert [points(running, curve) for curve in ("train_loss_steps", "train_loss", "val_loss")] == [[], [], []]
    feed(session, started(epochs=30), epoch(1))
    assert curves(running).accessibleDescription().startswith("Epoch 1 of 30: ")


def test_what_came_while_the_page_was_hidden_is_drawn_when_it_is_seen(
    train_pages: QStackedWidget, running: TrainPage, session: Session
) -> None:
    train_pages.setCurrentIndex(1)
    feed(session, step(0.5), step(1.0), epoch(1))
    assert points(running, "train_loss_steps") == []
    train_pages.setCurrentIndex(0)
    assert [x for x, _ in points(running, "train_loss_steps")] == [0.5, 1.0]
    assert [x for x, _ in points(running, "val_loss")] == [1.0]


def test_maps_are_asked_for_only_while_the_page_is_seen(
    train_pages: QStackedWidget, running: TrainPage, session: Session
) -> None:
    assert session.run.host.control.watched == Watch("features.6")
    train_pages.setCurrentIndex(1)
    assert session.run.host.control.watched == Watch("")
    train_pages.setCurrentIndex(0)
    assert session.run.host.control.watched == Watch("features.6")
    train_pages.hide()
    assert session.run.host.control.watched == Watch("")


def test_a_run_that_begins_behind_another_page_computes_no_maps(
    train_pages: QStackedWidget, page: TrainPage, session: Session
) -> None:
    train_pages.setCurrentIndex(1)
    begin_run(session, started())
    assert session.run.host.control.watched == Watch("")
    train_pages.setCurrentIndex(0)
    assert session.run.host.control.watched == Watch("features.6")


def test_maps_reach_the_wall(running: TrainPage, session: Session) -> None:
    picture = maps("features.6", channels=48)
    feed(session, step(0.5), picture)
    assert np.array_equal(child(running, MapWall, "train.maps").canvas.maps, picture.tiles)
    assert child(running, QLabel, "train.maps.answer").text() == "wren 90.0 %"


def test_the_network_and_the_maps_lead_to_each_other(running: TrainPage, session: Session) -> None:
    network, column = child(running, NetworkPanel, "network"), child(running, StageColumn, "stage_column")
    press(running, "train.maps.stage.features.20")
    assert (network.layer(), column.chosen) == ("features.20", "stage3")
    column.setCurrentRow(1)
    assert network.layer() == "features.7"
    assert child(running, ComboField, "train.maps.layer").value() == "features.7"
    assert session.state.watch.layer == "features.7"
    choose(running, "train.maps.layer", "features.24")
    assert (network.layer(), column.chosen) == ("features.24", "stage4")


def test_a_layer_without_maps_leaves_the_wall_as_it_is(running: TrainPage, session: Session) -> None:
    column = child(running, StageColumn, "stage_column")
    column.setCurrentRow(column.count() - 1)
    assert child(running, NetworkPanel, "network").layer() == "classifier"
    assert session.state.watch.layer == "features.6"


def test_everything_fits_a_window_of_1280_by_800(qtbot: QtBot, running: TrainPage, session: Session) -> None:
    feed(session, step(1.0), epoch(1), maps("features.6", channels=64))
    scroll = running.findChild(QScrollArea)
    assert scroll is not None
    for name in ("train.curves_card", "train.figures", "train.maps_card", "train.settings"):
        card = child(running, QWidget, name)
        assert running.rect().contains(card.mapTo(running, card.rect().bottomRight())), name
    assert scroll.horizontalScrollBar().maximum() == 0
    assert running.minimumSizeHint().width() < running.width()
    assert child(running, QSpinBox, "train.epochs").width() >= 80


def test_a_change_of_theme_reaches_curves_and_maps(running: TrainPage, session: Session, theme: Theme) -> None:
    feed(session, step(0.5), step(1.0), epoch(1), maps("features.6"))
    bright = running.grab().toImage().pixelColor(30, 60).lightness()
    theme.set_mode("dark")
    assert bright > 200
    assert running.grab().toImage().pixelColor(30, 60).lightness() < 60
