from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAction, QColor, QContextMenuEvent, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QMenu, QToolTip
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT
from cnnstudio.gui.widgets.stage_boundary import HOW
from cnnstudio.gui.widgets.stage_column import StageColumn, StageItem
from cnnstudio.gui.widgets.stage_item import times
from tests.gui.widgets.pointer import double_click

STAGES = (
    StageItem("conv1", "conv1 · 7×7, 64", "112²", frozen=True),
    StageItem("layer1", "layer1 · 2 blocks", "56²", frozen=True),
    StageItem("layer2", "layer2 · 2 blocks", "28²", frozen=False, multiplier=0.34),
    StageItem("fc", "fc", "", frozen=False, note="1000 → 6 classes"),
)
LEFT = Qt.MouseButton.LeftButton
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def column(qtbot: QtBot) -> Iterator[StageColumn]:
    """Return a column that the user may change, and put the mouse back where it was."""
    column = StageColumn()
    column.resize(300, 200)
    column.show_stages(STAGES)
    column.set_boundary_enabled(True)
    column.set_multipliers_enabled(True)
    qtbot.addWidget(column)
    column.show()
    qtbot.waitExposed(column)
    yield column
    QToolTip.hideText()


def many(column: StageColumn, count: int = 20, frozen: int = 0) -> None:
    column.show_stages([StageItem(f"s{n}", f"stage {n}", "7²", frozen=n < frozen) for n in range(count)])


def frozen(column: StageColumn) -> int:
    flags = [stage.frozen for stage in column.stages]
    assert flags == sorted(flags, reverse=True)
    return sum(flags)


def middle(column: StageColumn, row: int) -> QPoint:
    return column.visualItemRect(column.item(row)).center() + QPoint(0, 4)


def multiplier(column: StageColumn, row: int) -> QPoint:
    return QPoint(column.visualItemRect(column.item(row)).right() - 84, middle(column, row).y())


def drag(column: StageColumn, *way: QPoint) -> None:
    """Press at the first place and move to the others."""
    QTest.mousePress(column.viewport(), LEFT, pos=way[0])
    for place in way[1:]:
        QTest.mouseMove(column.viewport(), place)


def editor(column: StageColumn) -> QDoubleSpinBox | None:
    return column.viewport().findChild(QDoubleSpinBox, "stage_column.multiplier")


def accents(column: StageColumn, y: int) -> int:
    """Return how many pixels of a line across the column have the accent."""
    picture = column.viewport().grab().toImage()
    return sum(picture.pixelColor(x, y) == QColor(LIGHT.accent) for x in range(picture.width()))


def menu(column: StageColumn, row: int) -> dict[str, QAction]:
    """Open the context menu of a stage; return its actions by name."""
    where = middle(column, row)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, column.viewport().mapToGlobal(where))
    QApplication.sendEvent(column.viewport(), event)
    opened = column.findChild(QMenu, "stage_column.menu")
    if opened is None:
        return {}
    return {action.objectName().removeprefix("stage_column."): action for action in opened.actions()}


def hover(column: StageColumn, where: QPoint) -> str:
    """Let the mouse rest somewhere; return the tooltip that comes."""
    QToolTip.hideText()
    event = QHelpEvent(QEvent.Type.ToolTip, where, column.viewport().mapToGlobal(where))
    QApplication.sendEvent(column.viewport(), event)
    return QToolTip.text()


def test_shows_the_stages_in_order(column: StageColumn) -> None:
    assert column.stages == STAGES
    assert column.visualItemRect(column.item(1)).top() - column.visualItemRect(column.item(0)).top() == 38


