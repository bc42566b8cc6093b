"""The network as a column of stages, with the line between what is frozen and what learns."""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QMenu, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.stage_boundary import StageBoundary
from cnnstudio.gui.widgets.stage_delegate import GAP, ROW, STAGE_ROLE, StageDelegate
from cnnstudio.gui.widgets.stage_item import StageItem

__all__ = ["StageColumn", "StageItem"]

_STEPS: dict[int, int] = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class StageColumn(QListWidget):
    """Stages from the input down to the head; those above the boundary are frozen.

    Neither boundary nor learning rates can be moved by the user until somebody has said that they may.

    Signals:
        stage_chosen: Name of the stage that mouse or keys went to.
        boundary_moved: How many stages, counted from the head, are to learn: 1 to all of them.
        multiplier_changed: Name of a stage, and the multiple of the learning rate that it is to have, 0 to 10.
        multiplier_reset: Name of the stage whose multiple is to be the automatic one again.
    """

    stage_chosen = Signal(str)
    boundary_moved = Signal(int)
    multiplier_changed = Signal(str, float)
    multiplier_reset = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage_column")
        self.setAccessibleName("Stages of the network")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(self.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(ROW + GAP)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(self.EditTrigger.EditKeyPressed)
        self.setStyleSheet("StageColumn, StageColumn:focus { background: transparent; border: none; }")
        self.setMouseTracking(True)
        self._rows = StageDelegate(self)
        self.setItemDelegate(self._rows)
        self._boundary = StageBoundary(self)
        self._boundary.shifted.connect(self._freeze_above)
        self._boundary.moved.connect(self._report_boundary)
        self._rows.typed.connect(self._take_multiplier)
        self.itemSelectionChanged.connect(self._announce)

    def show_stages(self, stages: Sequence[StageItem]) -> None:
        """Show the stages, the one next to the image first.

        The selection stays where it has the same name; with the same names a drag and typing go on undisturbed.
        """
        if [stage.name for stage in stages] != [stage.name for stage in self.stages]:
            chosen = self.chosen
            self._boundary.cancel()
            self.blockSignals(True)
            self.clear()
            for stage in stages:
                self._put(QListWidgetItem(self), stage)
            self.blockSignals(False)
            self.select(chosen)
        frozen = next((row for row, stage in enumerate(stages) if not stage.frozen), len(stages))
        self._boundary.set_above(frozen)
        for row, stage in enumerate(stages):
            shown = replace(stage, frozen=row < self._boundary.above) if self._boundary.dragged else stage
            self._put(self.item(row), shown)

    @property
    def stages(self) -> tuple[StageItem, ...]:
        """The stages that are shown."""
        return tuple(self.item(row).data(STAGE_ROLE) for row in range(self.count()))

    @property
    def chosen(self) -> str:
        """Name of the chosen stage; empty if none is."""
        return next((item.data(STAGE_ROLE).name for item in self.selectedItems()), "")

    def select(self, name: str) -> None:
        """Choose a stage without announcing it; a name that is not shown chooses none."""
        self.blockSignals(True)
        names = [stage.name for stage in self.stages]
        self.setCurrentRow(names.index(name) if name in names else -1)
        self.blockSignals(False)
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._rows.tokens = tokens
        self.viewport().update()

    def set_boundary_enabled(self, enabled: bool, why: str = "") -> None:
        """Let the user move the boundary, or not.

        Args:
            enabled: Whether it can be moved.
            why: A sentence on why it cannot, for the tooltip.
        """
        self._boundary.set_enabled(enabled, why)
        self._describe()

    def set_multipliers_enabled(self, enabled: bool) -> None:
        """Let the user type the learning rates of stages, or not."""
        self._rows.editable = enabled
        self.show_stages(self.stages)
        self._describe()

    def grip(self, learning: int | None = None) -> QPoint:
        """Return the middle of the boundary in the coordinates of the viewport.

        Args:
            learning: How many stages learn; as it is, if nothing is given.
        """
        return self._boundary.at(self._boundary.above if learning is None else self.count() - learning)

    def sizeHint(self) -> QSize:
        """Room for all stages."""
        return QSize(280, self.count() * (ROW + GAP))

    def minimumSizeHint(self) -> QSize:
        """Room for three stages."""
        return QSize(160, 3 * (ROW + GAP))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the stages, and the boundary over them."""
        self._rows.calm = self._boundary.dragged
        super().paintEvent(event)
        self._boundary.paint(QPainter(self.viewport()), self._rows.tokens)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Draw anew: what the boundary says at an edge of the view does not scroll."""
        super().scrollContentsBy(dx, dy)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the boundary with Alt and an arrow; Escape lets go of it."""
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if alt and event.key() in _STEPS:
            self._boundary.step(_STEPS[event.key()])
        elif event.key() == Qt.Key.Key_Escape and self._boundary.dragged:
            self._boundary.cancel()
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Edit the learning rate that is under the mouse."""
        where = event.position().toPoint()
        item = self.itemAt(where)
        if item is None or not self._multiplier_area(item).contains(where) or not self._edit(item):
            super().mouseDoubleClickEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the stage."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        item = self.itemAt(event.pos()) if by_mouse else self.currentItem()
        if item is not None and (menu := self._menu(item)) is not None:
            menu.popup(event.globalPos() if by_mouse else self.mapToGlobal(self.visualItemRect(item).center()))

    def _menu(self, item: QListWidgetItem) -> QMenu | None:
        stage, row = self._stage(item), self.row(item)
        menu = QMenu(self)
        menu.setObjectName("stage_column.menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._rows.editable:
            edit = menu.addAction("Learning rate ×…\tF2", lambda: self._edit(item))
            edit.setObjectName("stage_column.edit_multiplier")
            edit.setEnabled(not stage.frozen)
            reset = menu.addAction("Back to automatic", lambda: self.multiplier_reset.emit(stage.name))
            reset.setObjectName("stage_column.reset_multiplier")
            reset.setEnabled(stage.by_hand)
        if self._boundary.movable:
            menu.addSeparator()
            here = menu.addAction("Learn from this stage on", lambda: self._boundary.step(row - self._boundary.above))
            here.setObjectName("stage_column.learn_from_here")
            here.setEnabled(row != self._boundary.above)
        return menu if menu.actions() else None

    def _multiplier_area(self, item: QListWidgetItem) -> QRect:
        return self._rows.multiplier_area(self.visualItemRect(item), self._stage(item), self.fontMetrics())

    def _edit(self, item: QListWidgetItem) -> bool:
        if not item.flags() & Qt.ItemFlag.ItemIsEditable:
            return False
        self.setCurrentItem(item)
        self.editItem(item)
        return True

    @staticmethod
    def _stage(item: QListWidgetItem) -> StageItem:
        stage: StageItem = item.data(STAGE_ROLE)
        return stage

    def _put(self, item: QListWidgetItem, stage: StageItem) -> None:
        can_edit = self._rows.editable and not stage.frozen
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if can_edit:
            flags |= Qt.ItemFlag.ItemIsEditable
        if item.data(STAGE_ROLE) == stage and item.flags() == flags:
            return
        item.setFlags(flags)
        tip = [f"{stage.title}: {stage.state()}"]
        if can_edit:
            tip.append("Double-click at the right or press F2 to set its learning rate as a multiple of the head's.")
        item.setToolTip("\n".join(tip))
        item.setData(STAGE_ROLE, stage)
        item.setText(stage.title)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, stage.spoken())

    def _describe(self) -> None:
        rates = "F2 sets the learning rate of a stage as a multiple of the head's." if self._rows.editable else ""
        self.setAccessibleDescription(" ".join(filter(None, (self._boundary.words, rates))))

    @Slot(int)
    def _freeze_above(self, above: int) -> None:
        for row, stage in enumerate(self.stages):
            self._put(self.item(row), replace(stage, frozen=row < above))

    @Slot(int)
    def _report_boundary(self, above: int) -> None:
        self.boundary_moved.emit(self.count() - above)

    @Slot(str, float)
    def _take_multiplier(self, name: str, multiplier: float) -> None:
        for row, stage in enumerate(self.stages):
            if stage.name == name:
                self._put(self.item(row), replace(stage, multiplier=multiplier, by_hand=True))
        self.multiplier_changed.emit(name, multiplier)

    @Slot()
    def _announce(self) -> None:
        if self.chosen:
            self.stage_chosen.emit(self.chosen)
