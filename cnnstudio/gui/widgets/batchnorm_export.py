"""A BatchNorm as a file: its figures as CSV, or the plots as PNG."""

import csv
import io
from pathlib import Path
from typing import Final

from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.saved_file import png, write_saved

FORMATS: Final = {"png": "PNG image (*.png)", "csv": "CSV table (*.csv)"}
_SCALE: Final = 2  # pixels of a PNG to one of the screen


def save_scope(path: Path, scope: BatchNormScope, board: QWidget, ground: str) -> None:
    """Write what is shown.

    Args:
        path: The file; its ending decides what is written: all channels, a row each, or the picture.
        scope: The figures.
        board: The plots.
        ground: Colour behind them.

    Raises:
        InputError: The ending is none of ours, or the file cannot be written.
    """
    match path.suffix.lower():
        case ".csv":
            data = _table(scope)
        case ".png":
            data = _png(board, ground)
        case other:
            what = f"this cannot be saved as {other or 'a file without an ending'}"
            raise InputError(what, where=path, remedy="name it .png or .csv")
    write_saved(path, data)


def _table(scope: BatchNormScope) -> bytes:
    columns = {
        "weight": scope.weight,
        "bias": scope.bias,
        "batch_mean": scope.mean,
        "batch_var": scope.var,
        "running_mean": scope.running_mean,
        "running_var": scope.running_var,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "layer", "images", "channel", *columns))
    for channel, figures in enumerate(zip(*columns.values(), strict=True)):
        writer.writerow((scope.step, scope.layer, scope.images, channel, *(f"{figure:.7g}" for figure in figures)))
    return text.getvalue().encode()


def _png(board: QWidget, ground: str) -> bytes:
    image = QImage(board.size() * _SCALE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SCALE)
    image.fill(QColor(ground))
    board.render(image, renderFlags=QWidget.RenderFlag.DrawChildren)
    return png(image)
