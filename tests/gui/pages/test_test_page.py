from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.events import EpochEnded, RunStarted
from cnnstudio.gui.background import Answer
from cnnstudio.gui.pages.test_page import TestPage
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.banner import Banner
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.drop_area import DropArea
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.picture_view import PictureView
from cnnstudio.gui.widgets.prediction_bars import PredictionBars
from tests.gui.sessions import feed

T = TypeVar("T", bound=QWidget)
Drop = Callable[[QWidget, Path], bool]
Runs = tuple[Path, Path]


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, runs: Runs, session: Session) -> TestPage:
    """Return the page with two runs to choose from, the first of which is asked."""
    page = make(qtbot, theme, session)
    session.open_run(runs[0])
    return page


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """Return a photograph that lies on its side until its EXIF orientation is heeded."""
    image = Image.new("RGB", (60, 40), (210, 50, 40))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "red.jpg", exif=exif)
    return tmp_path / "red.jpg"


def make(qtbot: QtBot, theme: Theme, session: Session) -> TestPage:
    page = TestPage(session, theme)
    qtbot.addWidget(page)
    page.resize(1184, 728)
    page.show()
    qtbot.waitExposed(page)
    return page


def part(page: TestPage, kind: type[T], name: str) -> T:
    """Return the only visible widget of that name."""
    (found,) = [each for each in page.findChildren(kind, name) if each.isVisible()]
    return found


def text(page: TestPage, name: str) -> str:
    label = page.findChild(QLabel, name)
    assert label is not None
    return label.text() if label.isVisible() else ""


def bars(page: TestPage) -> PredictionBars:
    return part(page, PredictionBars, "prediction_bars")


def answered(qtbot: QtBot, session: Session, ask: Callable[[], object]) -> Answer:
    with qtbot.waitSignal(session.questions.predicted, timeout=60_000) as told:
        ask()
    assert told.args is not None
    answer = told.args[0]
    assert isinstance(answer, Answer)
    return answer


def expected(run: Path, image: Path) -> dict[str, float]:
    from cnnstudio.engine.evaluate import load_model

    return dict(load_model(run, device="cpu").predict(image).top(5))


def test_without_a_model_it_says_what_to_do(
    qtbot: QtBot, theme: Theme, session: Session, red: Path, drag: Drop
) -> None:
    page = make(qtbot, theme, session)
    assert text(page, "test.no_model") == "Train a network first"
    assert text(page, "test.no_model.advice").startswith("Open a folder on the Data page and press Start.")
    assert not drag(page, red)


def test_an_earlier_run_can_be_chosen_instead(qtbot: QtBot, theme: Theme, runs: Runs, session: Session) -> None:
    page = make(qtbot, theme, session)
    assert text(page, "test.no_model") == "Train a network first, or choose an earlier run"
    QTest.mouseClick(part(page, QWidget, "test.recent.colours-compact-2"), Qt.MouseButton.LeftButton)
    assert session.state.model_folder == runs[1]
    assert part(page, ComboField, "test.run").currentText() == "colours-compact-2"
    assert part(page, DropArea, "test.drop").accessibleName() == "Drop an image here"


def test_the_model_is_named(page: TestPage, session: Session, runs: Runs) -> None:
    accuracy = next(run for run in session.state.recent if run.path == runs[0]).best_val_accuracy
    assert accuracy is not None
    assert text(page, "test.model") == f"Compact CNN · best epoch 1 · {100 * accuracy:.1f} %"
    assert text(page, "test.classes") == "It knows 2 classes: ant, bee."


@pytest.mark.parametrize("place", ["test.drop", "test.model_card", ""])
def test_an_image_dropped_anywhere_is_answered(
    qtbot: QtBot, page: TestPage, session: Session, runs: Runs, red: Path, drop: Drop, place: str
) -> None:
    target = part(page, QWidget, place) if place else page
    answered(qtbot, session, lambda: drop(target, red))
    assert dict(bars(page).rows) == pytest.approx(expected(runs[0], red))
    assert part(page, Card, "test.image_card").title() == "red.jpg"
    image = part(page, PictureView, "test.image").image()
    assert (image.width(), image.height()) == (40, 60)
    assert image.pixelColor(20, 30).red() == pytest.approx(210, abs=4)


def test_a_click_browses(
    qtbot: QtBot, page: TestPage, session: Session, red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [("", ""), (str(red), "")]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: answers.pop(0))
    QTest.mouseClick(part(page, DropArea, "test.drop"), Qt.MouseButton.LeftButton)
    answered(qtbot, session, lambda: QTest.keyClick(part(page, DropArea, "test.drop"), Qt.Key.Key_Space))
    assert part(page, DropArea, "test.drop_other").accessibleName() == "Drop another image"
    assert len(bars(page).rows) == 2