def test_frozen_and_learning_stages_differ_in_colour_and_in_words(column: StageColumn) -> None:
    still = replace(STAGES[2], multiplier=0.0)
    column.show_stages([*STAGES[:2], still, STAGES[3]])
    picture = column.viewport().grab().toImage()
    bars = [picture.pixelColor(3, middle(column, row).y()) for row in range(4)]
    assert bars == [QColor(colour) for colour in (LIGHT.frozen, LIGHT.frozen, LIGHT.edge, LIGHT.learning)]
    spoken = [column.item(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in (1, 2, 3)]
    assert spoken == [
        "layer1 · 2 blocks, 56², frozen",
        "layer2 · 2 blocks, 28², does not learn: its learning rate is 0",
        "fc, 1000 → 6 classes, learning",
    ]


@pytest.mark.parametrize(
    ("multiplier", "words"),
    [(1, "×1"), (0.3402, "×0.34"), (0.00834, "×0.0083"), (2.5, "×2.5"), (10, "×10"), (0, "×0"), (1.126, "×1.13")],
)
def test_a_multiplier_is_written_in_short(multiplier: float, words: str) -> None:
    assert times(multiplier) == words


def test_boundary_lies_where_learning_begins(column: StageColumn) -> None:
    dashes = [accents(column, column.grip(learning).y()) for learning in (4, 3, 2, 1)]
    assert column.grip() == column.grip(2)
    assert dashes[2] > 100
    assert dashes[0] == dashes[1] == dashes[3] == 0


def test_the_line_waits_above_the_first_stage_where_all_learn(column: StageColumn) -> None:
    many(column, 4)
    top = column.grip()
    assert top == column.grip(4)
    assert 0 <= top.y() <= 8
    assert accents(column, top.y()) == 0
    picture = column.viewport().grab().toImage()
    assert picture.pixelColor(top.x() - 12, top.y()) == QColor(LIGHT.muted)
    column.set_boundary_enabled(False, "There are no weights to keep.")
    assert column.viewport().grab().toImage().pixelColor(top.x() - 12, top.y()) != QColor(LIGHT.muted)


def test_dragging_the_line_down_freezes_at_once_and_tells_at_the_end(qtbot: QtBot, column: StageColumn) -> None:
    many(column, 4)
    chosen: list[str] = []
    column.stage_chosen.connect(chosen.append)
    with qtbot.assertNotEmitted(column.boundary_moved):
        drag(column, column.grip() + QPoint(40, 5), middle(column, 1))
        assert frozen(column) in {1, 2}
        QTest.mouseMove(column.viewport(), column.grip(1) - QPoint(0, 3))
        assert frozen(column) == 3
        QTest.mouseMove(column.viewport(), QPoint(5, 400))
        assert frozen(column) == 3  # the head always learns
        QTest.mouseMove(column.viewport(), column.grip(2))
        assert frozen(column) == 2
    with qtbot.waitSignal(column.boundary_moved) as told:
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(2))
    assert told.args == [2]
    assert (frozen(column), column.grip()) == (2, column.grip(2))
    assert chosen == []


def test_dragging_the_line_up_lets_learn(qtbot: QtBot, column: StageColumn) -> None:
    drag(column, column.grip(), QPoint(20, -30))
    assert column.viewport().cursor().shape() == Qt.CursorShape.SplitVCursor
    with qtbot.waitSignal(column.boundary_moved) as told:
        QTest.mouseRelease(column.viewport(), LEFT, pos=QPoint(20, -30))
    assert told.args == [4]
    assert frozen(column) == 0


def test_nothing_is_told_where_the_line_comes_back(qtbot: QtBot, column: StageColumn) -> None:
    with qtbot.assertNotEmitted(column.boundary_moved):
        QTest.mouseClick(column.viewport(), LEFT, pos=column.grip())
        drag(column, column.grip(), column.grip(3), column.grip(2))
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(2))
        drag(column, column.grip(), column.grip(4))
        assert frozen(column) == 0
        QTest.keyClick(column, Qt.Key.Key_Escape)
        assert column.stages == STAGES
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(4))
    assert column.stages == STAGES
    assert column.chosen == ""


