"""The order of feature maps, which changes only now and then."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cnnstudio.gui.widgets.map_scale import Look

_SETTLED: Final = 3.0  # seconds for which maps in the order of their activity stay where they are


class HeldOrder:
    """Lets nothing move away that somebody points at or looks into, and all else only now and then."""

    def __init__(self) -> None:
        self._held: list[NDArray[np.intp]] = []  # of each row
        self._sorted = 0.0

    def forget(self) -> None:
        """Hold nothing: other maps are shown, or the same ones otherwise."""
        self._held = []

    def hold(self, looks: Sequence[Look], *, busy: bool) -> list[Look]:
        """Return looks in the order that is held, or in their own, which is held from now on.

        Args:
            looks: Those of each row.
            busy: Whether somebody points at a map or looks into one.
        """
        if len(self._held) == len(looks) and (busy or time.monotonic() - self._sorted < _SETTLED):
            return [replace(look, order=order) for look, order in zip(looks, self._held, strict=True)]
        self._sorted = time.monotonic()
        self._held = [look.order for look in looks]
        return list(looks)
