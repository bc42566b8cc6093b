"""The filters of a layer in words and figures."""

import math
from collections.abc import Sequence

import numpy as np

from cnnstudio.core.pictures import Filters
from cnnstudio.gui.words import counted

_COLORS = ("red", "green", "blue")


def signed(value: float, digits: int = 2) -> str:
    """Return a weight with its sign: `+0.031`, `−1.2e-05`, `0`."""
    return f"{value:+.{digits}g}".replace("-", "−", 1) if value else "0"


def alike(values: Sequence[float]) -> list[str]:
    """Return weights with as many decimals as the largest needs for two digits: `+0.031`, `−0.002`, `0`."""
    most = max(map(abs, values), default=0)
    decimals = min(max(0, 1 - math.floor(math.log10(most))), 9) if most > 0 else 0
    return [f"{value:+.{decimals}f}".replace("-", "−") if round(value, decimals) else "0" for value in values]


def share(change: float) -> str:
    """Return by how much a filter has changed, to two digits: `0.042` as `4.2 %`."""
    percent = 100 * change
    if percent == 0 or percent >= 9.95:
        return f"{percent:,.0f} %"
    return f"{percent:.1f} %" if percent >= 0.095 else f"{percent:.1g} %"


def size_words(picture: Filters) -> str:
    """Return what a layer consists of: `64 filters, 7 × 7 over red, green and blue`."""
    outputs, inputs, height, width = picture.shape
    if picture.kind == "mixing":
        return f"1 × 1, {counted(outputs, 'output')} (down) from {counted(inputs, 'input')} (across)"
    over = {
        "color": " over red, green and blue",
        "depthwise": ", one for each map (depthwise)",
    }.get(picture.kind, f" over {counted(inputs, 'map')}")
    return f"{counted(outputs, 'filter')}, {height} × {width}{over}"


def change_words(picture: Filters) -> str:
    """Return how far a layer has come, in a sentence."""
    change = picture.change
    when = f"the run went on at step {picture.start_step:,}" if picture.start_step else "the start"
    if picture.frozen and not change.any():
        return "Frozen: does not change."
    if not len(change):
        return "What the weights of this layer were at the start is not kept."
    if not change.any():
        return f"Nothing has changed since {when}."
    most, middle = int(change.argmax()), float(np.median(change))
    kind = "output" if picture.kind == "mixing" else "filter"
    words = (
        f"Changed by {share(middle)} (median) since {when}; {kind} {most} the most, by {share(float(change[most]))}."
    )
    return words + (" Frozen now." if picture.frozen else "")


def filter_words(picture: Filters, number: int) -> str:
    """Return which kernel is shown of a filter, and how much the filter has changed."""
    source = int(picture.inputs[number])
    strongest = picture.map_in < 0 <= source
    which = {
        "color": "",
        "depthwise": f"on map {source}",
        "kernels": f"on input {source}" + (", its strongest" if strongest else "") if source >= 0 else "mean of inputs",
    }.get(picture.kind, "")
    changed = f"changed by {share(float(picture.change[number]))} in all" if len(picture.change) else ""
    return " · ".join(filter(None, (f"filter {number}", which, changed)))


def weight_words(picture: Filters, number: int, *place: int) -> str:
    """Return one weight with its change.

    Args:
        picture: The layer.
        number: The filter.
        place: Where in `values[number]`: the input; or row and column, after the colour if there are colours.
    """
    now = float(picture.values[(number, *place)])
    if picture.kind == "mixing":
        where = f"output {number} ← input {int(picture.inputs[number]) + place[0]}"
    else:
        color = f", {_COLORS[place[0]]}" if len(place) > 2 else ""
        where = f"filter {number}{color}, row {place[-2]}, column {place[-1]}"
    text = f"{where}: {signed(now, 4)}"
    if picture.start.size:
        before = float(picture.start[(number, *place)])
        text += f", at the start {signed(before, 4)}, change {signed(now - before, 3)}"
    return text
