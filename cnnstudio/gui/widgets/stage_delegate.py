"""How a stage of the network is drawn as a row, and how its learning rate is typed."""

from PySide6.QtCore import (
    QAbstractItemModel,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import LIGHT
from cnnstudio.gui.widgets.field import NumberField
from cnnstudio.gui.widgets.stage_item import StageItem, times

STAGE_ROLE = Qt.ItemDataRole.UserRole
ROW, GAP = 32, 6  # the gap lies above the row: the boundary needs it above the first one too
_BAR, _ICON, _INSET, _SPACE, _CHIP_PADDING = 5, 16, 12, 8, 6
_MARK = _SPACE + _ICON + _INSET  # from the words to the right end of a row
_LEAST_TITLE = 64
_EDITOR = QSize(92, 28)
_HIGHEST = 10.0

Index = QModelIndex | QPersistentModelIndex


class StageDelegate(QStyledItemDelegate):
    """Paints a stage as a rounded row: title, learning rate, note, shape, and a snowflake where it is frozen.

    Attributes:
        tokens: The colours.
        editable: Whether a row under the pointer shows that its learning rate can be typed.
        calm: Whether rows take no notice of the pointer, as while the boundary is dragged over them.

    Signals:
        typed: Name of a stage, and the multiplier that the user has given it.
    """

    typed = Signal(str, float)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._edited = QPersistentModelIndex()
        self.tokens = LIGHT
        self.editable = False
        self.calm = False

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """A row and the gap above it."""
        return QSize(160, ROW + GAP)

    def multiplier_area(self, area: QRect, stage: StageItem, metrics: QFontMetrics) -> QRect:
        """Return the right part of a row, from the place of its learning rate on.

        Args:
            area: Of the item.
            stage: The stage that is shown there.
            metrics: Of the font of the view.
        """
        left = int(self._chip(QRectF(area), self._facts(stage, metrics, area.width()), metrics).left())
        return QRect(left, area.bottom() + 1 - ROW, area.right() + 1 - left, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint the row."""
        stage: StageItem = index.data(STAGE_ROLE)
        tokens = self.tokens
        area = QRectF(option.rect)
        row = area.adjusted(0.5, GAP + 0.5, -0.5, -0.5)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver) and not self.calm
        focused = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        mark = tokens.frozen if stage.frozen else tokens.learning if stage.learns else tokens.edge
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
        icon = pixmap("snowflake" if stage.frozen else "dot", mark, _ICON, painter.device().devicePixelRatioF())
        painter.drawPixmap(int(row.right() - _INSET - _ICON), int(row.center().y() - _ICON / 2), icon)
        editing = self._edited == index  # lists do not set the style's flag
        self._paint_words(painter, area, stage, hint=hovered and self.editable, editing=editing)
        painter.restore()

    def _paint_words(self, painter: QPainter, area: QRectF, stage: StageItem, *, hint: bool, editing: bool) -> None:
        tokens, metrics = self.tokens, painter.fontMetrics()
        facts = "" if editing else self._facts(stage, metrics, area.width())
        row = area.adjusted(16, GAP, -_MARK, 0)
        painter.setPen(QColor(tokens.muted))
        painter.drawText(row, _RIGHT, facts)
        row.setRight(row.right() - metrics.horizontalAdvance(facts) - 2 * _SPACE)
        if editing:
            row.setRight(area.right() - _EDITOR.width() - _SPACE)
        elif not stage.frozen and (hint or stage.multiplier != 1 or stage.by_hand):
            words = times(stage.multiplier)
            chip = self._chip(area, facts, metrics)
            chip.setLeft(chip.right() - metrics.horizontalAdvance(words) - 2 * _CHIP_PADDING)
            if hint:
                painter.setPen(QPen(QColor(tokens.edge), 1))
                painter.setBrush(QColor(tokens.card))
                painter.drawRoundedRect(chip, 4, 4)
            painter.setPen(QColor(tokens.text if stage.by_hand else tokens.muted))
            painter.drawText(chip.adjusted(0, 0, -_CHIP_PADDING, 0), _RIGHT, words)
            row.setRight(chip.left() - _SPACE + (0 if hint else _CHIP_PADDING))
        painter.setPen(QColor(tokens.text))
        title = metrics.elidedText(stage.title, Qt.TextElideMode.ElideRight, int(row.width()))
        painter.drawText(row, _LEFT, title)

    @staticmethod
    def _facts(stage: StageItem, metrics: QFontMetrics, width: float) -> str:
        room = int(width) - 16 - _LEAST_TITLE - _MARK
        words = " · ".join(filter(None, (stage.note, stage.shape)))
        return metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)

    @staticmethod
    def _chip(area: QRectF, facts: str, metrics: QFontMetrics) -> QRectF:
        """Return the widest place of a learning rate: the same in all rows with a short shape or none."""
        beside = max(metrics.horizontalAdvance(facts), metrics.horizontalAdvance("112²"))
        width = metrics.horizontalAdvance("×0.034") + 2 * _CHIP_PADDING
        right = area.right() - _MARK - beside - _SPACE
        return QRectF(right - width + 0.5, area.bottom() - ROW / 2 - 11, width, 22)

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Return a spin box for the learning rate of a stage."""
        stage: StageItem = index.data(STAGE_ROLE)
        editor = _MultiplierBox(f"Learning rate of {stage.title}, as a multiple of the head's", parent)
        editor.setToolTip("0 keeps the stage as it is; Escape leaves the learning rate as it was.")
        self._edited = QPersistentModelIndex(index)
        return editor

    def destroyEditor(self, editor: QWidget, index: Index) -> None:
        """Show the words of the row again."""
        self._edited = QPersistentModelIndex()
        super().destroyEditor(editor, index)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Begin with the learning rate that the stage has; what is being typed stays."""
        assert isinstance(editor, _MultiplierBox)
        if editor.hasFocus():
            return
        stage: StageItem = index.data(STAGE_ROLE)
        editor.setValue(stage.multiplier)
        editor.selectAll()

    def setModelData(self, editor: QWidget, _model: QAbstractItemModel, index: Index) -> None:
        """Tell what was typed, if it is something new."""
        assert isinstance(editor, _MultiplierBox)
        stage: StageItem = index.data(STAGE_ROLE)
        editor.interpretText()
        if editor.value() != round(stage.multiplier, editor.decimals()):
            self.typed.emit(stage.name, editor.value())

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: Index) -> None:
        """Put the spin box at the right end of the row."""
        area: QRect = option.rect
        top = area.bottom() + 1 - (ROW + _EDITOR.height()) // 2
        editor.setGeometry(QRect(QPoint(area.right() - 2 - _EDITOR.width(), top), _EDITOR))


class _MultiplierBox(NumberField):
    """A multiple without needless zeros; its steps grow with it."""

    def __init__(self, label: str, parent: QWidget) -> None:
        super().__init__("stage_column.multiplier", label, low=0, high=_HIGHEST, step=0.1, decimals=4, parent=parent)
        self.setPrefix("×")
        self.setStepType(self.StepType.AdaptiveDecimalStepType)
        self.setMinimumWidth(_EDITOR.width())
        self.setFrame(True)

    def textFromValue(self, value: float) -> str:
        """Return the number as people write it."""
        plain = QLocale(self.locale())
        plain.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
        return plain.toString(value, "g", 6)


_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
