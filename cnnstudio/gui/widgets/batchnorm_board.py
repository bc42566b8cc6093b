"""One BatchNorm in eight plots: γ and β, the batch against the running statistics, values before and after, history."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.widgets.agreement_plot import AgreementPlot
from cnnstudio.gui.widgets.channel_chart import BIAS, WEIGHT, Affine, ChannelChart
from cnnstudio.gui.widgets.channel_history import ChannelHistory, HistoryPlot
from cnnstudio.gui.widgets.scope_plot import ScopePlot
from cnnstudio.gui.widgets.value_histogram import Bins, ValueHistogram

_APART_MS: Final = 16


class BatchNormBoard(QWidget):
    """Plots of all channels, in which one can be chosen, and plots of the chosen one.

    Attributes:
        channel: The one that is chosen, or -1 for all together.

    Signals:
        channel_chosen: The channel that the user has clicked.
        channel_shown: The channel whose values are drawn: the one under the mouse, else the chosen one, or -1.
    """

    channel_chosen = Signal(int)
    channel_shown = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("train.batchnorm.board")
        self.setAccessibleName("BatchNorm")
        self.channel = -1
        self._shown = -1
        self._scope: BatchNormScope | None = None
        self._by_weight = False
        self._left: list[Callable[[], None]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_APART_MS)
        self._timer.timeout.connect(self._go_on)
        self._charts = {kind: ChannelChart(kind) for kind in (WEIGHT, BIAS)}
        self._histories = {kind: ChannelHistory() for kind in (WEIGHT, BIAS)}
        self._pasts = {kind: HistoryPlot(kind) for kind in (WEIGHT, BIAS)}
        self._mean, self._var = AgreementPlot("mean"), AgreementPlot("variance")
        self._before = ValueHistogram("before", "Values before the layer", 3)
        self._after = ValueHistogram("after", "Values behind the layer", 2)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        for place, plot in enumerate(self._plots()):
            grid.addWidget(plot, *divmod(place, 4))
        for column in range(4):
            grid.setColumnStretch(column, 1)
            grid.setColumnMinimumWidth(column, 1)
        for plot in self._of_all():
            plot.pointed.connect(self._point)
            plot.chosen.connect(self._choose)

    def show_scope(self, scope: BatchNormScope) -> None:
        """Draw what a BatchNorm does; γ and β of another layer begin a history of their own.

        A new state of the same layer is drawn two plots at a time, as the window must not stand still for all eight.
        """
        before = self._scope
        same = before is not None and (scope.layer, len(scope.weight)) == (before.layer, len(before.weight))
        if not same:
            self.clear()
        for kind, history in self._histories.items():
            history.add(scope.step, _values(scope, kind))
        self._scope = scope
        if not same:
            self._finish()
            self._draw_all()
        elif not self._left:
            self._left = self._parts()
            self._timer.start()

    def drawing(self) -> bool:
        """Whether some plots still show an earlier state."""
        return bool(self._left)

    def clear(self) -> None:
        """Forget what was drawn, and which channel was chosen."""
        self._finish()
        self._scope = None
        for history in self._histories.values():
            history.clear()
        self.channel = self._shown = -1

    def sort(self, *, by_weight: bool) -> None:
        """Let the channels stand in the order of their γ, or in their own."""
        self._by_weight = by_weight
        if self._scope is not None:
            self._arrange(self._scope)
            self._ring()

    def set_channel(self, channel: int) -> None:
        """Choose a channel, or -1 for all, without the signal `channel_chosen`."""
        self.channel = channel
        self._show_channel(channel)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        for plot in self._plots():
            plot.set_tokens(tokens)
        if self._scope is not None:
            self._show_channel(self._shown)

    def _parts(self) -> list[Callable[[], None]]:
        return [self._draw_affine, self._draw_statistics, self._draw_distributions, self._draw_histories]

    def _draw_all(self) -> None:
        for part in self._parts():
            part()

    def _draw_affine(self) -> None:
        assert self._scope is not None
        self._arrange(self._scope)
        for chart in self._charts.values():
            chart.ring(self._shown)

    def _draw_statistics(self) -> None:
        assert self._scope is not None
        self._mean.show_channels(self._scope.running_mean, self._scope.mean)
        self._var.show_channels(self._scope.running_var, self._scope.var)
        for plot in (self._mean, self._var):
            plot.ring(self._shown)

    @Slot()
    def _go_on(self) -> None:
        self._left.pop(0)()
        if not self._left:
            self._timer.stop()

    def _finish(self) -> None:
        self._left.clear()
        self._timer.stop()

    def _of_all(self) -> tuple[ScopePlot, ...]:
        return *self._charts.values(), self._mean, self._var

    def _plots(self) -> tuple[ScopePlot, ...]:
        return *self._of_all(), self._before, self._after, *self._pasts.values()

    def _arrange(self, scope: BatchNormScope) -> None:
        count = len(scope.weight)
        order = np.argsort(-scope.weight, kind="stable") if self._by_weight else np.arange(count)
        for kind, chart in self._charts.items():
            chart.show_channels(_values(scope, kind), order)

    def _ring(self) -> None:
        for plot in self._of_all():
            plot.ring(self._shown)

    @Slot(int)
    def _point(self, channel: int) -> None:
        shown = channel if channel >= 0 else self.channel
        if shown != self._shown:
            self._show_channel(shown)

    @Slot(int)
    def _choose(self, channel: int) -> None:
        self.set_channel(channel)
        self.channel_chosen.emit(channel)

    def _show_channel(self, channel: int) -> None:
        if self._scope is None:
            return
        self._shown = channel
        self._ring()
        self._draw_distributions()
        self._draw_histories()

    def _draw_distributions(self) -> None:
        assert self._scope is not None
        before, normalised, after = _distributions(self._scope, self._shown)
        self._before.show_bins(before)
        self._after.show_bins(after, normalised)
        self._before.set_title(f"{self._whose('all channels')}, before")
        self._after.set_title("after, with γ and β (┄ without)")

    def _draw_histories(self) -> None:
        for kind, past in self._pasts.items():
            past.show_history(*self._histories[kind].of(self._shown), self._whose("mean of all"))
        self.channel_shown.emit(self._shown)

    def _whose(self, all_of_them: str) -> str:
        return all_of_them if self._shown < 0 else f"channel {self._shown}"


def _values(scope: BatchNormScope, kind: Affine) -> NDArray[np.float32]:
    return scope.weight if kind is WEIGHT else scope.bias


def _distributions(scope: BatchNormScope, channel: int) -> tuple[Bins, Bins, Bins]:
    """Return what comes into the layer, the same normalised, and the same with γ and β."""
    if channel < 0:
        before, normalised, after = (
            Bins((float(low), float(high)), counts)
            for (low, high), counts in zip(scope.ends, scope.pooled, strict=True)
        )
        return before, normalised, after
    counts = scope.counts[channel]
    ends = np.array([scope.low[channel], scope.high[channel]])
    plain = scope.normalised(channel, ends) if scope.values else ends
    moved = plain * scope.weight[channel] + scope.bias[channel]
    first, second, third = (Bins((float(each[0]), float(each[1])), counts) for each in (ends, plain, moved))
    return first, second, third
