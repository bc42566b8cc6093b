"""What the gallery says about an architecture, the same on its card, in its tooltip and below."""

from collections.abc import Sequence

from cnnstudio.gui.words import in_short
from cnnstudio.models.registry import ArchCard


def weights(card: ArchCard) -> str:
    """Return whether there are pretrained weights: `ImageNet weights`."""
    return f"{card.pretrained.partition(',')[0]} weights" if card.pretrained else "no pretrained weights"


def origin(card: ArchCard) -> str:
    """Return also where the weights come from: `ImageNet weights, bundled`."""
    _, comma, where = card.pretrained.partition(",")
    return f"{weights(card)}{comma}{where}"


def sizes(card: ArchCard) -> tuple[str, ...]:
    """Return parameters and side of the input, as long as there is room for, the longest first."""
    count = in_short(card.parameters)
    return f"{count} parameters · {card.image_size} px", f"{count} · {card.image_size} px", count


def facts(card: ArchCard) -> str:
    """Return all figures in one line."""
    flops = in_short(card.flops)
    side = f"{card.image_size} × {card.image_size} px"
    return f"{in_short(card.parameters)} parameters · {flops}FLOPs · {side}"


def variant(card: ArchCard) -> str:
    """Return what tells an architecture from others of its family: `16` for VGG-16."""
    rest = card.title.removeprefix(card.family).lstrip(" -")
    return rest or card.title


def families(cards: Sequence[ArchCard]) -> dict[str, list[ArchCard]]:
    """Return the architectures by their family, in the order in which they are given."""
    grouped: dict[str, list[ArchCard]] = {}
    for card in cards:
        grouped.setdefault(card.family, []).append(card)
    return grouped
