"""The network as a column of stages, with the line between what is frozen and what learns."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import LIGHT, Tokens

_STAGE = Qt.ItemDataRole.UserRole
_BOUNDARY = Qt.ItemDataRole.UserRole + 1
_ROW, _GAP, _BAR, _ICON = 34, 8, 5, 16


@dataclass(frozen=True, slots=True)
class StageItem:
    """A stage of the network.

    Attributes:
        name: As in the configuration and in `FeatureMaps.layer`.
        title: For people: `layer2 · 2 blocks`.
        shape: Size of its output in short: `28²`; may be empty.
        frozen: Whether its weights keep still.
    """

    name: str
    title: str
    shape: str
    frozen: bool


class StageColumn(QListWidget):
    """Stages from the input down to the head.

    Signals:
        stage_chosen: Name of the stage that mouse or keys went to.
    """

    stage_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stage_column")
        self.setAccessibleName("Stages of the network")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(self.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet("StageColumn, StageColumn:focus { background: transparent; border: none; }")
        self.setMouseTracking(True)
        self._painter = _StagePainter(self)
        self.setItemDelegate(self._painter)
        self.itemSelectionChanged.connect(self._announce)

    def show_stages(self, stages: Sequence[StageItem]) -> None:
        """Show the stages, the one next to the image first; the selection stays where it has the same name."""
        chosen = self.chosen
        self.blockSignals(True)
        self.clear()
        for above, stage in zip((None, *stages), stages, strict=False):
            item = QListWidgetItem(stage.title, self)
            item.setData(_STAGE, stage)
            item.setData(_BOUNDARY, above is not None and above.frozen != stage.frozen)
            state = "frozen" if stage.frozen else "learning"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (stage.title, stage.shape, state))))
            item.setToolTip(f"{stage.title}: {state}")
        self.blockSignals(False)
        self.select(chosen)

    @property
    def stages(self) -> tuple[StageItem, ...]:
        """The stages that are shown."""
        return tuple(self.item(row).data(_STAGE) for row in range(self.count()))

    @property
    def chosen(self) -> str:
        """Name of the chosen stage; empty if none is."""
        return next((item.data(_STAGE).name for item in self.selectedItems()), "")

    def select(self, name: str) -> None:
        """Choose a stage without announcing it; a name that is not shown chooses none."""
        self.blockSignals(True)
        names = [stage.name for stage in self.stages]
        self.setCurrentRow(names.index(name) if name in names else -1)
        self.blockSignals(False)
        self.viewport().update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._painter.tokens = tokens
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """Room for all stages."""
        return QSize(280, self.count() * (_ROW + _GAP))

    def minimumSizeHint(self) -> QSize:
        """Room for three stages."""
        return QSize(160, 3 * (_ROW + _GAP))

    def _announce(self) -> None:
        if self.chosen:
            self.stage_chosen.emit(self.chosen)


class _StagePainter(QStyledItemDelegate):
    """Paints a stage as a rounded row, and the boundary above it where it is the first of its kind."""

    def __init__(self, parent: StageColumn) -> None:
        super().__init__(parent)
        self.tokens = LIGHT

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        """A row and the gap below it."""
        return QSize(160, _ROW + _GAP)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint the row."""
        stage: StageItem = index.data(_STAGE)
        tokens = self.tokens
        area: QRect = option.rect
        row = QRectF(area.left() + 0.5, area.top() + _GAP / 2 + 0.5, area.width() - 1, _ROW - 1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        mark = tokens.frozen if stage.frozen else tokens.learning
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(row, 6, 6)
        painter.fillPath(outline, QColor(tokens.tint if chosen else tokens.hover if hovered else tokens.card))
        painter.setPen(QPen(QColor(tokens.accent if focused else tokens.border), 1))
        painter.drawPath(outline)
        painter.setClipPath(outline)
        painter.fillRect(QRectF(row.left(), row.top(), _BAR, row.height()), QColor(mark))
        painter.setClipping(False)

        right = row.right() - 12 - _ICON
        icon = pixmap("snowflake" if stage.frozen else "dot", mark, _ICON, painter.device().devicePixelRatioF())
        painter.drawPixmap(int(right), int(row.center().y() - _ICON / 2), icon)
        shape = QRectF(right - 12 - 64, row.top(), 64, row.height())
        painter.setPen(QColor(tokens.muted))
        painter.drawText(shape, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, stage.shape)
        words = QRectF(row.left() + 16, row.top(), shape.left() - row.left() - 16, row.height())
        if not stage.shape:
            words.setRight(shape.right())
        title = painter.fontMetrics().elidedText(stage.title, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.setPen(QColor(tokens.text))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        if index.data(_BOUNDARY):
            pen = QPen(QColor(tokens.accent), 2)
            pen.setDashPattern([3, 2])
            painter.setPen(pen)
            painter.drawLine(area.left(), area.top(), area.right(), area.top())
        painter.restore()
