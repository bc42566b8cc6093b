"""What a panel has shown already: a run changes the session's state many times a second, and most panels not at all."""

from typing import Final

_PLAIN: Final = (str, int, float, type(None))  # compared by value; everything else is frozen, and compared by identity


class Seen:
    """Remembers the parts of the state that a panel depends on."""

    def __init__(self) -> None:
        self._values: tuple[object, ...] | None = None

    def anew(self, *values: object) -> bool:
        """Say whether one of the values is another one than at the last call."""
        before, self._values = self._values, values
        return before is None or not all(map(_same, before, values))


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, _PLAIN) and type(one) is type(other) and one == other)
