"""What dropout has removed in a step, in sentences."""

from typing import Final

from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.gui.words import counted

BEFORE: Final = "Which channels Dropout2d removes, step by step, appears here once training starts"
ELSEWHERE: Final = "What dropout removes can be seen where the run trains"
WAITING: Final = "What is removed in a step appears with the next one"
AFTER: Final = (
    "This run has ended. What dropout removes can only be seen while a run goes on: it appears here with the next one"
)
OFF: Final = (
    "This network has no dropout layer: p is 0. Set p above 0 here, which holds from the next batch on, or Dropout2d "
    "(model.dropout2d) on the Model page for the next run; 0.1 to 0.3 is usual."
)
WAS_OFF: Final = (
    "This run had no dropout layer: p was 0. Set Dropout2d (model.dropout2d) above 0 on the Model page for the next "
    "run; 0.1 to 0.3 is usual."
)


def sentence(masks: DropoutMasks) -> str:
    """Return what was removed and what that means."""
    if not masks.layers:
        return OFF
    if not masks.nonzero and not len(masks.tiles):
        return _idle(masks)
    if not masks.p:
        return f"p = 0: {masks.layer} passes everything on. Nothing is removed in this step."
    scale = f"p = {masks.p:g}; what stays is multiplied by {1 / (1 - masks.p):.3g}"
    if masks.whole:
        return (
            f"Dropout2d removed {_of_channels(masks)}; {scale}. Element-wise dropout would have removed "
            f"{_of_values(masks)}: neighbours still tell what is missing."
        )
    if masks.vector:
        return f"Dropout removed {_of_values(masks)}; {scale}. Each value is a feature of its own: none tells another."
    return (
        f"Element-wise dropout removed {_of_values(masks)}; {scale}. Neighbours still tell what is missing. "
        f"Dropout2d would have removed {_of_channels(masks)}."
    )


def option(masks: DropoutMasks, at: int) -> str:
    """Return the name of one of the layers."""
    kind = "" if masks.wholes[at] else " · single values"
    return f"{masks.stages[at]} · {masks.places[at]}{kind}{'' if masks.learning[at] else ' · frozen'}"


def _idle(masks: DropoutMasks) -> str:
    at = masks.layers.index(masks.layer)
    if masks.learning[at]:
        return f"{masks.layer} took no part in this step."
    learns = next((stage for stage, learns in zip(masks.stages, masks.learning, strict=True) if learns), "")
    instead = f"Layers from {learns} on learn and drop." if learns else "No layer that learns has dropout behind it."
    return (
        f"Frozen: {masks.stages[at]} does not learn and runs as in evaluation, where dropout passes everything on. "
        f"Nothing is removed. {instead}"
    )


def _of_channels(masks: DropoutMasks) -> str:
    """Return `9 of 64 channels (14 %)`; what was zero before does not count."""
    removed, dead, count = int(masks.channels.sum()), int(masks.zero.sum()), len(masks.channels)
    there = count - dead
    share = f"{100 * removed / there:.0f} %" if there else "0 %"
    more = f"; {dead:,} more {'was' if dead == 1 else 'were'} zero already" if dead else ""
    return f"{removed:,} of {counted(there, 'channel')} ({share}{more})"


def _of_values(masks: DropoutMasks) -> str:
    share = 100 * masks.removed / max(1, masks.nonzero)
    which = "all" if masks.nonzero == masks.tiles.size else "the"
    rest = "" if masks.nonzero == masks.tiles.size else " that were not zero already"
    return f"{share:.0f} % of {which} {masks.nonzero:,} values{rest}"
