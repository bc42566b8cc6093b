from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT, Theme
from cnnstudio.gui.widgets.switch import Switch


def make(qtbot: QtBot, theme: Theme) -> Switch:
    switch = Switch("model.batchnorm", "BatchNorm2d", theme)
    qtbot.addWidget(switch)
    switch.show()
    qtbot.waitExposed(switch)
    return switch


def test_click_and_space_flip_it(qtbot: QtBot, theme: Theme) -> None:
    switch = make(qtbot, theme)
    assert (switch.objectName(), switch.accessibleName()) == ("model.batchnorm", "BatchNorm2d")
    with qtbot.waitSignal(switch.toggled) as told:
        QTest.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert told.args == [True]
    with qtbot.waitSignal(switch.toggled) as told:
        QTest.keyClick(switch, Qt.Key.Key_Space)
    assert told.args == [False]


def test_track_slides_to_the_accent_and_follows_the_theme(qtbot: QtBot, theme: Theme) -> None:
    switch = make(qtbot, theme)
    qtbot.waitUntil(switch.hasFocus)
    switch.clearFocus()
    left = QPoint(8, switch.height() - 2)

    def colour() -> QColor:
        return switch.grab().toImage().pixelColor(left)

    assert colour() == QColor(LIGHT.edge)
    switch.setChecked(True)
    qtbot.waitUntil(lambda: colour() == QColor(LIGHT.accent))
    theme.set_mode("dark")
    assert colour() == QColor(DARK.accent)
    with QSignalBlocker(switch):
        switch.setChecked(False)
    qtbot.waitUntil(lambda: colour() == QColor(DARK.edge))


def test_keyboard_focus_can_be_seen(qtbot: QtBot, theme: Theme) -> None:
    switch = make(qtbot, theme)
    qtbot.waitUntil(switch.hasFocus)  # the only widget of the window
    focused = switch.grab().toImage()
    switch.clearFocus()
    assert switch.grab().toImage() != focused
