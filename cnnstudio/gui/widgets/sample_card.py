"""A sample data set that can be taken."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from cnnstudio.data.samples import Sample
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.picture_strip import PictureStrip
from cnnstudio.gui.words import counted

PICTURES: Final = 8
"""How many pictures are shown where there is room."""


class SampleCard(QFrame):
    """Pictures, title, idea, size, and the button that takes it.

    Signals:
        taken: The user wants this sample.
    """

    taken = Signal()

    def __init__(self, sample: Sample, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name = f"data.sample.{sample.name}"
        self.setObjectName(name)
        self.setAccessibleName(f"Sample {sample.title}")
        self.setProperty("role", "card")
        self._sample = sample
        self._strip = PictureStrip(theme, most=PICTURES)
        take = QPushButton("Take this sample")
        take.setObjectName(f"{name}.take")
        take.setAccessibleName(f"Take the sample {sample.title}")
        take.clicked.connect(self.taken)
        self._lay_out(take)

    def pictures(self) -> tuple[QImage, ...]:
        """Return the pictures."""
        return self._strip.pictures()

    def set_pictures(self, pictures: Sequence[QImage]) -> None:
        """Show what its images are like."""
        self._strip.set_pictures(pictures)

    def _lay_out(self, take: QPushButton) -> None:
        sample = self._sample
        heading = QLabel(sample.title)
        heading.setProperty("role", "title")
        idea = QLabel(sample.idea)
        idea.setProperty("role", "muted")
        idea.setWordWrap(True)
        size = f"{counted(sample.images, 'image')} · {counted(len(sample.classes), 'class', 'classes')}"
        bottom = QHBoxLayout()
        bottom.addWidget(ElidedLabel(size), 1)
        bottom.addWidget(take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self._strip)
        layout.addWidget(heading)
        layout.addWidget(idea)
        layout.addStretch(1)
        layout.addLayout(bottom)
