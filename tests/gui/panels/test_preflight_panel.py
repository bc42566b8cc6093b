from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.findings import Finding, Remedy
from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.panels.preflight_panel import PreflightPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import DARK, LIGHT, Theme
from tests.gui.sessions import WAIT, load_torch, look_at

T = TypeVar("T", bound=QWidget)
Tree = Callable[..., Path]

SIZE = Finding(
    "stop",
    "16 pixels are too few.",
    (Remedy("Use 70 pixels", (("data.image_size", 70),)), Remedy("Pad with zeros", (("model.padding", "same"),))),
)
FEW = Finding(
    "warn",
    "40 training images cannot teach 11.2 million parameters.",
    (Remedy("Freeze", (("model.arch", "resnet18"), ("transfer.mode", "freeze"), ("transfer.train_last", 2))),),
)
CLASS = Finding("warn", "The class owl has no validation image.")
DROPOUT = Finding("info", "Much is dropped.", (Remedy("Drop 20 %", (("model.dropout2d", 0.2),)),))
DOWNLOAD = Finding("info", "Weights are downloaded.")


@pytest.fixture
def page(qtbot: QtBot) -> QWidget:
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(850, 600)
    return page


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session, page: QWidget) -> PreflightPanel:
    """Return the panel above something that takes the rest of a page."""
    panel = PreflightPanel(session, theme)
    layout = QVBoxLayout(page)
    layout.addWidget(panel)
    layout.addWidget(QWidget(), 1)
    page.show()
    qtbot.waitExposed(page)
    return panel


def part(panel: PreflightPanel, kind: type[T], name: str) -> T:
    found = panel.findChild(kind, f"preflight.{name}")
    assert found is not None
    return found


def rows(panel: PreflightPanel) -> list[str]:
    texts = (panel.findChild(QLabel, f"preflight.{number}.text") for number in range(10))
    return [text.text() for text in texts if text is not None and text.isVisible()]


def labels(panel: PreflightPanel, row: int) -> list[str]:
    buttons = (panel.findChild(QPushButton, f"preflight.{row}.remedy{number}") for number in range(4))
    return [button.text() for button in buttons if button is not None and button.isVisible()]


def find(session: Session, *findings: Finding) -> None:
    session._set(findings=findings)


def press(panel: PreflightPanel, name: str) -> None:
    QTest.mouseClick(part(panel, QPushButton, name), Qt.MouseButton.LeftButton)


def test_without_findings_there_is_no_panel(panel: PreflightPanel, session: Session) -> None:
    assert not panel.isVisible()
    find(session, SIZE)
    assert panel.isVisible()
    assert panel.title() == "Before Start"
    find(session)
    assert not panel.isVisible()


def test_each_finding_has_a_row_and_each_remedy_a_button(panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE, FEW, CLASS)
    assert rows(panel) == [SIZE.text, FEW.text, CLASS.text]
    assert [labels(panel, row) for row in range(3)] == [["Use 70 pixels", "Pad with zeros"], ["Freeze"], []]
    find(session, DROPOUT)
    assert rows(panel) == [DROPOUT.text]
    assert labels(panel, 0) == ["Drop 20 %"]


def test_a_button_makes_all_its_changes_in_one_step(panel: PreflightPanel, session: Session) -> None:
    session.set_value("data.batch_size", 7)
    before = session.state.config
    find(session, SIZE, FEW)
    press(panel, "1.remedy0")
    config = session.state.config
    assert (config.model.arch, config.transfer.mode, config.transfer.train_last) == ("resnet18", "freeze", 2)
    assert config.data.batch_size == 7
    session.undo()
    assert session.state.config == before
    press(panel, "0.remedy1")
    assert session.state.config == before  # padding is what it was
    press(panel, "0.remedy0")
    assert session.state.config.data.image_size == 70


def test_buttons_belong_to_what_is_shown_now(panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE)
    find(session, DROPOUT)
    press(panel, "0.remedy0")
    assert (session.state.config.model.dropout2d, session.state.config.data.image_size) == (0.2, "auto")


