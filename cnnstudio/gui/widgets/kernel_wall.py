"""One kernel of each filter of a layer, side by side."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.kernel_canvas import NONE, KernelCanvas
from cnnstudio.gui.widgets.kernel_grid import fit_kernels
from cnnstudio.gui.widgets.kernel_pixels import Kernels
from cnnstudio.gui.widgets.kernel_sheet import KernelSheet

_CAPTION = 15


class KernelWall(QWidget):
    """Kernels of which one can be enlarged with a click or Enter, and put back with the same or Escape.

    Attributes:
        canvas: The kernels.
        sheet: The kernel that is enlarged.

    Signals:
        pointed: The filter that the user points at, or -1, and the `Cell` of it, or None.
    """

    pointed = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel_wall")
        self.canvas = KernelCanvas()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self.canvas)
        self._scroll.viewport().installEventFilter(self)
        self.sheet = KernelSheet(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)
        self.canvas.moved.connect(lambda x, y: self._scroll.ensureVisible(x, y, 0, self.canvas.grid.down))
        self.canvas.chosen.connect(self._choose)
        self.canvas.pointed.connect(self._point)
        self.sheet.pointed.connect(lambda cell: self.pointed.emit(self.sheet.filter, cell))
        self.sheet.closed.connect(self.shrink)

    def show_kernels(self, kernels: Kernels) -> None:
        """Show the kernels of a layer; one that is enlarged stays so."""
        before = self.canvas.kernels
        self.canvas.kernels = kernels
        if before.values.shape != kernels.values.shape:
            self.canvas.current = 0
            self.shrink()
        if before.values.shape != kernels.values.shape or bool(before.captions) != bool(kernels.captions):
            self._arrange()
        self.canvas.update()
        if self.sheet.isVisible():
            self.sheet.show_kernel(kernels, self.sheet.filter)

    def clear(self) -> None:
        """Show nothing."""
        self.show_kernels(NONE)

    def enlarge(self, number: int) -> None:
        """Show the kernel of one filter over the whole wall."""
        self.sheet.setGeometry(self._scroll.geometry())
        self.sheet.show_kernel(self.canvas.kernels, number)
        self.sheet.show()
        self.sheet.raise_()
        self.pointed.emit(number, None)

    def shrink(self) -> None:
        """Put the enlarged kernel back."""
        if self.sheet.isVisible():
            self.sheet.hide()
            self.pointed.emit(-1, None)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.canvas.set_tokens(tokens)
        self.sheet.set_tokens(tokens)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrange the kernels anew where the room for them changes."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape puts an enlarged kernel back."""
        if event.key() == Qt.Key.Key_Escape and self.sheet.isVisible():
            self.shrink()
        else:
            super().keyPressEvent(event)

    def _arrange(self) -> None:
        room, kernels = self._scroll.maximumViewportSize(), self.canvas.kernels
        bar = self._scroll.verticalScrollBar()
        self.canvas.grid = fit_kernels(
            len(kernels.order),
            room.width(),
            room.height(),
            sides=kernels.sides,
            caption=_CAPTION if kernels.captions else 0,
            scroll_bar=bar.sizeHint().width(),
        )
        self.canvas.resize(self._scroll.viewport().width(), self.canvas.grid.height)
        self.sheet.setGeometry(self._scroll.geometry())
        bar.setSingleStep(self.canvas.grid.down // 2)

    def _point(self, number: int) -> None:
        if self.sheet.isVisible() and number >= 0:  # the keys go on while a kernel is enlarged
            self.sheet.show_kernel(self.canvas.kernels, number)
        self.pointed.emit(number, None)

    def _choose(self, number: int) -> None:
        if self.sheet.isVisible() and self.sheet.filter == number:
            self.shrink()
        else:
            self.enlarge(number)
