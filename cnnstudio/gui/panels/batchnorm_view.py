"""The plots of one BatchNorm with the words around them, and the choice of a channel."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.panels import batchnorm_words as words
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.turns import Later
from cnnstudio.gui.widgets.batchnorm_board import BatchNormBoard, Plots
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.field import SpinField
from cnnstudio.gui.widgets.island import Island
from cnnstudio.gui.widgets.pill_row import PillRow
from cnnstudio.gui.widgets.steady_label import tabular
from cnnstudio.gui.widgets.steady_words import SteadyWords

_ORDERS = {"order": "In order", "weight": "Sorted by γ"}


class BatchNormView(QWidget):
    """What is seen once there is a BatchNorm to see.

    Attributes:
        board: The plots.
        scope: What is drawn; None after `clear`.
    """

    def __init__(self, plots: Plots, batches: PillRow, later: Later) -> None:
        """Make the view.

        Args:
            plots: What is seen.
            batches: The choice of a batch, which gets a place among the others.
            later: Queues the drawing of each plot.
        """
        super().__init__()
        self.scope: BatchNormScope | None = None
        self._batches = batches
        self.board = BatchNormBoard(plots, later)
        self._orders = PillRow("train.batchnorm.order", "Order of the channels", _ORDERS)
        self._channel = SpinField("train.batchnorm.channel", "Channel", low=-1, high=0)
        self._channel.setSpecialValueText("all")
        self._channel.setValue(-1)
        self._channel.setPrefix("channel ")
        self._words, self._frozen = SteadyWords("train.batchnorm.words"), SteadyWords("train.batchnorm.frozen")
        self._words.label.setProperty("role", "muted")
        self._figures = ElidedLabel("", "muted")
        self._figures.setObjectName("train.batchnorm.figures")
        self._figures.setFont(tabular(self._figures.font()))
        figures = Island(self._figures)
        figures.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(batches, 1)
        row.addWidget(self._orders, 1)
        row.addWidget(self._channel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._words)
        column.addWidget(self._frozen)
        column.addWidget(self.board, 1)
        column.addWidget(figures)
        self._orders.chosen.connect(lambda order: self.board.sort(by_weight=order == "weight"))
        self._channel.valueChanged.connect(self.board.set_channel)
        self.board.channel_chosen.connect(self._channel.setValue)
        self.board.channel_shown.connect(self._tell)

    def show_scope(self, scope: BatchNormScope) -> None:
        """Draw what a BatchNorm does."""
        self.scope = scope
        self._channel.setMaximum(len(scope.weight) - 1)
        self.board.show_scope(scope)
        self._words.set_text(words.batch_words(scope))
        self._frozen.set_text(words.drift(scope))
        self._frozen.setVisible(scope.frozen)
        self.board.setAccessibleDescription(f"{self._words.text()} {self._frozen.text()}".strip())

    def clear(self) -> None:
        """Forget what was drawn; of another layer all channels are shown at first."""
        self.scope = None
        self.board.clear()
        self._channel.setValue(-1)

    def come_behind(self, before: QWidget) -> None:
        """Let Tab come to the choices from another widget, from left to right; what is made later would come last."""
        QWidget.setTabOrder(before, self._channel)
        self._orders.come_behind(before)
        self._batches.come_behind(before)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self.board.set_tokens(tokens)
        self._frozen.label.setStyleSheet(f"color: {tokens.frozen_text}")

    @Slot(int)
    def _tell(self, channel: int) -> None:
        if self.scope is not None:
            self._figures.setText(words.channel_words(self.scope, channel))
