"""The time machine in the window: slider, curves and pictures of a run that has ended, or goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import load_config
from cnnstudio.core.control import Watch
from cnnstudio.core.history import epoch_file
from cnnstudio.core.pictures import FeatureMaps, Picture
from cnnstudio.core.serial import to_line
from cnnstudio.gui.panels.curves_panel import CurvesPanel
from cnnstudio.gui.panels.live_views import LiveViews
from cnnstudio.gui.panels.time_slider import TimeSlider
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.time_line import TimeLine
from tests.engine.kept_runs import SMALL, make_run
from tests.gui.events import ended, epoch, maps, started, step
from tests.gui.sessions import WAIT, begin, feed, finish, notice
from tests.gui.widgets.pointer import LEFT

LAYERS = ("features.0", "features.7")


@pytest.fixture
def past_run(tmp_path: Path, image_tree: Callable[..., Path]) -> Path:
    """Return the folder of a run that has ended, with a history of three epochs."""
    folder = image_tree(("robin", "wren"), count=4, size=(16, 16))
    run = tmp_path / "birds-1"
    config = load_config(None, [f"data.folder='{folder}'", "train.epochs=3", *SMALL])
    make_run(run, config, classes=("robin", "wren"))
    opening = started(run="/elsewhere/birds-1", epochs=3, layers=LAYERS).model_copy(update={"config": config})
    numbers = [(number, epoch(number, best=number < 3)) for number in (1, 2, 3)]
    story = [opening, *(event for number, told in numbers for event in (step(float(number)), told))]
    lines = [to_line(event) for event in (*story, ended(at=2, run="/elsewhere/birds-1"))]
    (run / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return run


@pytest.fixture
def views(qtbot: QtBot, session: Session, theme: Theme) -> LiveViews:
    session._set(torch_ready=True)
    views = LiveViews(session, theme)
    views.resize(800, 400)
    qtbot.addWidget(views)
    views.show()
    qtbot.waitExposed(views)
    return views


@pytest.fixture
def pictures(session: Session) -> list[Picture]:
    seen: list[Picture] = []
    session.history.pictured.connect(seen.append)
    return seen


def line(views: LiveViews) -> TimeLine:
    found = views.findChild(TimeLine, "train.time.slider")
    assert found is not None
    return found


def words(views: LiveViews) -> str:
    found = views.findChild(QLabel, "train.time.words")
    assert found is not None
    return found.text()


def steps_seen(pictures: list[Picture]) -> list[int]:
    assert all(isinstance(each, FeatureMaps) for each in pictures)
    return [each.step for each in pictures if isinstance(each, FeatureMaps)]


def wait_for(qtbot: QtBot, pictures: list[Picture], step: int) -> None:
    qtbot.waitUntil(lambda: steps_seen(pictures)[-1] == step, timeout=WAIT)


def open_past(qtbot: QtBot, session: Session, run: Path, pictures: list[Picture]) -> None:
    session.open_run(run)
    qtbot.waitUntil(lambda: bool(pictures), timeout=WAIT)


def test_a_finished_run_shows_its_curves_and_its_last_epoch(
    qtbot: QtBot, session: Session, theme: Theme, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    curves = CurvesPanel(session, theme)
    qtbot.addWidget(curves)
    before = session.state.config
    shown = [line(views).isVisible()]
    open_past(qtbot, session, past_run, pictures)
    shown.append(line(views).isVisible())
    assert shown == [False, True]
    curves.loss.refresh()
    assert curves.loss.drawn("val_loss")[0].tolist() == [1, 2, 3]
    assert curves.loss.axes.epoch_range == pytest.approx((0, 3))
    state = session.state
    assert (state.run.status, state.config, state.history.epochs) == ("ended", before, (0, 1, 2, 3))
    assert (line(views).value(), line(views).maximum(), line(views).best, words(views)) == (3, 3, 2, "Epoch 3")
    assert steps_seen(pictures) == [30]


def test_keys_go_through_the_epochs_and_the_curves_show_where(
    qtbot: QtBot, session: Session, theme: Theme, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    curves = CurvesPanel(session, theme)
    qtbot.addWidget(curves)
    open_past(qtbot, session, past_run, pictures)
    for key, at, said in ((Qt.Key.Key_Home, 0, "Epoch 0"), (Qt.Key.Key_Right, 1, "Epoch 1")):
        QTest.keyClick(line(views), key)
        wait_for(qtbot, pictures, 10 * at)
        assert (words(views), curves.loss.moment.epoch) == (said, at)
    QTest.keyClick(line(views), Qt.Key.Key_Right)
    assert words(views) == "Epoch 2 · best"
    QTest.keyClick(line(views), Qt.Key.Key_End)
    assert (words(views), curves.loss.moment.epoch) == ("Epoch 3", None)


def test_the_mouse_moves_the_slider(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    open_past(qtbot, session, past_run, pictures)
    QTest.mouseClick(line(views), LEFT, pos=line(views).place(1).toPoint() + QPoint(5, 0))
    assert session.state.history.chosen == 1
    QTest.mousePress(line(views), LEFT, pos=line(views).place(1).toPoint())
    QTest.mouseMove(line(views), line(views).place(0).toPoint())
    QTest.mouseRelease(line(views), LEFT, pos=line(views).place(0).toPoint())
    assert session.state.history.chosen == 0
    qtbot.waitUntil(lambda: steps_seen(pictures)[-1] == 0, timeout=WAIT)


def test_a_click_on_the_curves_moves_the_slider(
    qtbot: QtBot, session: Session, theme: Theme, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    curves = CurvesPanel(session, theme)
    curves.resize(600, 300)
    qtbot.addWidget(curves)
    curves.show()
    qtbot.waitExposed(curves)
    open_past(qtbot, session, past_run, pictures)
    qtbot.wait(20)  # the layout of the plot follows its first painting
    view = curves.loss.axes.view
    place = view.mapFromScene(view.getPlotItem().getViewBox().mapViewToScene(QPointF(1.2, 0.5)))
    QTest.mouseClick(view.viewport(), LEFT, pos=QPoint(place.x(), place.y()))
    qtbot.waitUntil(lambda: session.state.history.chosen == 1, timeout=WAIT)
    assert line(views).value() == 1
    qtbot.waitUntil(lambda: steps_seen(pictures)[-1] == 10, timeout=WAIT)


def test_play_shows_every_epoch_in_turn(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    open_past(qtbot, session, past_run, pictures)
    slider = views.findChild(TimeSlider, "train.time")
    button = views.findChild(QPushButton, "train.time.play")
    assert slider is not None
    assert button is not None
    slider._timer.setInterval(1)
    pictures.clear()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert button.accessibleName() == "Stop playing"
    qtbot.waitUntil(lambda: not button.isChecked() and not session.history.busy, timeout=WAIT)
    assert steps_seen(pictures) == [0, 10, 20, 30]
    assert button.accessibleName() == "Play all epochs"


def test_a_damaged_epoch_is_named_and_passed_over(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    epoch_file(past_run, 1).write_bytes(b"nonsense")
    open_past(qtbot, session, past_run, pictures)
    session.history.choose(1)
    qtbot.waitUntil(lambda: session.state.history.epochs == (0, 2, 3), timeout=WAIT)
    path = epoch_file(past_run, 1)
    assert notice(session) == ("warn", f"The weights of epoch 1 are damaged: {path}. Choose another epoch.")
    qtbot.waitUntil(lambda: steps_seen(pictures)[-1] in {0, 20}, timeout=WAIT)
    assert line(views).maximum() == 2


def test_while_an_epoch_is_shown_the_run_computes_nothing_and_live_pictures_wait(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(session)
    opening = started(run=str(past_run), layers=LAYERS)
    feed(session, opening, step(1.0), epoch(1), step(2.0), epoch(2), step(3.0), epoch(3, best=False))
    qtbot.waitUntil(lambda: session.state.history.epochs == (0, 1, 2, 3), timeout=WAIT)
    assert (words(views), line(views).value(), line(views).maximum()) == ("Live", 4, 4)
    control = session.run.host.control
    assert control.watched == Watch("features.0")
    taken: list[Picture] = []
    card = views._current
    really = card.take

    def take(picture: Picture) -> None:
        taken.append(picture)
        really(picture)

    monkeypatch.setattr(card, "take", take)
    QTest.keyClick(line(views), Qt.Key.Key_Home)
    assert control.watched == Watch()
    feed(session, maps("features.0"))
    qtbot.waitUntil(lambda: bool(taken), timeout=WAIT)
    assert steps_seen(taken) == [0]
    session.history.choose_near(2.4)
    qtbot.waitUntil(lambda: steps_seen(taken)[-1] == 20, timeout=WAIT)
    session.history.choose_near(3.8)
    assert (words(views), control.watched) == ("Live", Watch("features.0"))
    feed(session, maps("features.0"))
    assert steps_seen(taken)[-1] == 10  # that of `maps`

    feed(session, ended(run=str(past_run)))
    finish(session)
    qtbot.waitUntil(lambda: steps_seen(taken)[-1] == 30, timeout=WAIT)
    assert words(views) == "Epoch 3"


def test_another_run_begins_live(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    open_past(qtbot, session, past_run, pictures)
    session.history.choose(1)
    begin(session)
    assert session.state.history.chosen is None
    assert session.state.history.epochs == ()
    assert (line(views).isEnabled(), words(views)) == (False, "Live")


def test_layers_can_be_chosen_after_the_run_and_views_without_pictures_disable_the_slider(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    open_past(qtbot, session, past_run, pictures)
    views.choose_layer("features.7")
    qtbot.waitUntil(lambda: isinstance(pictures[-1], FeatureMaps) and pictures[-1].layer == "features.7", timeout=WAIT)
    doctor = views.findChild(QPushButton, "train.views.doctor")
    assert doctor is not None
    place = line(views).geometry()
    doctor.click()
    assert (line(views).isEnabled(), words(views)) == (False, "Not in this view")
    assert (line(views).isVisible(), line(views).geometry()) == (True, place)
    shown = len(pictures)
    maps_pill = views.findChild(QPushButton, "train.views.maps")
    assert maps_pill is not None
    maps_pill.click()
    assert line(views).isEnabled()
    qtbot.waitUntil(lambda: len(pictures) > shown, timeout=WAIT)


def test_the_line_says_where_it_is_and_marks_the_best(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path, pictures: list[Picture]
) -> None:
    open_past(qtbot, session, past_run, pictures)
    assert line(views).accessibleName() == "Epoch that is shown"
    assert line(views).accessibleDescription() == "Epoch 3"
    image = line(views).grab().toImage()
    best, other = line(views).place(2).toPoint(), line(views).place(1).toPoint()
    colors = [image.pixelColor(at.x(), at.y() - 9).name().upper() for at in (best, other)]
    assert colors[0] == "#1F8A5B"
    assert colors[1] != "#1F8A5B"


def test_the_views_keep_their_place_when_the_first_epoch_is_kept(
    qtbot: QtBot, session: Session, views: LiveViews, past_run: Path
) -> None:
    begin(session)
    feed(session, started(run=str(past_run.with_name("none")), layers=LAYERS), step(0.5))
    qtbot.wait(20)
    before = views._stack.geometry()
    assert (line(views).isVisible(), line(views).isEnabled(), words(views)) == (True, False, "Live")
    assert line(views).place(0) == line(views).place(line(views).maximum())
    feed(session, started(run=str(past_run), layers=LAYERS), step(1.0), epoch(1))
    qtbot.waitUntil(lambda: line(views).isEnabled(), timeout=WAIT)
    assert views._stack.geometry() == before
    finish(session)
