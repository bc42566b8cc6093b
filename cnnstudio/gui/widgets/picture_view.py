"""One picture, as large as there is room."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.pictures import draw_fitted


class PictureView(QWidget):
    """Shows an image centred, its aspect ratio kept."""

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)
        self._image = QImage()

    def image(self) -> QImage:
        """Return what is shown; null while nothing is."""
        return self._image

    def set_image(self, image: QImage) -> None:
        """Show another image."""
        self._image = image
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size at which details can be seen."""
        return QSize(480, 480)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the image."""
        if not self._image.isNull():
            draw_fitted(QPainter(self), self._image, self.rect())
