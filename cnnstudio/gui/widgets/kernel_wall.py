"""One kernel of each filter of a layer, side by side."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cnnstudio.gui.widgets.kernel_canvas import NONE, KernelCanvas
from cnnstudio.gui.widgets.kernel_pixels import Kernels
from cnnstudio.gui.widgets.kernel_sheet import KernelSheet
from cnnstudio.gui.widgets.tile_wall import TileWall


class KernelWall(TileWall):
    """Kernels, and of the one that is enlarged its weights.

    Attributes:
        canvas: The kernels.
        sheet: The kernel that is enlarged.

    Signals:
        pointed: The filter that the user points at, or -1, and the `Cell` of it, or None.
    """

    pointed = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        canvas, sheet = KernelCanvas(), KernelSheet()
        super().__init__(canvas, sheet, parent)
        self.canvas: KernelCanvas = canvas
        self.sheet = sheet
        self.setObjectName("kernel_wall")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)
        sheet.pointed.connect(lambda cell: self.pointed.emit(self.large, cell))

    def show_kernels(self, kernels: Kernels) -> None:
        """Show the kernels of a layer; one that is enlarged stays so."""
        before = self.canvas.kernels
        self.canvas.show_kernels(kernels)
        another = before.values.shape != kernels.values.shape
        if another:
            self.start_over()
        if another or bool(before.captions) != bool(kernels.captions):
            self._scroll.arrange()
        if self.large >= 0:
            self._show_enlarged(self.large)

    def clear(self) -> None:
        """Show nothing."""
        self.show_kernels(NONE)

    def _show_enlarged(self, number: int) -> None:
        self.sheet.show_kernel(self.canvas.kernels, number)

    def _name(self, number: int) -> None:
        self.pointed.emit(number, None)
