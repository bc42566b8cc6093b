"""The feature maps of one layer before and after, side by side."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.map_wall import MapWall
from cnnstudio.gui.widgets.wall_pair import WallPair

_ALIKE: Final = (
    "Each channel is scaled alike on both sides, from the smallest to the largest value of the two; "
    "with other channels on either side, each map is scaled on its own"
)


class MapPair(WallPair):
    """Feature maps before and after; with nothing before, those of now over the whole width.

    Attributes:
        before: The wall on the left.
        after: The wall on the right.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        self.before, self.after = MapWall(scale=_ALIKE), MapWall(scale=_ALIKE)
        walls = {"before": ("Before", self.before), "after": ("After", self.after)}
        super().__init__(object_name, "Feature maps before and after", walls, parent)
        for name, (_, wall) in walls.items():
            wall.setAccessibleName(f"Feature maps {name}")

    def show_maps(
        self,
        before: NDArray[np.uint8] | None,
        after: NDArray[np.uint8],
        *,
        layer: str,
        notes: tuple[str, str] = ("", ""),
    ) -> None:
        """Show maps.

        Args:
            before: `(C, h, w)`; None if there are none.
            after: `(C, h, w)`.
            layer: Name of the layer; as long as it stays, so does an enlarged map.
            notes: Words beside the two titles.
        """
        self.sides[0].setVisible(before is not None)
        self.titles[1].setText("Now" if before is None else "After")
        for label, note in zip(self.notes, notes, strict=True):
            label.setText(note)
        self.before.show_maps(np.empty((0, 1, 1), np.uint8) if before is None else before, layer)
        self.after.show_maps(after, layer)