@pytest.mark.parametrize(("distance", "taken"), [(0, True), (6, True), (-6, True), (8, False), (-8, False)])
def test_the_mouse_takes_the_line_within_six_pixels(column: StageColumn, distance: int, taken: bool) -> None:
    place = column.grip() + QPoint(-60, distance)
    QTest.mouseMove(column.viewport(), place)
    assert (column.viewport().cursor().shape() == Qt.CursorShape.SplitVCursor) is taken
    drag(column, place, column.grip(4))
    assert frozen(column) == (0 if taken else 2)
    QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(4))


def test_alt_and_arrows_move_the_line(qtbot: QtBot, column: StageColumn) -> None:
    steps = ((Qt.Key.Key_Up, 3), (Qt.Key.Key_Up, 4), (Qt.Key.Key_Down, 3), (Qt.Key.Key_Down, 2), (Qt.Key.Key_Down, 1))
    for key, learning in steps:
        with qtbot.waitSignal(column.boundary_moved) as told:
            QTest.keyClick(column, key, ALT)
        assert told.args == [learning]
        assert frozen(column) == 4 - learning
    with qtbot.assertNotEmitted(column.boundary_moved):
        QTest.keyClick(column, Qt.Key.Key_Down, ALT)
    assert column.accessibleDescription().startswith(HOW)
    assert "Alt+Up" in HOW


def test_a_line_that_cannot_be_moved_says_why(qtbot: QtBot, column: StageColumn) -> None:
    column.set_boundary_enabled(False, "Compact CNN has no weights to keep.")
    with qtbot.assertNotEmitted(column.boundary_moved):
        QTest.mouseMove(column.viewport(), column.grip())
        assert column.viewport().cursor().shape() != Qt.CursorShape.SplitVCursor
        drag(column, column.grip(), column.grip(4))
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(4))
        QTest.keyClick(column, Qt.Key.Key_Up, ALT)
    assert column.stages == STAGES
    assert QToolTip.text() == "Compact CNN has no weights to keep."
    assert hover(column, column.grip()) == "Compact CNN has no weights to keep."
    assert column.accessibleDescription().startswith("Compact CNN has no weights to keep.")
    column.set_boundary_enabled(True)
    assert hover(column, column.grip()) == HOW
    assert hover(column, middle(column, 0)) == "conv1 · 7×7, 64: frozen"


def test_a_drag_scrolls_a_long_column(qtbot: QtBot, column: StageColumn) -> None:
    many(column)
    bottom = QPoint(50, column.viewport().height() - 4)
    drag(column, column.grip(), bottom)
    bar = column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    qtbot.waitUntil(lambda: frozen(column) == 19)
    with qtbot.waitSignal(column.boundary_moved) as told:
        QTest.mouseRelease(column.viewport(), LEFT, pos=bottom)
    assert told.args == [1]
    for _ in range(19):
        QTest.keyClick(column, Qt.Key.Key_Up, ALT)
    assert (frozen(column), bar.value()) == (0, 0)


def test_a_line_out_of_sight_is_told_and_taken_at_the_edge(qtbot: QtBot, column: StageColumn) -> None:
    many(column, 20, frozen=18)
    edge = QPoint(column.viewport().width() // 2, column.viewport().height() - 8)
    assert column.grip().y() > column.viewport().height()
    assert accents(column, edge.y()) > 40
    with qtbot.assertNotEmitted(column.boundary_moved):
        drag(column, edge, edge - QPoint(0, 3))
        QTest.mouseRelease(column.viewport(), LEFT, pos=edge)
    assert 0 <= column.grip().y() < column.viewport().height()
    column.scrollToTop()
    drag(column, edge, column.grip(18))
    with qtbot.waitSignal(column.boundary_moved) as told:
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(18))
    assert told.args == [18]
    column.verticalScrollBar().setValue(column.verticalScrollBar().maximum())
    assert accents(column, 8) > 40
    column.set_boundary_enabled(False)
    assert accents(column, 8) == 0


