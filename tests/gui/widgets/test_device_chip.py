from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.device_chip import DeviceChip


def test_state_shows_in_the_dot_and_in_words(qtbot: QtBot, theme: Theme) -> None:
    chip = DeviceChip("top_bar.device", theme)
    qtbot.addWidget(chip)
    assert chip.text() == "Looking for devices…"
    chip.set_device("CPU · float32", "good")
    good = chip.icon().cacheKey()
    chip.set_device("CPU · float32", "warn", "CUDA was asked for, but no driver was found.")
    assert chip.icon().cacheKey() != good
    assert chip.accessibleDescription() == "CUDA was asked for, but no driver was found."
    warned = chip.icon().cacheKey()
    theme.set_mode("dark")
    assert chip.icon().cacheKey() != warned
