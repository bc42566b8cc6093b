"""An image and, where the network is fully convolutional, the map of each class over it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel

from cnnstudio.gui.background import Answer
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.picture_view import PictureView

_NONE: Final = "none"
_STRONGEST: Final = 0.75  # opacity of a probability of one


class HeatMapCard(Card):
    """The picture that was asked about; the class whose map lies over it can be chosen."""

    def __init__(self) -> None:
        super().__init__("test.image_card", "")
        self._view = PictureView("test.image", "Image")
        self._maps: NDArray[np.float32] | None = None
        self._words = QLabel("Heat map")
        self._words.setProperty("role", "muted")
        self._choice = ComboField("test.heat_map", "Class of the heat map", {})
        self._choice.setToolTip("How sure the network is of a class in each part of the image")
        self._choice.setMaximumWidth(200)
        for part in (self._words, self._choice):
            self.add_to_header(part)
            part.hide()
        self._choice.chosen.connect(self._overlay)
        self.body.addWidget(self._view, 1)

    def name_image(self, name: str) -> None:
        """Say whose picture it is."""
        self.set_title(name)
        self._view.setAccessibleName(f"Image {name}")

    def show_answer(self, answer: Answer) -> None:
        """Show an image, under the map of its likeliest class if there are maps."""
        self._view.set_image(to_image(answer.pixels))
        self._maps = answer.heat_maps
        classes = {str(number): name for number, name in enumerate(answer.prediction.classes)}
        self._choice.set_options({**classes, _NONE: "no class"})
        self._choice.set_value(str(int(answer.prediction.probabilities.argmax())))
        self._offer()

    def clear(self) -> None:
        """Show nothing."""
        self._view.set_image(QImage())
        self._maps = None
        self._offer()

    def _offer(self) -> None:
        for part in (self._words, self._choice):
            part.setVisible(self._maps is not None)
        self._overlay()

    @Slot()
    def _overlay(self) -> None:
        chosen = self._choice.value()
        shown = self._maps is not None and chosen != _NONE
        self._view.set_overlay(heat_overlay(self._maps[int(chosen)]) if shown and self._maps is not None else QImage())


def heat_overlay(probabilities: NDArray[np.float32]) -> QImage:
    """Return a map as an image that is the more opaque, the higher its values.

    Args:
        probabilities: `(h, w)`, each from 0 to 1.

    Returns:
        An image of `w` × `h` pixels.
    """
    levels = (probabilities.clip(0, 1) * 255).round().astype(np.uint32)
    opacity = (levels * _STRONGEST).astype(np.uint32) << np.uint32(24)
    pixels = np.ascontiguousarray((argb_table("inferno")[levels] & np.uint32(0x00FFFFFF)) | opacity)
    height, width = pixels.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32).copy()