def test_an_unreadable_image_is_named_in_place(
    qtbot: QtBot, page: TestPage, session: Session, red: Path, drop: Drop, tmp_path: Path
) -> None:
    answered(qtbot, session, lambda: drop(page, red))
    broken = tmp_path / "broken.png"
    broken.write_bytes(red.read_bytes()[:200])
    with qtbot.waitSignal(session.questions.not_predicted, timeout=60_000):
        assert drop(page, broken)
    problem = part(page, Banner, "test.problem")
    assert problem.text().startswith("The image cannot be read: ")
    assert problem.text().endswith(f" ({broken}). Choose another one.")
    assert bars(page).rows == ()
    assert part(page, PictureView, "test.image").image().isNull()
    assert session.state.notice is None
    QTest.mouseClick(part(page, QWidget, "test.problem.close"), Qt.MouseButton.LeftButton)
    assert part(page, DropArea, "test.drop").isVisible()
    answered(qtbot, session, lambda: drop(page, red))
    assert len(bars(page).rows) == 2


def test_a_folder_is_refused(page: TestPage, drop: Drop, tmp_path: Path) -> None:
    assert not drop(page, tmp_path)
    assert part(page, DropArea, "test.drop").note() == f"{tmp_path.name} is not a file. Drop an image file."


def test_another_model_is_asked_at_once(
    qtbot: QtBot, page: TestPage, session: Session, runs: Runs, red: Path, drop: Drop
) -> None:
    answered(qtbot, session, lambda: drop(page, red))
    chooser = part(page, ComboField, "test.run")
    other = chooser.findText("colours-compact-2")
    key = Qt.Key.Key_Down if other > chooser.currentIndex() else Qt.Key.Key_Up
    answer = answered(qtbot, session, lambda: QTest.keyClick(chooser, key))
    assert answer.run == runs[1]
    assert dict(bars(page).rows) == pytest.approx(expected(runs[1], red))
    assert dict(bars(page).rows) != pytest.approx(expected(runs[0], red))


def test_a_model_that_is_gone_leaves_the_choice(qtbot: QtBot, page: TestPage, session: Session, runs: Runs) -> None:
    (runs[1] / "classes.json").unlink()
    chooser = part(page, ComboField, "test.run")
    QTest.keyClick(chooser, Qt.Key.Key_Down if chooser.currentIndex() == 0 else Qt.Key.Key_Up)
    assert session.state.notice is not None
    assert session.state.notice.text.startswith("Not a run folder: ")
    assert chooser.currentText() == "colours-compact-1"


def test_a_better_epoch_answers_again(
    qtbot: QtBot, page: TestPage, session: Session, runs: Runs, red: Path, drop: Drop
) -> None:
    qtbot.waitUntil(lambda: session.state.run.started is not None)  # the run that was opened is recalled
    session.run._show(RunView(status="running"))
    feed(session, opening(runs[1]), epoch(1, 0.5))
    assert session.state.model_folder == runs[1]
    assert part(page, ComboField, "test.run").currentText() == "colours-compact-2 · still learning"
    assert text(page, "test.model") == "Compact CNN · best epoch 1 · 50.0 %"
    answered(qtbot, session, lambda: drop(page, red))
    answered(qtbot, session, lambda: feed(session, epoch(2, 0.75)))
    assert text(page, "test.model") == "Compact CNN · best epoch 2 · 75.0 %"
    with qtbot.assertNotEmitted(session.questions.predicted, wait=300):
        feed(session, epoch(3, 0.5, best=False))
    page.hide()
    with qtbot.assertNotEmitted(session.questions.predicted, wait=300):
        feed(session, epoch(4, 0.8))
    answered(qtbot, session, page.show)
    session.open_run(runs[0])
    feed(session, epoch(5, 0.9))
    assert session.state.model_folder == runs[0]


def opening(run: Path) -> RunStarted:
    return RunStarted(
        run=str(run),
        config=Config(),
        device="CPU",
        precision="float32",
        classes=("ant", "bee"),
        train_images=20,
        val_images=4,
        steps_per_epoch=4,
        parameters=1,
        trainable=1,
        weights="random",
    )


def epoch(number: int, accuracy: float, *, best: bool = True) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        train_loss=1.0,
        train_accuracy=0.5,
        val_loss=1.0,
        val_accuracy=accuracy,
        images_per_second=100.0,
        seconds=1.0,
        best=best,
    )


def test_the_keyboard_reaches_everything(qtbot: QtBot, page: TestPage, session: Session, red: Path, drop: Drop) -> None:
    assert tabbed(page) == {"test.drop", "test.run"}
    answered(qtbot, session, lambda: drop(page, red))
    assert tabbed(page) == {"test.drop_other", "test.run"}


def tabbed(page: TestPage) -> set[str]:
    """Return the names of all widgets that the Tab key goes to."""
    part(page, QWidget, "test.run").setFocus()
    names: list[str] = []
    while True:
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus.objectName() in names:
            return set(names)
        names.append(focus.objectName())
        QTest.keyClick(focus, Qt.Key.Key_Tab)
