"""A field for learning rates, which go from tens to millionths."""

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QWidget

from cnnstudio.gui.widgets.field import NumberField

_DECIMALS = 9
_HIGHEST = 100.0


class RateField(NumberField):
    """Shows three significant digits, and takes `3e-4` as well as `0.0003`; the arrows change the first digit."""

    def __init__(self, object_name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(
            object_name, label, low=10**-_DECIMALS, high=_HIGHEST, step=0.001, decimals=_DECIMALS, parent=parent
        )
        self.setStepType(NumberField.StepType.AdaptiveDecimalStepType)
        self.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToPreviousValue)

    def textFromValue(self, value: float) -> str:
        """Write a rate."""
        return f"{value:.3g}"

    def valueFromText(self, text: str) -> float:
        """Read a rate."""
        try:
            return float(text)
        except ValueError:
            return self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Say whether a text is a rate, or may become one."""
        try:
            within = self.minimum() <= float(text) <= self.maximum()
        except ValueError:
            within = False
        return QValidator.State.Acceptable if within else QValidator.State.Intermediate, text, position
