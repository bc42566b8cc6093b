"""What the network says of the image."""

from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QLabel

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.prediction_bars import PredictionBars

if TYPE_CHECKING:
    from cnnstudio.engine.evaluate import Prediction

_UNSURE: Final = 0.5


class AnswerCard(Card):
    """The likeliest classes as bars, and a hint where none stands out."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("test.answer", "Answer")
        self._bars = PredictionBars()
        self._bars.set_tokens(theme.tokens)
        theme.changed.connect(self._bars.set_tokens)
        self._doubt = QLabel("The network is not sure.")
        self._doubt.setObjectName("test.doubt")
        self._doubt.setProperty("role", "warn")
        self._doubt.setToolTip("No class reaches a probability of 50 %.")
        self._doubt.hide()
        self.body.addWidget(self._bars)
        self.body.addWidget(self._doubt)

    def show_prediction(self, prediction: "Prediction") -> None:
        """Show an answer."""
        self._bars.show_prediction(prediction.classes, prediction.probabilities.tolist())
        self._doubt.setVisible(bool(prediction.probabilities.max() < _UNSURE))

    def clear(self) -> None:
        """Show that there is no answer."""
        self._bars.clear()
        self._doubt.hide()
