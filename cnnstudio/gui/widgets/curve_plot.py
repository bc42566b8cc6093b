"""Loss and accuracy over the epochs, drawn while they arrive."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent, QPen
from PySide6.QtWidgets import QLabel, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.gui.theme import LIGHT, Tokens
from cnnstudio.gui.widgets.curve_axes import CurveAxes
from cnnstudio.gui.widgets.curve_cursor import CurveCursor
from cnnstudio.gui.widgets.curve_data import Points, Smoother, loss_top
from cnnstudio.gui.widgets.curve_legend import CurveLegend
from cnnstudio.gui.words import percent

_NAMES = {
    "train_loss": "train loss",
    "val_loss": "val loss",
    "train_accuracy": "train accuracy",
    "val_accuracy": "val accuracy",
}
_LOSSES = ("train_loss_steps", "val_loss")
_REDUCED = {"train_loss_steps": "peak", "train_loss": "subsample", "train_accuracy": "subsample"}
_MARKERS = {"val_loss": "o", "val_accuracy": "s"}
_SMOOTHING = 0.012
_MOST_MARKERS = 30


class CurvePlot(QWidget):
    """Curves of loss (left axis) and accuracy (right axis).

    What is added is drawn by the next `refresh`, so that a tick of the window costs one `setData` a curve.

    Attributes:
        legend: The legend above the plot; put it into another layout to have it elsewhere.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curve_plot")
        self.setAccessibleName("Loss and accuracy")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tokens = LIGHT
        self._total = 10

        self._axes = CurveAxes(self)
        self._axes.resized.connect(self._reduce_again)
        self._lines = {
            name: pg.PlotDataItem(antialias=True, connect="all", skipFiniteCheck=True, autoDownsampleFactor=1.0)
            for name in ("train_loss_steps", *_NAMES)
        }
        for name, line in self._lines.items():
            self._axes.add_line(line, accuracy=name.endswith("accuracy"))
        for name, method in _REDUCED.items():
            self._lines[name].setDownsampling(auto=True, method=method)

        self._best_line = pg.InfiniteLine(angle=90, label="", labelOpts={"position": 0.55})
        self._axes.add_line(self._best_line)
        self._cursor = CurveCursor(self._axes.view, self._describe)

        self._hint = QLabel("Loss and accuracy appear here after the first steps", self)
        self._hint.setObjectName("curve_hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self.legend = CurveLegend(_NAMES, self)
        self.legend.curve_toggled.connect(self._show_curve)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(self._axes)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.legend)
        column.addWidget(pages, 1)

        self.clear()
        self.set_tokens(LIGHT)

    def clear(self) -> None:
        """Forget all curves."""
        self._points = {name: Points() for name in self._lines}
        self.setAccessibleDescription(self._hint.text())
        self._best_epoch: int | None = None
        self._best_line.hide()
        self._cursor.hide()
        self.set_epochs(self._total)
        self.refresh()

    def set_epochs(self, total: int) -> None:
        """Let the x axis run from 0 to `total` epochs."""
        self._total = max(1, total)
        self._smoothers = [Smoother(_SMOOTHING * self._total) for _ in range(2)]
        self._axes.set_epochs(self._total)

    def add_steps(self, epochs: Sequence[float], losses: Sequence[float], accuracies: Sequence[float]) -> None:
        """Append training loss and accuracy at positions counted in epochs, each `(n,)`, ascending."""
        self._points["train_loss_steps"].extend(epochs, losses)
        self._points["train_loss"].extend(epochs, self._smoothers[0].smooth(epochs, losses))
        self._points["train_accuracy"].extend(epochs, self._smoothers[1].smooth(epochs, accuracies))

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
        self._points["val_loss"].extend([epoch], [val_loss])
        self._points["val_accuracy"].extend([epoch], [val_accuracy])
        if best:
            self._best_epoch = epoch
        self.setAccessibleDescription(
            f"Epoch {epoch} of {self._total}: train loss {train_loss:.3f}, val loss {val_loss:.3f}, "
            f"train accuracy {percent(train_accuracy)}, val accuracy {percent(val_accuracy)}."
            + ("" if self._best_epoch is None else f" Best so far: epoch {self._best_epoch}.")
        )

    def refresh(self) -> None:
        """Draw what was added."""
        for name, line in self._lines.items():
            points = self._points[name]
            shown = line.getOriginalDataset()[0]
            if len(points) != (0 if shown is None else len(shown)):
                line.setData(points.x, points.y)
                if name in _MARKERS:
                    line.setSymbol(_MARKERS[name] if len(points) <= _MOST_MARKERS else None)
        if self._best_epoch is not None:
            self._best_line.show()
            self._best_line.setValue(self._best_epoch)
            side = (0, 0.5) if self._best_epoch < 0.75 * self._total else (1, 0.5)
            self._best_line.label.anchors = [side, side]
            self._best_line.label.setFormat(f"best · epoch {self._best_epoch}")
        self._axes.set_loss_top(loss_top(*(self._points[name].y for name in _LOSSES)))
        empty = not any(len(points) for points in self._points.values())
        self._pages.setCurrentIndex(0 if empty else 1)
        self.legend.setVisible(not empty)

    def drawn(self, curve: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is on the screen of a curve.

        Args:
            curve: `train_loss_steps` (as reported), `train_loss`, `train_accuracy` (both smoothed), `val_loss` or
                `val_accuracy`.

        Returns:
            Positions in epochs and values, each `(n,)`; empty while the curve is hidden.
        """
        x, y = self._lines[curve].getOriginalDataset()
        if x is None or not self._lines[curve].isVisible():
            return np.empty(0), np.empty(0)
        return x, y

    @property
    def best_epoch(self) -> int | None:
        """The epoch that the dashed line marks."""
        return round(self._best_line.value()) if self._best_line.isVisible() else None

    @property
    def loss_range(self) -> tuple[float, float]:
        """Where the axis of the losses begins and ends."""
        return self._axes.loss_range

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        self._tokens = tokens
        loss, validation, accuracy = (QColor(color) for color in tokens.series[:3])
        faint = QColor(loss)
        faint.setAlphaF(0.35)
        self._lines["train_loss_steps"].setPen(pg.mkPen(faint, width=1))
        self._set_look("train_loss", pg.mkPen(loss, width=2))
        self._set_look("train_accuracy", pg.mkPen(accuracy, width=1))
        self._set_look("val_loss", pg.mkPen(validation, width=2, dash=[4, 2.5]))
        self._set_look("val_accuracy", pg.mkPen(accuracy, width=2, dash=[1, 2]))
        self._axes.set_tokens(tokens)
        self._best_line.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DashLine))
        self._best_line.label.setColor(tokens.muted)
        self._best_line.label.setFont(self._axes.small_font)
        self._cursor.set_tokens(tokens)
        self._hint.setStyleSheet(f"color: {tokens.muted}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move the readout, plus and minus zoom, Home fits, Escape hides the readout."""
        at = self._cursor.position
        if event.key() in {Qt.Key.Key_Left, Qt.Key.Key_Right}:
            step = self._total / 50 * (1 if event.key() == Qt.Key.Key_Right else -1)
            self._cursor.move_to(min(self._total, max(0.0, 0.0 if at is None else at + step)))
        elif event.key() in {Qt.Key.Key_Plus, Qt.Key.Key_Minus}:
            self._axes.zoom(0.8 if event.key() == Qt.Key.Key_Plus else 1.25, at)
        elif event.key() == Qt.Key.Key_Home:
            self._axes.fit()
        elif event.key() == Qt.Key.Key_Escape and at is not None:
            self._cursor.hide()
        else:
            super().keyPressEvent(event)

    def _reduce_again(self) -> None:
        """Set the long curves again: pyqtgraph reduced them to the pixels that there were."""
        for name in _REDUCED:
            x, y = self._lines[name].getOriginalDataset()
            if x is not None:
                self._lines[name].setData(x, y)

    def _set_look(self, name: str, pen: QPen) -> None:
        line = self._lines[name]
        line.setPen(pen)
        line.setSymbolSize(5)
        line.setSymbolBrush(pen.color())
        line.setSymbolPen(None)
        self.legend.entries[name].set_look(pen, marker=name in _MARKERS, tokens=self._tokens)

    def _show_curve(self, name: str, shown: bool) -> None:
        self._lines[name].setVisible(shown)
        if name == "train_loss":
            self._lines["train_loss_steps"].setVisible(shown)

    def _describe(self, x: float) -> str:
        """Return the values at a position as rich text."""
        rows = []
        for name, text in _NAMES.items():
            points = self._points[name]
            index = points.nearest(x)
            if index is not None and self._lines[name].isVisible():
                value = points.y[index]
                number = percent(value) if name.endswith("accuracy") else f"{value:.3f}"
                where = f" after epoch {points.x[index]:.0f}" if name.startswith("val") else ""
                rows.append(f"<tr><td>{text}{where}</td><td align='right'>&nbsp;&nbsp;{number}</td></tr>")
        return f"<b>epoch {x:.1f}</b><table>{''.join(rows)}</table>" if rows else ""
