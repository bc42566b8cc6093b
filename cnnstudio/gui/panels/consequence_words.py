"""What a switch does to feature maps, in words."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import SWITCH_TITLES, TRANSFER_TITLES
from cnnstudio.gui.panels.switch_words import HEAD_TITLES
from cnnstudio.models.registry import resolved

if TYPE_CHECKING:  # its module imports torch
    from cnnstudio.engine.consequence import Comparison

CHANGE_TIP: Final = (
    "How much the values differ on average, as a share of their average size before. "
    "Where one side is smaller, its pixels are compared with the middle of the other."
)
_TITLES: Final = {"model.pretrained": "Pretrained", "transfer.lr_multipliers": "Learning rates of stages"}
_ROUNDING: Final = 1e-5
_REDRAWN: Final = ("width", "kernel")


def switched(before: Config, after: Config) -> str:
    """Return which switches differ: `Padding same → valid, Dropout2d 0 → 0.3`; empty if none does.

    Raises:
        InputError: The architecture is unknown.
    """
    one, other = _values(before), _values(after)
    titles = SWITCH_TITLES | _TITLES
    return ", ".join(
        titles.get(key, key) + (f" {one[key]} → {other[key]}" if one[key] and other[key] else "")
        for key in one
        if _raw(before, key) != _raw(after, key)
    )


def told(comparison: "Comparison", asked: str) -> str:
    """Return layer and shape: `layer1.0.conv1 · 64 × 56 × 56 → 64 × 54 × 54`.

    Args:
        comparison: The maps.
        asked: The layer that they were wanted of.
    """
    after, before = comparison.after, comparison.before or comparison.after
    layer = _arrow(before.layer, after.layer)
    if asked and asked not in {before.layer, after.layer}:
        layer += f" ({asked} gives no maps here)"
    return f"{layer} · {_arrow(*(' × '.join(map(str, each.shape)) for each in (before, after)))}"


def changed(change: float | None) -> str:
    """Return by how much maps differ: `mean change 12 %`; empty if that cannot be said."""
    if change is None:
        return ""
    if change < _ROUNDING:
        return "no change"
    if change < 0.001:
        return "mean change below 0.1 %"
    return f"mean change {100 * change:,.{0 if change >= 0.0995 else 1}f} %"


def weights(comparison: "Comparison", switches: tuple[Config | None, Config]) -> str:
    """Return what the weights are: `Random weights, the same on both sides`.

    Args:
        comparison: The maps.
        switches: Their settings before and after.
    """
    after, before = comparison.after, comparison.before
    then, now = switches
    words = _capital(_plain(after.weights))
    if after.missing:
        return f"{words}: pretrained ones are not here"
    if before is not None and then is not None:
        one, other = _plain(before.weights), _plain(after.weights)
        if not one.startswith(other) and not other.startswith(one):  # as they do where BatchNorm is folded
            return f"Before: {one} · After: {other}"
        if after.random:
            same = all(getattr(then.model, each) == getattr(now.model, each) for each in _REDRAWN)
            words += ", the same on both sides" if same else ", drawn anew for other sizes"
    return words


def _plain(words: str) -> str:
    """Leave out what stands in brackets, and where BatchNorm is folded into."""
    return re.sub(r" \([^)]*\)| into the convolutions$", "", words)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _raw(config: Config, key: str) -> object:
    section, _, name = key.partition(".")
    if name == "lr_decay":
        return config.transfer.lr_decay_resolved
    return getattr(resolved(config.model) if section == "model" else config.transfer, name)


def _values(config: Config) -> dict[str, str]:
    """Return the values of all switches in words; empty where they would be too long."""
    keys = [f"model.{name}" for name in type(config.model).model_fields if name != "arch"]
    keys += [f"transfer.{name}" for name in type(config.transfer).model_fields]
    return {key: _word(key, _raw(config, key)) for key in keys}


def _word(key: str, value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case dict():
            return ""
        case int() | float():
            return f"{value}×{value}" if key == "model.kernel" else f"{value:g}"
    text = str(value)
    if key == "model.pretrained":
        return Path(text).name
    return {"model.head": HEAD_TITLES, "transfer.mode": TRANSFER_TITLES}.get(key, {}).get(text, text)
