"""One picture, as large as there is room."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cnnstudio.gui.pictures import draw_fitted


class PictureView(QWidget):
    """Shows an image centred, its aspect ratio kept, and over it another one that lets it through."""

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)
        self._image = QImage()
        self._overlay = QImage()

    def image(self) -> QImage:
        """Return what is shown; null while nothing is."""
        return self._image

    def set_image(self, image: QImage) -> None:
        """Show another image, without anything over it."""
        self._image = image
        self._overlay = QImage()
        self.update()

    def overlay(self) -> QImage:
        """Return what is shown over the image; null while nothing is."""
        return self._overlay

    def set_overlay(self, overlay: QImage) -> None:
        """Show an image with transparent parts over the present one, stretched to its size; a null one shows none."""
        self._overlay = overlay
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size at which details can be seen."""
        return QSize(480, 480)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the image."""
        if self._image.isNull():
            return
        painter = QPainter(self)
        place = draw_fitted(painter, self._image, self.rect())
        if not self._overlay.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self._overlay)
