"""Where a layer stands in its network, told so that it is found again in the same network with other switches.

Paths do not serve: VGG's keys count positions, which shift with BatchNorm, and Dropout2d turns an activation into a
slot of two.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from cnnstudio.models.network import Network


@dataclass(frozen=True, slots=True)
class Place:
    """A layer without parts, as people count: the second convolution of stage 3.

    Attributes:
        part: Name of the stage, or path of the auxiliary head.
        kind: Class of the layer; `Conv2d` for its subclasses too.
        number: Among the layers of its kind in this part, from 0.
    """

    part: str
    kind: str
    number: int


def places(network: Network) -> dict[str, Place]:
    """Return the place of each layer without parts that does something, by its path, in the order of computation."""
    counts: dict[tuple[str, str], int] = {}
    found: dict[str, Place] = {}
    for path, module in network.named_modules():
        if next(module.children(), None) is not None or isinstance(module, nn.Identity):
            continue
        head = path.partition(".")[0]
        part = head if head in network.aux else network.stage_of(path).name
        kind = "Conv2d" if isinstance(module, nn.Conv2d) else type(module).__name__
        number = counts.get((part, kind), 0)
        counts[part, kind] = number + 1
        found[path] = Place(part, kind, number)
    return found


def counterpart(path: str, here: Network, there: Network) -> str | None:
    """Find a layer of one network in the same network with other switches.

    A path that means the same in both is kept. Otherwise it is the layer in the same place; where that has vanished, as
    BatchNorm and Dropout2d do, the nearest one before it that has not: for BatchNorm its convolution.

    Args:
        path: A layer of `here`, with or without parts.
        here: The network that it is taken from.
        there: The network in which it is wanted.

    Returns:
        Its path in `there`; None where `here` has no such layer, or nothing before it exists in `there`.
    """
    known, others = places(here), places(there)
    own = inside(path, known)
    if not own:
        return None
    same = inside(path, others)
    if same and known[own[0]] == others[same[0]]:
        return path
    by_place = {place: other for other, place in others.items()}
    order = list(known)
    before = order[: order.index(own[-1]) + 1]
    return next((by_place[known[each]] for each in reversed(before) if known[each] in by_place), None)


def inside(path: str, layers: Iterable[str]) -> list[str]:
    """Return those of some layers of which the module of this path consists."""
    return [each for each in layers if f"{each}.".startswith(f"{path}.")]
