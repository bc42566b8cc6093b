"""The filters of a layer as a file: the picture as PNG, or what has become of each filter as CSV."""

import csv
import io
import math
from pathlib import Path
from typing import Final

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtWidgets import QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.gui.saved_file import png, write_saved
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.filter_view import FilterView

FORMATS: Final = {"png": "PNG image (*.png)", "csv": "CSV table, a row a filter (*.csv)"}
_MARGIN: Final = 12
_LEAST: Final = 480  # pixels across, for the title
_MOST: Final = 60_000_000  # pixels


def save_filters(path: Path, view: FilterView, title: str, tokens: Tokens) -> None:
    """Write the filters that are shown.

    Args:
        path: The file; its ending decides what is written.
        view: Shows them.
        title: What they are, above the picture.
        tokens: The colours of the theme.

    Raises:
        InputError: The ending is none of ours, or the file cannot be written.
    """
    match path.suffix.lower():
        case ".png":
            data = _png(view, title, tokens)
        case ".csv":
            data = _table(view)
        case other:
            what = f"filters cannot be saved as {other or 'a file without an ending'}"
            raise InputError(what, where=path, remedy="name it .png or .csv")
    write_saved(path, data)


def _table(view: FilterView) -> bytes:
    picture = view.picture
    assert picture is not None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "layer", "filter", "input", "norm_of_shown", "largest_of_shown", "change_of_filter"))
    flat = picture.values.reshape(len(picture.values), -1)
    norms, peaks = np.linalg.norm(flat, axis=1), np.abs(flat).max(1)
    for number, (norm, peak) in enumerate(zip(norms, peaks, strict=True)):
        source = int(picture.inputs[number]) if picture.kind in {"kernels", "depthwise"} else -1
        change = f"{picture.change[number]:.6g}" if len(picture.change) else ""
        place = source if source >= 0 else ""
        writer.writerow((picture.step, picture.layer, number, place, f"{norm:.6g}", f"{peak:.6g}", change))
    return text.getvalue().encode()


def _png(view: FilterView, title: str, tokens: Tokens) -> bytes:
    """Return all kernels, those out of sight too, or the one that is enlarged, or the whole matrix; with their key."""
    picture = view.picture
    assert picture is not None
    if picture.kind == "mixing":
        outputs, inputs = picture.values.shape
        drawn = view.matrix.picture(max(1, min(24, 1024 // max(outputs, inputs))))
    else:
        sheet, canvas = view.wall.sheet, view.wall.canvas
        many = 4 * canvas.width() * canvas.height() > _MOST
        drawn = _drawn(sheet) if sheet.isVisible() else canvas.picture(1 if many else 2)
    ratio, line, key = drawn.devicePixelRatio(), view.fontMetrics().height() + 8, view.key
    room = QSize(math.ceil(drawn.width() / ratio), math.ceil(drawn.height() / ratio))
    width = max(room.width(), _LEAST, view.fontMetrics().horizontalAdvance(title)) + 2 * _MARGIN
    height = _MARGIN + line + room.height() + _MARGIN + key.height() + _MARGIN
    image = QImage(QSize(width, height) * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(tokens.card))
    painter = QPainter(image)
    painter.setPen(QColor(tokens.text))
    painter.setFont(view.font())
    painter.drawText(QRect(_MARGIN, _MARGIN, width, line), Qt.AlignmentFlag.AlignTop, title)
    painter.drawImage(_MARGIN, _MARGIN + line, drawn)
    key.render(painter, QPoint(_MARGIN, height - _MARGIN - key.height()), QRegion(), QWidget.RenderFlag.DrawChildren)
    painter.end()
    return png(image)


def _drawn(widget: QWidget) -> QImage:
    image = QImage(widget.size() * 2, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(2)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    widget.render(painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    painter.end()
    return image
