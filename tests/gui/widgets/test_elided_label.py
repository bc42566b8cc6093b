from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.elided_label import ElidedLabel


def test_what_does_not_fit_becomes_a_tooltip(qtbot: QtBot, theme: Theme) -> None:
    label = ElidedLabel("garden-birds · resnet18 · run 7", "muted")
    qtbot.addWidget(label)
    label.resize(600, 20)
    label.show()
    qtbot.waitExposed(label)
    assert label.toolTip() == ""
    wide = label.grab().toImage()
    label.resize(80, 20)
    assert label.toolTip() == "garden-birds · resnet18 · run 7"
    assert label.text() == "garden-birds · resnet18 · run 7"
    label.setText("birds")
    assert label.toolTip() == ""
    assert wide != label.grab().toImage()


def test_asks_for_no_more_than_a_few_letters(qtbot: QtBot, theme: Theme) -> None:
    label = ElidedLabel("x" * 500)
    qtbot.addWidget(label)
    assert label.minimumSizeHint().width() < 80
