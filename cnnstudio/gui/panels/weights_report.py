"""The report on pretrained weights, tensor by tensor."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from cnnstudio.gui.weights_view import WeightsReport
from cnnstudio.gui.widgets.elided_label import ElidedLabel

TITLE: Final = "What the weights do here"
_SIZE: Final = (760, 440)
_MOST: Final = 10_000  # keys that are listed; a file of nonsense may have millions


class WeightsReportDialog(QDialog):
    """Which tensors load, which start at random and which are not used, each in a list to scroll and to copy from."""

    def __init__(self, report: WeightsReport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_report")
        self.setWindowTitle(TITLE)
        self.resize(*_SIZE)
        title = QLabel(TITLE)
        title.setProperty("role", "title")
        source = ElidedLabel(report.load.source, "muted")
        source.setObjectName("weights_report.source")
        sentences = QLabel(report.sentences())
        sentences.setObjectName("weights_report.sentences")
        sentences.setTextFormat(Qt.TextFormat.PlainText)
        sentences.setWordWrap(True)
        lists = QHBoxLayout()
        lists.setSpacing(16)
        load, at_random = report.load, "starts at random" if len(report.load.missing) == 1 else "start at random"
        for name, words, tip, keys in (
            ("loaded", "loaded", "Tensors that the network takes from the weights.", load.loaded),
            ("missing", at_random, "Tensors of the network for which the weights have none.", load.missing),
            ("skipped", "not used", "Tensors of the weights that the network has no place for.", load.skipped),
        ):
            lists.addWidget(_Keys(f"weights_report.{name}", words, tip, keys), 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setObjectName("weights_report.close")
        close.setDefault(True)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(8)
        for label in (title, source, sentences):
            layout.addWidget(label)
        layout.addSpacing(8)
        layout.addLayout(lists, 1)
        layout.addWidget(buttons)
        close.setFocus()


class _Keys(QWidget):
    """A count and what it counts, over the keys."""

    def __init__(self, object_name: str, words: str, tip: str, keys: Sequence[str]) -> None:
        super().__init__()
        heading = QLabel(f"{len(keys):,} {words}")
        heading.setObjectName(f"{object_name}.count")
        heading.setProperty("role", "section")
        heading.setToolTip(tip)
        listing = QPlainTextEdit()
        listing.setObjectName(object_name)
        listing.setAccessibleName(heading.text())
        listing.setAccessibleDescription(tip)
        listing.setReadOnly(True)
        listing.setTabChangesFocus(True)
        listing.setUndoRedoEnabled(False)
        listing.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        listing.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        listing.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        more = len(keys) - _MOST
        listing.setPlainText("\n".join((*keys[:_MOST], *([f"and {more:,} more"] if more > 0 else []))))
        heading.setBuddy(listing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading)
        layout.addWidget(listing, 1)
