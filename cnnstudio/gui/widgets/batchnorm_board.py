"""One BatchNorm in eight plots: γ and β, the batch against the running statistics, values before and after, history."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.theme import Tokens
from cnnstudio.gui.turns import Later, at_once
from cnnstudio.gui.widgets.agreement_plot import AgreementPlot
from cnnstudio.gui.widgets.channel_chart import BIAS, WEIGHT, Affine, ChannelChart
from cnnstudio.gui.widgets.channel_history import ChannelHistory, HistoryPlot
from cnnstudio.gui.widgets.scope_plot import ScopePlot
from cnnstudio.gui.widgets.value_histogram import Bins, ValueHistogram


class Plots:
    """The plots from left to right: of all channels above, of the chosen one below; each is made when it is asked for.

    Attributes:
        makers: What makes one after the other.
    """

    def __init__(self) -> None:
        self.makers: tuple[Callable[[], ScopePlot], ...] = (
            lambda: self.weight,
            lambda: self.bias,
            lambda: self.mean,
            lambda: self.var,
            lambda: self.before,
            lambda: self.after,
            lambda: self.weight_history,
            lambda: self.bias_history,
        )

    @cached_property
    def weight(self) -> ChannelChart:
        """γ of all channels."""
        return ChannelChart(WEIGHT)

    @cached_property
    def bias(self) -> ChannelChart:
        """β of all channels."""
        return ChannelChart(BIAS)

    @cached_property
    def mean(self) -> AgreementPlot:
        """Means of the batch against the running ones."""
        return AgreementPlot("mean")

    @cached_property
    def var(self) -> AgreementPlot:
        """Variances of the batch against the running ones."""
        return AgreementPlot("variance")

    @cached_property
    def before(self) -> ValueHistogram:
        """Values before the layer."""
        return ValueHistogram("before", "Values before the layer", 3)

    @cached_property
    def after(self) -> ValueHistogram:
        """Values behind the layer."""
        return ValueHistogram("after", "Values behind the layer", 2)

    @cached_property
    def weight_history(self) -> HistoryPlot:
        """γ of the chosen channel over the steps."""
        return HistoryPlot(WEIGHT)

    @cached_property
    def bias_history(self) -> HistoryPlot:
        """β of the chosen channel over the steps."""
        return HistoryPlot(BIAS)


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

    def __init__(self, plots: Plots, later: Later = at_once) -> None:
        """Make the board.

        Args:
            plots: What is seen.
            later: Queues the drawing of each plot.
        """
        super().__init__()
        self.setObjectName("train.batchnorm.board")
        self.setAccessibleName("BatchNorm")
        self.channel = -1
        self._shown = -1
        self._scope: BatchNormScope | None = None
        self._by_weight = False
        self._later = later
        self._queued: set[ScopePlot] = set()
        self._plots = plots
        self._charts = {WEIGHT: plots.weight, BIAS: plots.bias}
        self._histories = {kind: ChannelHistory() for kind in (WEIGHT, BIAS)}
        self._pasts = {WEIGHT: plots.weight_history, BIAS: plots.bias_history}
        self._of_all: tuple[ScopePlot, ...] = (plots.weight, plots.bias, plots.mean, plots.var)
        self._drawings: dict[ScopePlot, Callable[[BatchNormScope], None]] = {
            plots.weight: lambda scope: self._draw_affine(WEIGHT, scope),
            plots.bias: lambda scope: self._draw_affine(BIAS, scope),
            plots.mean: lambda scope: plots.mean.show_channels(scope.running_mean, scope.mean),
            plots.var: lambda scope: plots.var.show_channels(scope.running_var, scope.var),
            plots.before: self._draw_before,
            plots.after: self._draw_after,
            plots.weight_history: lambda _scope: self._draw_history(WEIGHT),
            plots.bias_history: lambda _scope: self._draw_history(BIAS),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        for place, plot in enumerate(self._drawings):
            policy = plot.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            plot.setSizePolicy(policy)
            plot.hide()  # until it has something to show: the first sight of all of them together would take long
            grid.addWidget(plot, *divmod(place, 4))
        for column in range(4):
            grid.setColumnStretch(column, 1)
            grid.setColumnMinimumWidth(column, 1)
        for plot in self._of_all:
            plot.pointed.connect(self._point)
            plot.chosen.connect(self._choose)

    def show_scope(self, scope: BatchNormScope) -> None:
        """Draw what a BatchNorm does, plot by plot; γ and β of another layer begin a history of their own."""
        before = self._scope
        if before is None or (scope.layer, len(scope.weight)) != (before.layer, len(before.weight)):
            self.clear()
        for kind, history in self._histories.items():
            history.add(scope.step, _values(scope, kind))
        self._scope = scope
        self._draw(*self._drawings)

    def drawing(self) -> bool:
        """Whether some plots still show an earlier state."""
        return bool(self._queued)

    def clear(self) -> None:
        """Forget what was drawn, and which channel was chosen."""
        self._scope = None
        for history in self._histories.values():
            history.clear()
        self.channel = self._shown = -1

    def sort(self, *, by_weight: bool) -> None:
        """Let the channels stand in the order of their γ, or in their own."""
        self._by_weight = by_weight
        for chart in self._charts.values():
            self._draw_now(chart)

    def set_channel(self, channel: int) -> None:
        """Choose a channel, or -1 for all, without the signal `channel_chosen`."""
        self.channel = channel
        self._show_channel(channel)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take over the colours of the theme."""
        for plot in self._drawings:
            plot.set_tokens(tokens)
        self._draw(*self._drawings)

    def _draw(self, *plots: ScopePlot) -> None:
        """Let plots have their turns; one that waits already draws what is newest then."""
        for plot in plots:
            if plot not in self._queued:
                self._queued.add(plot)
                self._later(partial(self._draw_now, plot))

    def _draw_now(self, plot: ScopePlot) -> None:
        self._queued.discard(plot)
        if self._scope is not None:
            self._drawings[plot](self._scope)
            if plot in self._of_all:
                plot.ring(self._shown)
            plot.show()

    def _draw_affine(self, kind: Affine, scope: BatchNormScope) -> None:
        count = len(scope.weight)
        order = np.argsort(-scope.weight, kind="stable") if self._by_weight else np.arange(count)
        self._charts[kind].show_channels(_values(scope, kind), order)

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
        """Show a channel at once: the hand that points to it should not wait."""
        if self._scope is None:
            return
        self._shown = channel
        for plot in self._of_all:
            plot.ring(channel)
        for plot in (self._plots.before, self._plots.after, *self._pasts.values()):
            self._drawings[plot](self._scope)

    def _draw_before(self, scope: BatchNormScope) -> None:
        before, _, _ = _distributions(scope, self._shown)
        self._plots.before.show_bins(before)
        self._plots.before.set_title(f"{self._whose('all channels')}, before")

    def _draw_after(self, scope: BatchNormScope) -> None:
        _, normalised, after = _distributions(scope, self._shown)
        self._plots.after.show_bins(after, normalised)
        self._plots.after.set_title("after, with γ and β (┄ without)")

    def _draw_history(self, kind: Affine) -> None:
        self._pasts[kind].show_history(*self._histories[kind].of(self._shown), self._whose("mean of all"))
        if kind is BIAS:  # the last one
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
