"""The feature maps of one layer before and after, side by side."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.map_wall import MapWall

_ALIKE: Final = (
    "Each channel is scaled alike on both sides, from the smallest to the largest value of the two; "
    "with other channels on either side, each map is scaled on its own"
)


class MapPair(QWidget):
    """Two walls of tiles that scroll, point and enlarge together; with nothing before, one over the whole width.

    Attributes:
        before: The wall on the left.
        after: The wall on the right.
    """

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName("Feature maps before and after")
        self.before, self.after = (MapWall(scale=_ALIKE) for _ in range(2))
        self._titles = [QLabel("Before"), QLabel("After")]
        self._notes = [ElidedLabel("", "muted") for _ in range(2)]
        self._left, right = QWidget(), QWidget()
        sides = (("before", self._left, self.before), ("after", right, self.after))
        for (name, side, wall), title, note in zip(sides, self._titles, self._notes, strict=True):
            wall.setObjectName(f"{object_name}.{name}")
            wall.setAccessibleName(f"Feature maps {name}")
            title.setObjectName(f"{object_name}.{name}.title")
            title.setProperty("role", "section")
            note.setObjectName(f"{object_name}.{name}.note")
            header = QHBoxLayout()
            header.setSpacing(8)
            header.addWidget(title)
            header.addWidget(note, 1)
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(6)
            column.addLayout(header)
            column.addWidget(wall, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        layout.addWidget(self._left, 1)
        layout.addWidget(right, 1)
        self._link(self.before, self.after)
        self._link(self.after, self.before)

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
        self._left.setVisible(before is not None)
        self._titles[1].setText("Now" if before is None else "After")
        for label, note in zip(self._notes, notes, strict=True):
            label.setText(note)
        self.before.show_maps(np.empty((0, 1, 1), np.uint8) if before is None else before, layer)
        self.after.show_maps(after, layer)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        for wall in (self.before, self.after):
            wall.set_tokens(tokens)

    def _link(self, one: MapWall, other: MapWall) -> None:
        def enlarge(channel: int) -> None:
            if channel < len(other.canvas.maps):
                other.enlarge(channel)
            else:
                other.shrink()

        def point(channel: int) -> None:
            other.point_at(channel if channel < len(other.canvas.maps) else -1)

        one.channel_chosen.connect(enlarge)
        one.closed.connect(other.shrink)
        one.pointed.connect(point)
        one.scroll_bar.valueChanged.connect(other.scroll_bar.setValue)