def test_new_figures_do_not_disturb_a_drag(qtbot: QtBot, column: StageColumn) -> None:
    drag(column, column.grip(), column.grip(1))
    column.show_stages([replace(stage, shape="5²") for stage in STAGES])
    assert (frozen(column), {stage.shape for stage in column.stages}) == (3, {"5²"})
    with qtbot.waitSignal(column.boundary_moved) as told:
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(1))
    assert told.args == [1]
    drag(column, column.grip(), column.grip(4))
    many(column, 6, frozen=4)
    assert frozen(column) == 4
    with qtbot.assertNotEmitted(column.boundary_moved):
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(5))


def test_double_click_on_the_multiplier_lets_type_another(qtbot: QtBot, column: StageColumn) -> None:
    double_click(column, multiplier(column, 2))
    box = editor(column)
    assert box is not None
    assert (box.value(), box.minimum(), box.maximum(), box.text()) == (0.34, 0, 10, "×0.34")
    assert column.visualItemRect(column.item(2)).contains(box.geometry())
    QTest.keyClicks(box, "0.5")
    with qtbot.waitSignal(column.multiplier_changed) as told:
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert told.args == ["layer2", 0.5]
    assert (column.stages[2].multiplier, column.stages[2].by_hand) == (0.5, True)
    qtbot.waitUntil(lambda: editor(column) is None)


def test_f2_edits_and_escape_leaves_all_as_it_was(qtbot: QtBot, column: StageColumn) -> None:
    column.setCurrentRow(3)
    with qtbot.assertNotEmitted(column.multiplier_changed):
        QTest.keyClick(column, Qt.Key.Key_F2)
        box = editor(column)
        assert box is not None
        QTest.keyClicks(box, "3")
        QTest.keyClick(box, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: editor(column) is None)
        QTest.keyClick(column, Qt.Key.Key_F2)
        box = editor(column)
        assert box is not None
        QTest.keyClick(box, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: editor(column) is None)
    assert column.stages == STAGES


def test_an_automatic_multiplier_is_not_rounded_by_looking_at_it(qtbot: QtBot, column: StageColumn) -> None:
    exact = replace(STAGES[2], multiplier=1 / 2.6**3)
    column.show_stages([*STAGES[:2], exact, STAGES[3]])
    column.setCurrentRow(2)
    with qtbot.assertNotEmitted(column.multiplier_changed):
        QTest.keyClick(column, Qt.Key.Key_F2)
        box = editor(column)
        assert box is not None
        assert box.text() == "×0.0569"
        QTest.keyClick(box, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: editor(column) is None)
    assert column.stages[2] == exact


def test_zero_means_that_a_stage_does_not_learn(qtbot: QtBot, column: StageColumn) -> None:
    column.setCurrentRow(3)
    QTest.keyClick(column, Qt.Key.Key_F2)
    box = editor(column)
    assert box is not None
    QTest.keyClicks(box, "0")
    with qtbot.waitSignal(column.multiplier_changed) as told:
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert told.args == ["fc", 0.0]
    assert not column.stages[3].learns
    assert "does not learn" in column.item(3).toolTip()


def test_new_figures_do_not_disturb_typing(qtbot: QtBot, column: StageColumn) -> None:
    column.setCurrentRow(2)
    QTest.keyClick(column, Qt.Key.Key_F2)
    box = editor(column)
    assert box is not None
    QTest.keyClicks(box, "0.7")
    column.show_stages([replace(stage, shape="5²") for stage in STAGES])
    assert editor(column) is box
    with qtbot.waitSignal(column.multiplier_changed) as told:
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert told.args == ["layer2", 0.7]


