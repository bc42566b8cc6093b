"""From pixels in memory to pictures on the screen."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath

from cnnstudio.data.images import Pixels


def to_image(pixels: Pixels) -> QImage:
    """Return `(h, w, 3)` uint8 RGB as an image that owns its pixels."""
    height, width, channels = pixels.shape
    assert channels == 3, pixels.shape
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def draw_fitted(painter: QPainter, image: QImage, rect: QRect, *, radius: float = 6) -> QRect:
    """Draw an image as large as it fits, centred, its aspect ratio kept and its corners rounded.

    Returns:
        Where it was drawn.
    """
    size = image.size().scaled(rect.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = _centred(size, rect)
    _draw(painter, image, place, radius)
    return place


def draw_cropped(painter: QPainter, image: QImage, square: QRect, *, radius: float = 6) -> None:
    """Fill a square with the middle of an image, corners rounded."""
    side = min(image.width(), image.height())
    middle = image.copy(_centred(QSize(side, side), image.rect()))
    _draw(painter, middle, square, radius)


def _draw(painter: QPainter, image: QImage, place: QRect, radius: float) -> None:
    ratio = painter.device().devicePixelRatioF()
    # Qt's painter drops pixels where it shrinks a picture by more than a half; scaling the image first averages them.
    wanted = place.size() * ratio
    shown = image.scaled(wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    outline = QPainterPath()
    outline.addRoundedRect(QRectF(place), radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipPath(outline, Qt.ClipOperation.IntersectClip)
    painter.drawImage(place, shown)
    painter.restore()


def _centred(size: QSize, rect: QRect) -> QRect:
    return QRect(
        rect.x() + (rect.width() - size.width()) // 2,
        rect.y() + (rect.height() - size.height()) // 2,
        size.width(),
        size.height(),
    )