def test_the_keyboard_reaches_every_button(qtbot: QtBot, panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE, FEW, CLASS, DROPOUT)
    first = part(panel, QPushButton, "more")
    first.setFocus()
    seen = []
    for _ in range(3):
        QTest.keyClick(panel.window(), Qt.Key.Key_Tab)
        focused = panel.window().focusWidget()
        assert focused is not None
        seen.append(focused.objectName())
    assert seen == ["preflight.0.remedy0", "preflight.0.remedy1", "preflight.1.remedy0"]
    QTest.keyClick(part(panel, QPushButton, "1.remedy0"), Qt.Key.Key_Space)
    assert session.state.config.transfer.train_last == 2


def test_of_many_findings_three_are_shown_until_asked(panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE, FEW, CLASS)
    assert not part(panel, QPushButton, "more").isVisible()
    find(session, SIZE, FEW, CLASS, DROPOUT, DOWNLOAD)
    more = part(panel, QPushButton, "more")
    assert (more.text(), len(rows(panel))) == ("and 2 more", 3)
    press(panel, "more")
    assert (more.text(), rows(panel)) == ("Show fewer", [each.text for each in (SIZE, FEW, CLASS, DROPOUT, DOWNLOAD)])
    press(panel, "more")
    assert len(rows(panel)) == 3


def test_it_stays_low_and_long_sentences_wrap(qtbot: QtBot, panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE, FEW, CLASS)
    qtbot.waitUntil(lambda: 0 < panel.height() <= 140)
    low = panel.height()
    wordy = Finding("warn", " ".join(["word"] * 60) + ".", FEW.remedies)
    find(session, SIZE, wordy, CLASS)
    qtbot.waitUntil(lambda: panel.height() > low)
    text = part(panel, QLabel, "1.text")
    assert text.height() >= text.heightForWidth(text.width()) > 2 * text.fontMetrics().height()
    button = part(panel, QPushButton, "1.remedy0")
    assert panel.rect().contains(button.mapTo(panel, button.rect().bottomRight()))


def test_levels_are_told_by_icon_and_colour_and_in_words(panel: PreflightPanel, session: Session, theme: Theme) -> None:
    find(session, SIZE, FEW, DROPOUT)
    names = [part(panel, QLabel, f"{number}.text").accessibleName() for number in range(3)]
    assert names == [f"Prevents the run: {SIZE.text}", f"Attention: {FEW.text}", f"Note: {DROPOUT.text}"]
    assert icons(panel, 3) == drawn(error=LIGHT.error, warning=LIGHT.warn, info=LIGHT.accent)
    theme.set_mode("dark")
    assert icons(panel, 3) == drawn(error=DARK.error, warning=DARK.warn, info=DARK.accent)


def icons(panel: PreflightPanel, count: int) -> list[QImage]:
    return [part(panel, QLabel, f"{number}.level").pixmap().toImage() for number in range(count)]


def drawn(**colours: str) -> list[QImage]:
    return [pixmap(name, colour, 16).toImage() for name, colour in colours.items()]


def test_news_of_a_run_leaves_the_rows_alone(panel: PreflightPanel, session: Session) -> None:
    find(session, SIZE)
    part(panel, QLabel, "0.text").setText("untouched")
    session.say("info", "Something else.")
    assert rows(panel) == ["untouched"]


def test_what_a_real_session_finds_is_mended_by_a_click(
    qtbot: QtBot, panel: PreflightPanel, session: Session, image_tree: Tree
) -> None:
    look_at(qtbot, session, image_tree(("ant", "bee"), count=6, size=(12, 12)))
    session.use_config(session.state.config.replace("model.padding", "valid").replace("data.image_size", 16))
    assert not panel.isVisible()  # torch is not there yet
    load_torch(qtbot, session)
    assert rows(panel) == [each.text for each in session.state.findings]
    assert labels(panel, 0) == ["Use 70 pixels", "Use 96 pixels", "Pad with zeros"]
    assert session.state.start_refusal == rows(panel)[0]
    assert rows(panel)[1].startswith("10 training images cannot teach")
    press(panel, "0.remedy2")
    qtbot.waitUntil(lambda: session.state.start_refusal == "", timeout=WAIT)
    assert labels(panel, 0) == ["Use EfficientNet-Lite0, frozen"]
    press(panel, "0.remedy0")
    qtbot.waitUntil(lambda: not panel.isVisible(), timeout=WAIT)
    for _ in range(2):
        session.undo()
    assert session.state.config.model == Config().replace("model.padding", "valid").model
    qtbot.waitUntil(lambda: len(rows(panel)) == 2, timeout=WAIT)
