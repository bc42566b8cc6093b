"""Loss and accuracy over the epochs, the losses of auxiliary heads apart."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.curve_plot import CurvePlot
from cnnstudio.gui.widgets.curve_series import Series
from cnnstudio.gui.words import percent

HINT: Final = "Loss and accuracy appear here after the first steps"
_AUX_LOOKS: Final = ((3, (6.0, 2.0, 1.0, 2.0)), (4, (3.0, 2.0)), (5, (1.0, 1.5)))


def _loss(value: float) -> str:
    return f"{value:.3f}"


_SERIES: Final = (
    Series("train_loss", "train loss", _loss, smoothed=True, faint=True),
    Series("val_loss", "val loss", _loss, 1, dash=(4, 2.5), marker="o", reduce="", where="after epoch"),
    Series("train_accuracy", "train accuracy", percent, 2, width=1, right=True, smoothed=True),
    Series(
        "val_accuracy",
        "val accuracy",
        percent,
        2,
        dash=(1, 2),
        marker="s",
        right=True,
        reduce="",
        where="after epoch",
    ),
)


class LossPlot(CurvePlot):
    """Curves of loss (left axis) and accuracy (right axis)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_SERIES, HINT, parent)
        self.setObjectName("curve_plot")
        self.setAccessibleName("Loss and accuracy")

    def add_steps(self, epochs: Sequence[float], losses: Sequence[float], accuracies: Sequence[float]) -> None:
        """Append training loss and accuracy at positions counted in epochs, each `(n,)`, ascending."""
        self.extend("train_loss", epochs, losses)
        self.extend("train_accuracy", epochs, accuracies)

    def add_aux(self, head: str, epochs: Sequence[float], losses: Sequence[float]) -> None:
        """Append the training loss of an auxiliary head, which has a curve of its own."""
        name = f"aux_{head}"
        known = [each.name for each in self.series if each.name.startswith("aux_")]
        if name not in known:
            color, dash = _AUX_LOOKS[len(known) % len(_AUX_LOOKS)]
            self.offer(Series(name, head, _loss, color, width=1, dash=dash, smoothed=True))
        self.extend(name, epochs, losses)

    def add_epoch(
        self,
        epoch: int,
        train_loss: float,
        val_loss: float,
        train_accuracy: float,
        val_accuracy: float,
        best: bool,
    ) -> None:
        """Append the figures of an epoch, counted from 1; accuracies from 0 to 1."""
        self.extend("val_loss", [epoch], [val_loss])
        self.extend("val_accuracy", [epoch], [val_accuracy])
        if best:
            self.mark_best(epoch)
        kept = self._best_epoch
        self.setAccessibleDescription(
            f"Epoch {epoch} of {self._total}: train loss {train_loss:.3f}, val loss {val_loss:.3f}, "
            f"train accuracy {percent(train_accuracy)}, val accuracy {percent(val_accuracy)}."
            + ("" if kept is None else f" Best so far: epoch {kept}.")
        )
