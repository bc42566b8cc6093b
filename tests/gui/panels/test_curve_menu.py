"""A right click on a point of the curves: the weights of then, and the batch."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import EpochEnded, Event, StepEnded
from cnnstudio.core.history import epoch_file
from cnnstudio.gui.background import Answer
from cnnstudio.gui.pages.test_page import TestPage
from cnnstudio.gui.panels.batch_window import BatchWindow
from cnnstudio.gui.panels.curve_menu import CurveMenu
from cnnstudio.gui.panels.curves_panel import CurvesPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.batch_wall import BatchWall
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.path_line import PathLine
from cnnstudio.runtime.runs import runs_folder
from tests.e2e.gestures import child, press
from tests.engine.kept_runs import SMALL
from tests.gui.events import epoch, started, step
from tests.gui.sessions import WAIT, begin, feed, notice

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def story() -> list[Event]:
    return []


@pytest.fixture
def run(user_home: Path, image_tree: Callable[..., Path], story: list[Event]) -> Path:
    """Return a run of three epochs of three steps, each of four images, that has ended."""
    from cnnstudio.engine.trainer import train

    folder = image_tree(("robin", "wren"), count=8, size=(16, 16))
    settings = [f"data.folder='{folder}'", "data.batch_size=4", "train.epochs=3", "train.lr=0.01", *SMALL]
    train(load_config(None, settings), story.append, Control(), out=runs_folder() / "birds-1")
    return runs_folder() / "birds-1"


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> CurvesPanel:
    panel = CurvesPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(640, 320)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def look_back(qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path) -> None:
    session.open_run(run)
    qtbot.waitUntil(lambda: bool(session.state.history.epochs), timeout=WAIT)
    qtbot.wait(20)  # the layout of the plot follows its first painting
    assert len(panel.loss.drawn("val_loss")[0]) == 3


def menu_at(panel: CurvesPanel, epoch: float) -> CurveMenu:
    """Click with the right button where an epoch is, and return the menu that opens."""
    view = panel.loss.axes.view
    bottom, top = panel.loss.axes.value_range
    place = view.mapFromScene(view.getPlotItem().getViewBox().mapViewToScene(QPointF(epoch, (bottom + top) / 2)))
    QTest.mouseClick(view.viewport(), RIGHT, pos=QPoint(place.x(), place.y()))
    return opened(panel)


def opened(panel: CurvesPanel) -> CurveMenu:
    (menu,) = [each for each in panel.findChildren(CurveMenu, "train.curves.menu") if each.isVisible()]
    return menu


def text(menu: CurveMenu, name: str) -> str:
    found = menu.findChild(QAction, f"train.curves.menu.{name}")
    return found.text() if found else ""


def take(menu: CurveMenu, name: str) -> None:
    action = menu.findChild(QAction, f"train.curves.menu.{name}")
    assert action is not None
    assert action.isEnabled()
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def words(window: BatchWindow, name: str) -> str:
    return child(window, QLabel, f"train.batch.{name}").text()


def batch_of(qtbot: QtBot, panel: CurvesPanel, step: int) -> BatchWindow:
    window = child(panel, BatchWindow, "train.batch")
    qtbot.waitUntil(lambda: words(window, "title").startswith(f"Step {step}: "), timeout=WAIT)
    return window


def files(window: BatchWindow) -> tuple[Path, ...]:
    return child(window, BatchWall, "train.batch.images").files


def asked(qtbot: QtBot, session: Session, image: Path) -> Answer:
    with qtbot.waitSignal(session.questions.predicted, timeout=WAIT) as told:
        session.questions.predict(session.state.model_folder, session.state.model_epoch, image)
    assert told.args is not None
    answer = told.args[0]
    assert isinstance(answer, Answer)
    return answer


def test_the_weights_of_an_epoch_are_asked_and_the_best_ones_again(
    qtbot: QtBot, session: Session, theme: Theme, panel: CurvesPanel, run: Path, story: list[Event]
) -> None:
    from cnnstudio.engine.evaluate import load_model
    from cnnstudio.engine.resume import read_division

    page = TestPage(session, theme)
    qtbot.addWidget(page)
    page.show()
    look_back(qtbot, session, panel, run)
    told = {each.epoch: each for each in story if isinstance(each, EpochEnded)}
    best = max(number for number, each in told.items() if each.best)
    other = next(number for number in told if number != best)
    menu = menu_at(panel, other)
    assert text(menu, "weights") == f"Use the weights of epoch {other}"
    take(menu, "weights")
    assert notice(session)[1] == f"The Test page now uses the weights of epoch {other} of birds-1."
    accuracy = told[other].val_accuracy
    heading = child(page, QLabel, "test.model").text()
    assert heading == f"Compact CNN · epoch {other} of birds-1 · validation accuracy {100 * accuracy:.1f} %"

    division = read_division(run)
    assert division is not None
    root = Path(load_config(run / "config.toml").data.folder)
    answers = [asked(qtbot, session, root / name).prediction.top(1)[0][0] for name in division[1]]
    assert sum(answer in Path(name).parts for answer, name in zip(answers, division[1], strict=True)) == pytest.approx(
        accuracy * len(answers)
    )
    image = root / division[1][0]
    expected = load_model(run, device="cpu", epoch=other).predict(image).probabilities
    of_best = load_model(run, device="cpu").predict(image).probabilities
    assert asked(qtbot, session, image).prediction.probabilities.tolist() == expected.tolist() != of_best.tolist()

    page.ask(image)
    with qtbot.waitSignal(session.questions.predicted, timeout=WAIT) as again:  # what is shown is asked about again
        press(page, "test.model.best")
    assert again.args is not None
    assert again.args[0].prediction.probabilities.tolist() == of_best.tolist()
    assert child(page, QLabel, "test.model").text().startswith(f"Compact CNN · best epoch {best} · ")
    back = child(page, QPushButton, "test.model.best")
    assert not back.isVisible()
    session.use_epoch(other)
    assert back.isVisible()
    session.use_epoch(best)  # which are the best weights
    assert not back.isVisible()
    assert child(page, Card, "test.model_card").subtitle() == ""


def test_another_run_is_asked_for_its_best_weights(
    qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path, untried_run: Path
) -> None:
    look_back(qtbot, session, panel, run)
    take(menu_at(panel, 1), "weights")
    asked = [session.state.model_epoch]
    session.open_run(untried_run)
    asked.append(session.state.model_epoch)
    assert [each and each.epoch for each in asked] == [1, None]
    assert session.state.model_folder == untried_run


def test_where_an_epoch_is_not_kept_the_menu_names_the_nearest_one(
    qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path
) -> None:
    epoch_file(run, 1).unlink()
    look_back(qtbot, session, panel, run)
    assert text(menu_at(panel, 2), "weights") == "Use the weights of epoch 2"
    opened(panel).close()
    menu = menu_at(panel, 1.2)
    assert text(menu, "weights") == "Use the weights of epoch 0, before the first step (epoch 1 is not kept)"
    assert text(menu, "moment") == "Show this moment: epoch 0, before the first step"
    take(menu, "moment")
    assert (session.state.history.chosen, panel.loss.moment.epoch) == (0, 0)


def test_the_weights_become_a_file_and_nothing_is_overwritten(
    qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    from cnnstudio.engine.evaluate import load_model

    suggested: list[str] = []

    def dialog(_parent: object, _title: str, name: str, _filter: str) -> tuple[str, str]:
        suggested.append(name)
        return str(tmp_path / "mine"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    look_back(qtbot, session, panel, run)
    take(menu_at(panel, 2), "save_weights")
    path = tmp_path / "mine.safetensors"
    qtbot.waitUntil(lambda: notice(session)[0] == "info", timeout=WAIT)
    assert notice(session)[1] == f"The weights of epoch 2 of birds-1 are saved: {path}"
    assert suggested == ["birds-1-epoch-2.safetensors"]
    written = path.read_bytes()
    expected = load_model(run, device="cpu", epoch=2).network.state_dict()
    found = load_file(path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    take(menu_at(panel, 3), "save_weights")
    assert notice(session) == ("warn", f"There is a file of that name already, and nothing is overwritten: {path}.")
    assert path.read_bytes() == written


def test_the_batch_of_a_point_is_shown(
    qtbot: QtBot,
    session: Session,
    panel: CurvesPanel,
    run: Path,
    story: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cnnstudio.engine.past_batch import read_batch

    look_back(qtbot, session, panel, run)
    losses = {each.step: each.loss for each in story if isinstance(each, StepEnded)}
    menu = menu_at(panel, 1 + 2 / 3)
    assert text(menu, "batch") == "Show the batch of step 5"
    take(menu, "batch")
    window = batch_of(qtbot, panel, 5)
    expected = read_batch(run, 5, whole=True)
    assert len(files(window)) == 4
    assert files(window) == tuple(image.path for image in expected.images)
    assert words(window, "title") == "Step 5: batch 2 of 3 in epoch 2"
    assert words(window, "loss") == f"Training loss {losses[5]:.3f}"
    assert words(window, "note") == "4 images. As the network saw them."
    assert child(window, BatchWall, "train.batch.images").hasFocus()
    wall = child(window, BatchWall, "train.batch.images")
    assert [wall.item(row).text() for row in range(4)] == [f"{path.parent.name}\n{path.name}" for path in files(window)]
    shown: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", shown.append)
    QTest.mouseClick(wall.viewport(), Qt.MouseButton.LeftButton, pos=wall.visualItemRect(wall.item(2)).center())
    assert child(window, PathLine, "train.batch.path").path() == str(files(window)[2])
    press(window, "train.batch.open")
    QTest.keyClick(wall, Qt.Key.Key_Return)
    assert [Path(url.toLocalFile()) for url in shown] == [files(window)[2]] * 2
    press(window, "train.batch.after")
    batch_of(qtbot, panel, 6)
    assert files(window) == tuple(image.path for image in read_batch(run, 6, whole=True).images)
    for _ in range(3):
        press(window, "train.batch.after")
    batch_of(qtbot, panel, 9)
    assert not child(window, QPushButton, "train.batch.after").isEnabled()


def test_where_the_images_have_gone_a_sentence_says_so(
    qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path
) -> None:
    folder = Path(load_config(run / "config.toml").data.folder)
    folder.rename(folder.with_name("elsewhere"))
    look_back(qtbot, session, panel, run)
    take(menu_at(panel, 1), "batch")
    window = child(panel, BatchWindow, "train.batch")
    qtbot.waitUntil(lambda: str(folder) in words(window, "said"), timeout=WAIT)
    assert child(window, QLabel, "train.batch.said").isVisible()
    assert not child(window, QPushButton, "train.batch.open").isEnabled()


def test_the_menu_key_asks_where_the_hair_stands(qtbot: QtBot, session: Session, panel: CurvesPanel, run: Path) -> None:
    look_back(qtbot, session, panel, run)
    for modifier, key, there in (
        (Qt.KeyboardModifier.NoModifier, Qt.Key.Key_Menu, True),
        (Qt.KeyboardModifier.ShiftModifier, Qt.Key.Key_F10, True),
        (Qt.KeyboardModifier.NoModifier, Qt.Key.Key_Menu, False),
    ):
        if there:
            panel.loss._cursor.move_to(0.4)
        else:
            panel.loss._cursor.hide()
        QTest.keyClick(panel.loss, key, modifier)
        menu = opened(panel)
        assert text(menu, "batch") == f"Show the batch of step {1 if there else 9}"
        QTest.keyClick(menu, Qt.Key.Key_Escape)
    panel.loss._cursor.move_to(0.4)
    QTest.keyClick(panel.loss, Qt.Key.Key_Menu)
    (saving,) = [each for each in opened(panel).findChildren(QMenu) if each.title() == "Save the curves"]
    assert [each.objectName().rpartition(".")[2] for each in saving.actions()] == ["csv", "png", "svg"]
    opened(panel).close()


def test_before_anything_is_kept_the_menu_says_so(qtbot: QtBot, session: Session, panel: CurvesPanel) -> None:
    begin(session)
    feed(session, started(epochs=4), step(0.5), epoch(1))
    qtbot.wait(20)
    menu = menu_at(panel, 0.5)
    weights = menu.findChild(QAction, "train.curves.menu.weights")
    assert weights is not None
    assert (weights.text(), weights.isEnabled()) == ("Use the weights of an epoch (none are kept)", False)
    assert text(menu, "batch") == "Show the batch of step 5"
    menu.close()
