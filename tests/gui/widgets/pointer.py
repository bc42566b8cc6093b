"""What hands do with a mouse on the canvas of a scroll area."""

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractScrollArea, QApplication

LEFT = Qt.MouseButton.LeftButton


def wheel(area: QAbstractScrollArea, place: QPointF, notches: float, *, sideways: float = 0) -> None:
    """Turn the wheel with the pointer at a place; forwards is positive."""
    event = QWheelEvent(
        place,
        QPointF(area.viewport().mapToGlobal(place)),
        QPoint(),
        QPoint(round(120 * sideways), round(120 * notches)),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(area.viewport(), event)


def drag(area: QAbstractScrollArea, start: QPoint, end: QPoint, *, button: Qt.MouseButton = LEFT) -> None:
    """Press at one place and release at another, with one stop between."""
    QTest.mousePress(area.viewport(), button, pos=start)
    QTest.mouseMove(area.viewport(), (start + end) / 2)
    QTest.mouseMove(area.viewport(), end)
    QTest.mouseRelease(area.viewport(), button, pos=end)


def double_click(area: QAbstractScrollArea, place: QPoint) -> None:
    """Click twice; the system sends a press, a release, a double click and a release."""
    QTest.mouseClick(area.viewport(), LEFT, pos=place)
    QTest.mouseDClick(area.viewport(), LEFT, pos=place)
    QTest.mouseRelease(area.viewport(), LEFT, pos=place)
