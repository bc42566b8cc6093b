"""What all live views have in common: nothing unseen costs anything, and every one can be read, saved and reached."""

import gc
import re
from dataclasses import replace
from typing import Final

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QScrollBar,
    QStackedWidget,
    QWidget,
)

from cnnstudio.core.control import ANY_DROPOUT, ANY_TENSOR, Watch
from cnnstudio.core.events import Event
from cnnstudio.core.pictures import BatchNormScope, DropoutMasks, FeatureMaps, Filters, Picture, StepStage
from cnnstudio.gui.panels.live_card import LiveCard
from cnnstudio.gui.panels.live_views import LiveViews
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView
from cnnstudio.gui.widgets.pill_row import PillRow
from tests.e2e.gestures import child, press
from tests.gui.events import epoch, maps, pulse, step
from tests.gui.filters import filters
from tests.gui.panels.test_batchnorm_panel import opening, scope
from tests.gui.panels.test_doctor_panel import tiny
from tests.gui.panels.test_dropout_panel import masks
from tests.gui.panels.test_step_panel import FORWARD
from tests.gui.sessions import begin_run, feed

WATCHED: Final = {
    "maps": Watch(layer="features.6"),
    "filters": Watch(filters="features.0"),
    "dropout": Watch(dropout=ANY_DROPOUT),
    "batchnorm": Watch(batchnorm="bn1"),
    "gradients": Watch(),
    "step": Watch(tensor=ANY_TENSOR),
    "doctor": Watch(),
}
"""What is to be computed while a view is seen."""

SHOWN: Final[dict[str, tuple[Event, ...]]] = {
    "maps": (maps("features.6"),),
    "filters": (filters(),),
    "dropout": (masks(),),
    "batchnorm": (scope(),),
    "gradients": (pulse(1.0),),
    "step": (FORWARD,),
    "doctor": (tiny(), step(1.0), epoch(1)),
}
"""What gives a view something to show."""

INTERACTIVE: Final = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox)


@pytest.fixture
def views(train_pages: QStackedWidget) -> LiveViews:
    return child(train_pages, LiveViews, "train.live")


@pytest.fixture
def running(views: LiveViews, session: Session) -> LiveViews:
    """Return the views during a run."""
    begin_run(session, opening())
    return views


def names(views: LiveViews) -> tuple[str, ...]:
    return child(views, PillRow, "train.views").options()


def card(views: LiveViews, name: str) -> LiveCard:
    return child(views, LiveCard, f"train.{name}_card")


def see(views: LiveViews, session: Session, name: str) -> LiveCard:
    """Show a view with something in it."""
    press(views, f"train.views.{name}")
    if name == "step":
        session.run.pause()
        session.run.host.held.emit()
    feed(session, *SHOWN[name])
    QApplication.processEvents()
    return card(views, name)


def watched(session: Session) -> Watch:
    return session.run.host.control.watched


def hints(shown: QWidget) -> list[str]:
    """Return the sentences in the middle of what is shown."""
    return [each.text() for each in shown.findChildren(QLabel) if each.isVisible() and each.text().count(" ") > 2]


def test_each_view_is_named_here(views: LiveViews) -> None:
    assert names(views) == ("maps", "filters", "dropout", "batchnorm", "gradients", "step", "doctor")
    assert set(names(views)) == WATCHED.keys() == SHOWN.keys()


def test_only_what_is_seen_is_watched(running: LiveViews, session: Session, train_pages: QStackedWidget) -> None:
    for name in (*names(running), *reversed(names(running))):
        press(running, f"train.views.{name}")
        assert watched(session) == WATCHED[name], name
        train_pages.setCurrentIndex(1)
        assert watched(session) == Watch(), name
        train_pages.setCurrentIndex(0)
        assert watched(session) == WATCHED[name], name
        train_pages.hide()
        assert watched(session) == Watch(), name
        train_pages.show()


