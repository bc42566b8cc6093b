"""Two walls of feature maps side by side."""

from collections.abc import Mapping
from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.map_wall import MapWall
from cnnstudio.gui.widgets.removal_wall import RemovalWall

Wall = MapWall | RemovalWall


class WallPair(QWidget):
    """Walls that scroll, point and enlarge together, each below its title and a note.

    Attributes:
        titles: What each is.
        notes: What is said of each.
        sides: Each with its title and note; a hidden one leaves its room to the other.
    """

    def __init__(
        self, object_name: str, label: str, walls: Mapping[str, tuple[str, Wall]], parent: QWidget | None
    ) -> None:
        """Lay out two walls.

        Args:
            object_name: Of the pair; those of its parts begin with it.
            label: Accessible name of the pair.
            walls: What the object name of each ends in, its title, and itself.
            parent: The parent.
        """
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(label)
        self.titles = [QLabel(title) for title, _ in walls.values()]
        self.notes = [ElidedLabel("", "muted") for _ in walls]
        self.sides = [QWidget() for _ in walls]
        self._walls = [wall for _, wall in walls.values()]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        parts = zip(walls, self._walls, self.titles, self.notes, self.sides, strict=True)
        for name, wall, title, note, side in parts:
            wall.setObjectName(f"{object_name}.{name}")
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
            layout.addWidget(side, 1)
        for one, other in (self._walls, reversed(self._walls)):
            one.channel_chosen.connect(partial(_enlarge, other))
            one.closed.connect(other.shrink)
            one.pointed.connect(partial(_point, other))
            one.scroll_bar.valueChanged.connect(other.scroll_bar.setValue)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        for wall in self._walls:
            wall.set_tokens(tokens)


def _enlarge(wall: Wall, channel: int) -> None:
    if channel < len(wall.canvas.maps):
        wall.enlarge(channel)
    else:
        wall.shrink()


def _point(wall: Wall, channel: int) -> None:
    wall.point_at(channel if channel < len(wall.canvas.maps) else -1)
