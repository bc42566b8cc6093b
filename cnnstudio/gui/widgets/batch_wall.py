"""A wall of thumbnails, each with the class and the name of its file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QListWidget, QListWidgetItem, QWidget

from cnnstudio.gui.pictures import to_image

if TYPE_CHECKING:
    from cnnstudio.engine.past_batch import BatchImage

_SIDE: Final = 96
_CELL: Final = QSize(120, 146)
_FRAME: Final = 3  # pixels around the images, in which the focus is seen


class BatchWall(QListWidget):
    """The images of a batch in their order; the arrow keys go from one to the next.

    Signals:
        chosen: The file of the image that was clicked or gone to.
        opened: The file of the image that was double-clicked, or has the focus while Return is pressed.
    """

    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportMargins(*[_FRAME] * 4)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setGridSize(_CELL)
        self._blank = QPixmap(_SIDE, _SIDE)
        self.currentItemChanged.connect(self._choose)
        self.itemActivated.connect(lambda item: self.opened.emit(_path(item)))

    def set_blank(self, color: str) -> None:
        """Choose the colour in place of an image that cannot be read; for images shown from now on."""
        self._blank.fill(QColor(color))

    def show_images(self, images: Sequence["BatchImage"]) -> None:
        """Show other images; the first one is chosen."""
        self.clear()
        for image in images:
            drawn = self._blank
            if image.pixels is not None:
                whole = QPixmap.fromImage(to_image(image.pixels))
                enlarged = whole.width() < _SIDE  # small images keep the pixels that they have
                how = (
                    Qt.TransformationMode.FastTransformation if enlarged else Qt.TransformationMode.SmoothTransformation
                )
                drawn = whole.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio, how)
            title = f"{image.title} · {image.problem}" if image.problem else image.title
            icon = QIcon(drawn)
            icon.addPixmap(drawn, QIcon.Mode.Selected)  # or it would be tinted
            item = QListWidgetItem(icon, f"{title}\n{image.path.name}")
            item.setData(Qt.ItemDataRole.UserRole, str(image.path))
            item.setToolTip(f"{title}: {image.path}")
            self.addItem(item)
        if images:
            self.setCurrentRow(0)

    @property
    def files(self) -> tuple[Path, ...]:
        """What is shown, in order."""
        return tuple(Path(_path(self.item(row))) for row in range(self.count()))

    def _choose(self, item: QListWidgetItem | None) -> None:
        self.chosen.emit("" if item is None else _path(item))


def _path(item: QListWidgetItem) -> str:
    return str(item.data(Qt.ItemDataRole.UserRole))
