"""What a hand does: find a widget by its name, press it, choose from it, drop a file on it."""

from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QWidget

T = TypeVar("T", bound=QWidget)


def child(window: QWidget, kind: type[T], name: str) -> T:
    """Return the part of a window that has this object name."""
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def press(window: QWidget, name: str) -> None:
    """Click a button that can be clicked."""
    QApplication.processEvents()  # a button that a layout has just taken is not shown before
    button = child(window, QAbstractButton, name)
    assert button.isVisible(), name
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(window: QWidget, name: str, text: str) -> None:
    """Open a list and take an option by its text."""
    box = child(window, QComboBox, name)
    assert box.isVisible(), name
    assert box.isEnabled(), name
    row = box.findText(text)
    assert row >= 0, text
    box.showPopup()
    box.view().setCurrentIndex(box.model().index(row, 0))
    QTest.keyClick(box.view(), Qt.Key.Key_Return)


def drop(target: QWidget, *paths: Path) -> bool:
    """Let go of files or folders over a widget; return whether they were taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    middle = target.rect().center()
    enter = QDragEnterEvent(
        QPoint(middle), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    let_go = QDropEvent(
        QPointF(middle), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(target, let_go)
    return let_go.isAccepted()
