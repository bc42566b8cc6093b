"""Which layers of a run have filters, and which of them stands for a stage or a block."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import LayerRow, Summary


def convolutions(layers: Sequence[str], summary: "Summary | None") -> tuple[str, ...]:
    """Return the convolutions among the layers that can be watched.

    Args:
        layers: Names of convolutions, of blocks and of some other layers that end a stage.
        summary: The layers of that network; without it, or if it is that of another, no more than blocks is left out.
    """
    leaves = tuple(each for each in layers if not any(other.startswith(f"{each}.") for other in layers))
    types = {row.name: row.type for row in _rows(summary)}
    if any(each not in types for each in leaves):
        return leaves
    return tuple(each for each in leaves if types[each] == "Conv2d")


def stages(names: Sequence[str], summary: "Summary | None") -> dict[str, str]:
    """Return the stage of each convolution; none if the summary is of another network, or not there yet."""
    known = {row.name: row.stage for row in _rows(summary)}
    return {each: known[each] for each in names} if all(each in known for each in names) else {}


def convolution_for(layer: str, names: Sequence[str], summary: "Summary | None") -> tuple[str, str]:
    """Return the convolution that stands for a layer, and why it does.

    Args:
        layer: A convolution, a block (its first one stands for it) or another layer (the one before it does).
        names: The convolutions.
        summary: The layers of the network.

    Returns:
        Name and reason; the reason is empty for the layer itself, both are empty if there is none.
    """
    if layer in names:
        return layer, ""
    inside = [each for each in names if each.startswith(f"{layer}.")]
    if inside:
        return inside[0], f"the first convolution of {layer}"
    before = ""
    for row in _rows(summary):
        if row.name in names:
            before = row.name
        if row.name == layer:
            return (before, f"the convolution before {layer}") if before and row.type != "Linear" else ("", "")
    return "", ""


def _rows(summary: "Summary | None") -> "Sequence[LayerRow]":
    return summary.rows if summary else ()
