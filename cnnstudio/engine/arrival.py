"""A run that begins before all of its images are decoded: which ones come first, and how it waits for the others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from cnnstudio.core.config import Config
from cnnstudio.core.events import Phase
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.scan import Catalog
from cnnstudio.data.splits import Split
from cnnstudio.engine.batches import shuffled, some_of
from cnnstudio.engine.forms import COMPARED

_PATIENCE: Final = 0.05  # seconds between two looks at what somebody asks of the run
_TICK: Final = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Coming:
    """In which order the images of a run are decoded.

    Attributes:
        first: Those that are decoded before anything else happens. Besides what is looked at before the first step,
            they are so many of each class that the run could do with them: whichever of the others turn out to be
            unreadable, its classes stay, and some images are left to validate with.
        then: All images, as they will be asked for.
    """

    first: tuple[int, ...]
    then: tuple[int, ...]

    @classmethod
    def of(cls, catalog: Catalog, division: Split, config: Config, *, frozen: bool) -> "Coming":
        """Return the order for a run at its beginning.

        Args:
            catalog: All images.
            division: Which ones are for what.
            config: Of the run.
            frozen: Whether a frozen part takes the images first, and not the first epoch.
        """
        train, val, size = division.train, division.val, config.data.batch_size
        one_of_each = {catalog.images[index].label: index for index in reversed(train)}
        first = (*range(min(COMPARED, len(catalog.images))), *train[:size], *some_of(train, size), val[0])
        asked = (
            sorted((*train, *val))
            if frozen
            else [*shuffled(torch.tensor(train), seed=config.train.seed, epoch=1).tolist(), *val]
        )
        rest = range(len(catalog.images))
        return cls(tuple({*first, *one_of_each.values()}), tuple(dict.fromkeys((*asked, *rest))))


class Arrival:
    """Lets a run wait for images that are still being decoded, and tells how far that is."""

    def __init__(self, store: ImageStore, report: Callable[[Phase], None]) -> None:
        """Begin.

        Args:
            store: The images.
            report: Told what is being done while images are still to come.
        """
        self._store, self._report = store, report
        self._told = 0.0

    def wait(self, images: Sequence[int] | None, doing: Phase, check: Callable[[], object]) -> None:
        """Wait until images are there.

        Args:
            images: Their numbers; all unless given.
            doing: What they are wanted for.
            check: Called again and again meanwhile; raises to give up.

        Raises:
            FewerImagesError: An image of the run cannot be read.
        """
        if not self._store.reading:
            return
        while not self._store.arrived(images, patience=_PATIENCE):
            self._tell(doing)
            check()
        if self._store.left or not self._store.arrived():
            self._tell(doing)
        else:
            self._report(doing)

    def told(self, doing: Phase) -> Phase:
        """Return what is being done, and how many images are there if some are still to come."""
        left, total = self._store.left, len(self._store.catalog.images)
        if not left:
            return doing
        return Phase(text=f"{doing.text}, while images are read: {total - left:,} of {total:,}", done=doing.done)

    def _tell(self, doing: Phase) -> None:
        if time.monotonic() - self._told >= _TICK:
            self._told = time.monotonic()
            self._report(self.told(doing))
