import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Watch
from cnnstudio.core.events import LayerPulse
from cnnstudio.gui.panels.live_views import LiveViews
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from tests.e2e.gestures import child, press
from tests.gui.events import epoch, pulse, started, step, summary
from tests.gui.panels.test_doctor_panel import overfits, tiny
from tests.gui.sessions import begin, feed

CARDS = ("train.maps_card", "train.gradients_card", "train.doctor_card")


@pytest.fixture
def views(qtbot: QtBot, session: Session, theme: Theme) -> LiveViews:
    views = LiveViews(session, theme)
    qtbot.addWidget(views)
    views.resize(820, 380)
    views.show()
    qtbot.waitExposed(views)
    session._set(summary=summary())
    begin(session)
    return views


def seen(views: LiveViews) -> list[str]:
    return [name for name in CARDS if child(views, QWidget, name).isVisible()]


def test_one_view_is_seen_at_a_time_by_mouse_and_keys(views: LiveViews) -> None:
    assert seen(views) == ["train.maps_card"]
    press(views, "train.views.gradients")
    assert seen(views) == ["train.gradients_card"]
    QTest.keyClick(child(views, QPushButton, "train.views.gradients"), Qt.Key.Key_Right)
    QTest.keyClick(child(views, QPushButton, "train.views.doctor"), Qt.Key.Key_Space)
    assert seen(views) == ["train.doctor_card"]


def test_a_view_that_would_like_to_be_higher_pushes_nothing_away(views: LiveViews) -> None:
    needed = views.heightForWidth(820)
    press(views, "train.views.step")
    assert views.heightForWidth(820) == needed == views.minimumSizeHint().height()


def test_maps_are_computed_only_while_they_are_seen(views: LiveViews, session: Session) -> None:
    feed(session, started())
    assert session.run.host.control.watched == Watch("features.6")
    press(views, "train.views.doctor")
    assert session.run.host.control.watched == Watch("")
    views.hide()
    views.show()
    assert session.run.host.control.watched == Watch("")
    press(views, "train.views.maps")
    assert session.run.host.control.watched == Watch("features.6")
    views.hide()
    assert session.run.host.control.watched == Watch("")


def test_the_doctor_says_on_its_pill_how_much_it_has_found(views: LiveViews, session: Session) -> None:
    pill = child(views, QPushButton, "train.views.doctor")
    feed(session, tiny(), step(1.0), epoch(1))
    assert (pill.text(), pill.accessibleName()) == ("Doctor · 1", "View: Doctor · 1")
    feed(session, *overfits(9))
    assert pill.text() == "Doctor · 2"
    begin(session)
    assert pill.text() == "Doctor"


def test_evidence_is_a_part_of_a_curve_or_the_layers(views: LiveViews, session: Session, qtbot: QtBot) -> None:
    feed(session, tiny(batch_size=16), step(1.0), *overfits(9))
    press(views, "train.views.doctor")
    with qtbot.waitSignal(views.evidence_chosen) as asked:
        press(views, "train.doctor.0.show")
    assert asked.args == ["val_loss", 2.0, 8.0]
    layer = LayerPulse(path="fc1", gradient=1.0, weight=1.0, update=1e-3, dead=0.7)
    feed(session, *(pulse(at, layer) for at in (1.0, 2.0, 3.0)))
    assert child(views, QPushButton, "train.views.doctor").text() == "Doctor · 2"
    press(views, "train.doctor.0.show")
    assert seen(views) == ["train.gradients_card"]
