"""Curves as a file: their numbers as CSV, or the picture as PNG or SVG."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from cnnstudio.core.errors import InputError
from cnnstudio.gui.saved_file import png, write_saved
from cnnstudio.gui.widgets.curve_plot import CurvePlot

FORMATS: Final = {"csv": "CSV table (*.csv)", "png": "PNG image (*.png)", "svg": "SVG drawing (*.svg)"}
_SCALE: Final = 2  # pixels of a PNG to one of the screen
_MARGIN: Final = 8


def save_curves(path: Path, shown: CurvePlot, plots: Sequence[CurvePlot]) -> None:
    """Write curves.

    Args:
        path: The file; its ending decides what is written.
        shown: The plot whose picture is wanted.
        plots: Those whose numbers are wanted, in a row for each point: curve, epoch, value. Rows
            of what a run has changed, such as `changed train.lr`, follow.

    Raises:
        InputError: The ending is none of ours, or the file cannot be written.
    """
    match path.suffix.lower():
        case ".csv":
            data = _table(plots)
        case ".png":
            data = _png(shown)
        case ".svg":
            data = _svg(shown)
        case other:
            what = f"curves cannot be saved as {other or 'a file without an ending'}"
            raise InputError(what, where=path, remedy="name it .csv, .png or .svg")
    write_saved(path, data)


def _table(plots: Sequence[CurvePlot]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("curve", "epoch", "value"))
    for plot in plots:
        for name, (epochs, values) in plot.points().items():
            rows = zip(epochs, values, strict=True)
            writer.writerows((name, f"{epoch:.6g}", f"{value:.6g}") for epoch, value in rows)
    for mark in plots[0].marks if plots else ():
        writer.writerow((f"changed {mark.key}", f"{mark.epoch:.6g}", f"{mark.value:.6g}"))
    return text.getvalue().encode()


def _png(plot: CurvePlot) -> bytes:
    parts, size = _arranged(plot)
    image = QImage(size * _SCALE, QImage.Format.Format_RGB32)
    image.fill(plot.axes.view.backgroundBrush().color())
    painter = QPainter(image)
    painter.scale(_SCALE, _SCALE)
    _paint(painter, parts)
    return png(image)


def _svg(plot: CurvePlot) -> bytes:
    parts, size = _arranged(plot)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(96)
    generator.setSize(size)
    generator.setViewBox(QRect(QPoint(), size))
    generator.setTitle(plot.accessibleName())
    painter = QPainter(generator)
    painter.fillRect(QRect(QPoint(), size), plot.axes.view.backgroundBrush())
    _paint(painter, parts)
    return bytes(data.data())


def _arranged(plot: CurvePlot) -> tuple[list[tuple[QWidget, QPoint]], QSize]:
    """Return the legend and the axes with their places on a sheet, and the size of the sheet."""
    legend, axes = plot.legend, plot.axes
    width = max(legend.width(), axes.width()) + 2 * _MARGIN
    below = _MARGIN + legend.height() + _MARGIN
    places: list[tuple[QWidget, QPoint]] = [(legend, QPoint(_MARGIN, _MARGIN)), (axes, QPoint(_MARGIN, below))]
    return places, QSize(width, below + axes.height() + _MARGIN)


def _paint(painter: QPainter, parts: Sequence[tuple[QWidget, QPoint]]) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for widget, place in parts:
        widget.render(painter, place, QRegion(), QWidget.RenderFlag.DrawChildren)
    painter.end()
