"""How feature maps are painted, on the screen and into files: tiles in a grid, and one map over its image."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.colormaps import ZERO, ColorMap, argb_table, is_diverging
from cnnstudio.gui.widgets.grid import Grid
from cnnstudio.gui.widgets.tile_grid import TileGrid, mosaic

_GAP = 12
_STRONGEST = 0.85  # opacity of the largest value over an image

Colors = Callable[[NDArray[np.intp]], NDArray[np.uint32]]
"""From channels to the colour of each value, `(256,)`, or of each value of each of them, `(n, 256)`."""


def as_image(pixels: NDArray[np.uint32]) -> QImage:
    """Return a contiguous `(h, w)` array as an image that shares its memory: it must not outlive the array."""
    height, width = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)


def scale_of(painter: QPainter) -> int:
    """Return how many pixels of the device there are to one of what is painted, rounded up."""
    return math.ceil(painter.device().devicePixelRatioF() * max(1.0, painter.transform().m11()))


def draw_rows(painter: QPainter, pixels: NDArray[np.uint32], grid: Grid, rows: range) -> None:
    """Draw the pixels of some rows of a wall, as many as `scale_of` says to one of what is painted."""
    image = as_image(pixels)
    image.setDevicePixelRatio(scale_of(painter))
    painter.drawImage(0, rows.start * grid.down, image)


def paint_tiles(
    painter: QPainter,
    maps: NDArray[np.uint8],
    grid: TileGrid,
    rows: range,
    colors: Colors | NDArray[np.uint32],
    tokens: Tokens,
    *,
    order: NDArray[np.intp],
    dead: NDArray[np.bool_],
) -> None:
    """Paint some rows of a wall in one piece, those that are dead as crossed, empty frames.

    Args:
        painter: Paints with the first of all rows at the top.
        maps: `(C, h, w)`.
        grid: Where they lie.
        rows: Which rows, by their numbers.
        colors: Gives the colours of the channels that are shown; or the colours of all, `(256,)`.
        tokens: The colours of the theme.
        order: Which map lies where.
        dead: `(C,)`, which of them are zero everywhere.
    """
    tiles = grid.in_rows(rows)
    shown = order[tiles]
    table = colors(shown) if callable(colors) else colors
    draw_rows(painter, mosaic(maps, grid, rows, table, scale=scale_of(painter), order=order), grid, rows)
    paint_dead(painter, [grid.place(tiles.start + int(at)) for at in np.flatnonzero(dead[shown])], tokens)


def paint_dead(painter: QPainter, places: Sequence[QRect], tokens: Tokens) -> None:
    """Paint maps that are zero everywhere: frames with nothing in them but a cross, all of the same size."""
    if not places:
        return
    scale, size = scale_of(painter), places[0].size()
    tile = QImage(size * scale, QImage.Format.Format_ARGB32_Premultiplied)  # drawn once, as lines take long
    tile.setDevicePixelRatio(scale)
    tile.fill(QColor(tokens.ground))
    lines = QPainter(tile)
    lines.setRenderHint(QPainter.RenderHint.Antialiasing)
    lines.setPen(QPen(QColor(tokens.edge), 1))
    room = QRectF(QPointF(), size)
    lines.drawRect(room.adjusted(0.5, 0.5, -0.5, -0.5))
    lines.setPen(QPen(QColor(tokens.muted), 1.25))
    middle, arm = room.center(), min(5.0, room.width() / 6)
    for slope in (-1, 1):
        lines.drawLine(middle - QPointF(arm, slope * arm), middle + QPointF(arm, slope * arm))
    lines.end()
    for place in places:
        painter.drawImage(place.topLeft(), tile)


def panes(room: QRectF) -> tuple[QRectF, QRectF, QRectF]:
    """Return the places of an image, of a map over it, and of the map alone: squares, the second as large as can be."""
    beside = min((room.width() - 2 * _GAP) / 3, room.height())
    large = min((2 * room.width() - _GAP) / 3, room.height())
    small = (large - _GAP) / 2
    if large <= 1.1 * beside:
        left = room.x() + (room.width() - 3 * beside - 2 * _GAP) / 2
        first, second, third = (QRectF(left + at * (beside + _GAP), room.y(), beside, beside) for at in range(3))
        return first, second, third
    left = room.x() + (room.width() - large - _GAP - small) / 2
    right = left + large + _GAP
    return (
        QRectF(right, room.y(), small, small),
        QRectF(left, room.y(), large, large),
        QRectF(right, room.y() + small + _GAP, small, small),
    )


def overlay(values: NDArray[np.uint8], levels: NDArray[np.uint8], color_map: ColorMap) -> NDArray[np.uint32]:
    """Return a map for over its image: the more opaque, the further a value is from the beginning of the colour map.

    Args:
        values: `(h, w)`.
        levels: `(256,)`, the entry of the colour map for each value.
        color_map: Its name; a diverging one begins in its middle.

    Returns:
        `(h, w)` premultiplied ARGB.
    """
    entries = np.arange(256)
    strength = np.abs(entries - ZERO) / (255 - ZERO) if is_diverging(color_map) else entries / 255
    opacity = (strength.clip(0, 1) * _STRONGEST * 255).round().astype(np.uint32)
    table = argb_table(color_map)
    parts = [
        (((table >> np.uint32(shift)) & np.uint32(255)) * opacity // 255) << np.uint32(shift) for shift in (0, 8, 16)
    ]
    see_through = (opacity << np.uint32(24)) | parts[0] | parts[1] | parts[2]
    pixels: NDArray[np.uint32] = np.ascontiguousarray(see_through[levels][values].astype(np.uint32))
    return pixels


def paint_zoom(
    painter: QPainter, room: QRectF, map_pixels: NDArray[np.uint32], over: NDArray[np.uint32], image: QImage
) -> float:
    """Paint one map as large as fits, its pixels sharp; with an image beside it and over it.

    Args:
        painter: Paints.
        room: Where.
        map_pixels: `(h, w)`, opaque.
        over: `(h, w)`, the same for over the image.
        image: What the map answers to; null if that is not known.

    Returns:
        How far down it is painted.
    """
    height, width = map_pixels.shape
    if image.isNull():
        factor = min(room.width() / width, room.height() / height)
        left = room.x() + (room.width() - factor * width) / 2
        place = QRectF(left, room.y(), factor * width, factor * height)
        painter.drawImage(place, as_image(map_pixels))
        return place.bottom()
    alone, both, third = panes(room)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(alone, image)
    painter.drawImage(both, image.convertToFormat(QImage.Format.Format_Grayscale8))
    painter.restore()
    painter.drawImage(both, as_image(over))
    painter.drawImage(third, as_image(map_pixels))
    return both.bottom()