def test_a_frozen_stage_has_no_learning_rate_to_edit(column: StageColumn) -> None:
    double_click(column, multiplier(column, 1))
    assert editor(column) is None
    QTest.keyClick(column, Qt.Key.Key_F2)
    assert (column.chosen, editor(column)) == ("layer1", None)
    assert not menu(column, 1)["edit_multiplier"].isEnabled()


def test_double_click_elsewhere_edits_nothing(column: StageColumn) -> None:
    double_click(column, QPoint(40, middle(column, 2).y()))
    assert (column.chosen, editor(column)) == ("layer2", None)


def test_the_menu_edits_resets_and_moves_the_line(qtbot: QtBot, column: StageColumn) -> None:
    column.show_stages([*STAGES[:2], replace(STAGES[2], by_hand=True), STAGES[3]])
    actions = menu(column, 2)
    assert [name for name, action in actions.items() if name and action.isEnabled()] == [
        "edit_multiplier",
        "reset_multiplier",
    ]
    with qtbot.waitSignal(column.multiplier_reset) as told:
        actions["reset_multiplier"].trigger()
    assert told.args == ["layer2"]
    column.findChildren(QMenu)[0].close()
    qtbot.waitUntil(lambda: not column.findChildren(QMenu))
    actions = menu(column, 3)
    assert not actions["reset_multiplier"].isEnabled()
    with qtbot.waitSignal(column.boundary_moved) as told:
        actions["learn_from_here"].trigger()
    assert (told.args, frozen(column)) == ([1], 3)
    actions["edit_multiplier"].trigger()
    assert editor(column) is not None
    assert column.chosen == "fc"


def test_a_column_that_is_only_looked_at_offers_nothing(qtbot: QtBot) -> None:
    column = StageColumn()
    qtbot.addWidget(column)
    column.resize(300, 200)
    QTest.keyClick(column, Qt.Key.Key_Down, ALT)
    column.show_stages(STAGES)
    column.show()
    qtbot.waitExposed(column)
    with qtbot.assertNotEmitted(column.boundary_moved):
        drag(column, column.grip(), column.grip(4))
        QTest.mouseRelease(column.viewport(), LEFT, pos=column.grip(4))
    double_click(column, multiplier(column, 2))
    assert editor(column) is None
    assert menu(column, 2) == {}
    assert accents(column, column.grip().y()) > 100
    assert column.accessibleDescription() == ""


def test_mouse_and_keys_choose_a_stage(column: StageColumn, qtbot: QtBot) -> None:
    with qtbot.waitSignal(column.stage_chosen) as chosen:
        QTest.mouseClick(column.viewport(), LEFT, pos=middle(column, 1))
    assert chosen.args == ["layer1"]
    with qtbot.waitSignal(column.stage_chosen) as chosen:
        QTest.keyClick(column, Qt.Key.Key_Down)
    assert chosen.args == ["layer2"]
    assert column.chosen == "layer2"


def test_selecting_from_outside_is_not_announced(column: StageColumn, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(column.stage_chosen):
        column.select("layer2")
        assert column.chosen == "layer2"
        column.show_stages([*STAGES[:3], StageItem("head", "head", "", frozen=False)])
        assert column.chosen == "layer2"
        column.select("absent")
        assert column.chosen == ""


def test_all_stages_have_room(column: StageColumn) -> None:
    assert column.sizeHint().height() >= sum(column.visualItemRect(column.item(row)).height() for row in range(4))


def test_the_row_under_the_mouse_shows_that_it_can_be_edited(column: StageColumn) -> None:
    before = column.viewport().grab().toImage()
    QTest.mouseMove(column.viewport(), middle(column, 3))
    after = column.viewport().grab().toImage()
    y = middle(column, 3).y()
    right = column.visualItemRect(column.item(3)).right() - 60
    assert [before.pixelColor(x, y) for x in range(20, right)] != [after.pixelColor(x, y) for x in range(20, right)]
    column.set_tokens(DARK)
    assert column.viewport().grab().toImage().pixelColor(30, y) != after.pixelColor(30, y)
