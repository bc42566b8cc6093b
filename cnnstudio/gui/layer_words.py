"""A layer and a whole network in figures, and what a switch has changed about them."""

from typing import TYPE_CHECKING, Final

from cnnstudio.core.config import Config
from cnnstudio.gui.graph.layers import short_shape
from cnnstudio.gui.words import in_short, memory

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import LayerRow, Summary

FIGURES: Final = ("Output", "Kernel", "Parameters", "FLOPs", "Receptive field", "Memory")


class Before:
    """Remembers the layers as they were before the latest change.

    Attributes:
        summary: Those layers; None before anything has changed.
    """

    def __init__(self) -> None:
        self.summary: Summary | None = None
        self._present: Summary | None = None
        self._config: Config | None = None

    def take(self, config: Config, summary: "Summary | None") -> None:
        """Note the layers of a configuration; those of switches that do not fit together count for nothing."""
        if summary is None:
            return
        if self._config is not None and (summary != self._present or _switched(self._config, config)):
            self.summary = self._present
        self._config, self._present = config, summary


def totals(summary: "Summary") -> str:
    """Return the sums over all layers: `11.7 M parameters, 11.7 M learn · 3.63 GFLOPs · 38.2 MB of maps · …`."""
    side, least = summary.image_size, summary.minimum_size
    learning = summary.trainable
    learn = "all learn" if learning == summary.parameters else f"{in_short(learning)} learn" if learning else "frozen"
    return (
        f"{in_short(summary.parameters)} parameters, {learn} · {in_short(summary.flops)}FLOPs · "
        f"{memory(summary.activation)} of activations · {side} × {side} px, at least {least} × {least}"
    )


def changes(before: "Summary", after: "Summary") -> str:
    """Return those totals that differ, as `FLOPs 3.63 G → 2.90 G · Parameters −4,800`; empty if none do."""
    one, other = _totals(before), _totals(after)
    if one["Learning"] == one["Parameters"] and other["Learning"] == other["Parameters"]:
        del one["Learning"]
    return " · ".join(_change(name, one[name], other[name]) for name in one if one[name] != other[name])


def layer_figures(row: "LayerRow") -> dict[str, str]:
    """Return a layer in figures, by the names in `FIGURES`."""
    depthwise = " depthwise" if "depthwise" in row.detail else ""
    window = " · ".join(filter(None, (f"{row.kernel}{depthwise}", f"stride {row.stride}", row.padding)))
    return {
        "Output": short_shape(row.output_shape),
        "Kernel": window if row.kernel else row.detail or "–",
        "Parameters": f"{row.parameters:,}" if row.parameters else "–",
        "FLOPs": in_short(row.flops),
        "Receptive field": f"{row.receptive_field:,} px",
        "Memory": memory(row.activation),
    }


def layer_state(row: "LayerRow") -> str:
    """Return type, note and state of a layer: `Linear · 1000 → 6 classes · learns`."""
    state = ("frozen" if row.frozen else "learns") if row.parameters else ""
    return " · ".join(filter(None, (row.type, row.note, state)))


def same_layer(summary: "Summary | None", row: "LayerRow") -> "LayerRow | None":
    """Return the layer of that name and type in another network, if it has one."""
    rows = summary.rows if summary else ()
    return next((each for each in rows if (each.name, each.type) == (row.name, row.type)), None)


def _switched(before: Config, after: Config) -> bool:
    return (before.model, before.transfer, before.data.image_size) != (
        after.model,
        after.transfer,
        after.data.image_size,
    )


def _totals(summary: "Summary") -> dict[str, int | str]:
    maps = [row for row in summary.rows if row.type == "Conv2d" and not row.auxiliary]
    return {
        "Layers": len(summary.rows),
        "Parameters": summary.parameters,
        "Learning": summary.trainable,
        "FLOPs": summary.flops,
        "Last maps": short_shape(maps[-1].output_shape) if maps else "",
        "Receptive field": maps[-1].receptive_field if maps else 0,
        "Memory": summary.activation,
        "Smallest input": summary.minimum_size,
    }


def _change(name: str, before: int | str, after: int | str) -> str:
    """Return `FLOPs 3.63 G → 2.90 G`, or the difference where both look the same in short."""
    first, second = (_short(name, each) for each in (before, after))
    if first != second or isinstance(before, str) or isinstance(after, str):
        return f"{name} {first} → {second}"
    return f"{name} {'+' if after > before else '−'}{_short(name, abs(after - before))}"


def _short(name: str, value: int | str) -> str:
    if isinstance(value, str):
        return value
    return memory(value) if name == "Memory" else in_short(value)