def test_only_the_view_that_is_seen_is_given_pictures(
    running: LiveViews, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    for name in names(running):
        monkeypatch.setattr(card(running, name), "take", lambda _picture, name=name: given.append(name))
    pictures = [event for shown in SHOWN.values() for event in shown if isinstance(event, Picture)]
    for name in names(running):
        press(running, f"train.views.{name}")
        given.clear()
        feed(session, *pictures)
        assert given == [name] * len(pictures)


@pytest.mark.parametrize("name", SHOWN)
def test_an_empty_view_says_what_will_appear(views: LiveViews, name: str) -> None:
    press(views, f"train.views.{name}")
    QApplication.processEvents()
    (hint,) = hints(card(views, name))
    assert re.search(r"appears? here", hint), hint
    assert child(views, QPushButton, f"train.{name}.save").isVisible()
    assert not child(views, QPushButton, f"train.{name}.save").isEnabled()


@pytest.mark.parametrize("name", [name for name, watch in WATCHED.items() if watch != Watch()])
def test_a_run_of_another_process_is_said_not_to_be_seen_here(views: LiveViews, session: Session, name: str) -> None:
    press(views, f"train.views.{name}")
    session.run._show(RunView(status="following"))
    session.run.began.emit()
    feed(session, opening())
    QApplication.processEvents()
    (hint,) = hints(card(views, name))
    assert hint.endswith("where the run trains")


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_can_be_saved(running: LiveViews, session: Session, name: str) -> None:
    save = child(running, QPushButton, f"train.{name}.save")
    assert not save.isEnabled()
    shown = see(running, session, name)
    assert save.isVisible()
    assert save.isEnabled()
    assert (save.text(), save.property("role")) == ("Save …", "quiet")
    assert save.accessibleName().startswith("Save ")
    assert save.toolTip() == save.accessibleName()
    place = save.rect().translated(save.mapTo(shown, save.rect().topLeft()))
    assert (shown.width() - place.right(), place.top(), place.height()) == (18, 14, 26)  # the same in all of them


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_is_cut_off_in_the_smallest_window(running: LiveViews, session: Session, name: str) -> None:
    pills = child(running, PillRow, "train.views")
    assert pills.height() < 40  # one row
    shown = see(running, session, name)
    for part in shown.findChildren(QWidget):
        inside = part.rect().translated(part.mapTo(shown, part.rect().topLeft()))
        if part.isVisible() and isinstance(part, INTERACTIVE) and not _scrolls(part, shown):
            assert shown.rect().contains(inside), part.objectName()
            assert part.width() >= part.minimumSizeHint().width(), part.objectName()


@pytest.mark.parametrize("name", SHOWN)
def test_every_control_has_names_and_tab_reaches_it(running: LiveViews, session: Session, name: str) -> None:
    shown = see(running, session, name)
    controls = [
        each
        for each in shown.findChildren(QWidget)
        if each.isVisible()
        and each.isEnabled()
        and each.focusPolicy() & Qt.FocusPolicy.TabFocus
        and each.focusProxy() is None
        and not isinstance(each.parentWidget(), QAbstractSpinBox)
    ]
    assert controls
    for each in controls:
        assert each.objectName(), each
        assert each.accessibleName(), each.objectName()
    for each in shown.findChildren(QWidget):
        if isinstance(each, INTERACTIVE) and each.isVisible() and each.isEnabled():
            unchosen = isinstance(each, QAbstractButton) and each.group() is not None and not each.isChecked()
            assert unchosen or isinstance(each, QScrollBar) or each in controls, each.objectName()
    child(running, QPushButton, f"train.views.{name}").setFocus()
    reached: list[QWidget] = []
    while (focused := QApplication.focusWidget()) is not None and (not reached or shown.isAncestorOf(focused)):
        reached.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    for each in controls:
        assert each in reached, each.objectName()


def _scrolls(part: QWidget, shown: QWidget) -> bool:
    """Whether a part lies in something that is scrolled, or scrolls it."""
    parent = part.parentWidget()
    while parent is not None and parent is not shown and parent.objectName() != "qt_scrollarea_viewport":
        parent = parent.parentWidget()
    return parent is not shown or isinstance(part, QScrollBar)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, shown in SHOWN.items() if isinstance(shown[-1], Picture)])
def test_ten_thousand_pictures_leave_no_memory_behind(running: LiveViews, session: Session, name: str) -> None:
    shown = see(running, session, name)
    (picture,) = SHOWN[name]
    assert isinstance(picture, BatchNormScope | DropoutMasks | FeatureMaps | Filters | StepStage)
    process = psutil.Process()
    memory: dict[int, int] = {}
    for number in range(1, 10_001):
        shown.take(replace(picture, step=number))
        if number % 50 == 0:
            QApplication.processEvents()
        if number in {2_000, 10_000}:
            gc.collect()
            memory[number] = process.memory_info().rss
    assert memory[10_000] - memory[2_000] < 10e6
