"""What else can be followed over the epochs of a run, a plot for each."""

from typing import Final

from PySide6.QtWidgets import QWidget

from cnnstudio.gui.widgets.curve_plot import CurvePlot
from cnnstudio.gui.widgets.curve_series import Series


def _rate(value: float) -> str:
    return f"{value:.3g}"


def _speed(value: float) -> str:
    return f"{value:,.1f}"


_TRACES: Final = {
    "lr": (
        Series("lr", "learning rate of the head", _rate, 0, reduce="peak"),
        "The learning rate of each step appears here",
    ),
    "gradient_norm": (
        Series("gradient_norm", "norm of all gradients", _rate, 1, smoothed=True, faint=True),
        "How long the gradient is appears here: near zero nothing is learnt, and growing without end it explodes",
    ),
    "images_per_second": (
        Series("images_per_second", "images a second", _speed, 2, smoothed=True, faint=True),
        "The speed of the training appears here",
    ),
}
TRACES: Final = tuple(_TRACES)


class TracePlot(CurvePlot):
    """One figure of the run.

    Args:
        name: One of `TRACES`, which are attributes of `StepEnded`.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        series, hint = _TRACES[name]
        super().__init__((series,), hint, parent)
        self.setObjectName(f"trace_{name}")
        self.setAccessibleName(series.text)
        self.name = name
