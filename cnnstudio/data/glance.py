"""A look at the headers of images before a run begins: most of what cannot be used shows there already."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from cnnstudio.core.events import SetAside
from cnnstudio.data.images import UnreadableImageError, image_size
from cnnstudio.data.scan import Catalog

_SECONDS: Final = 1.0  # enough for thousands of files on a disk of one's own
_AT_ONCE: Final = 64  # files between two looks at the clock


def glance(
    catalog: Catalog, images: Iterable[int], check: Callable[[], None], clock: Callable[[], float] = time.monotonic
) -> tuple[SetAside, ...]:
    """Return which images show in their headers that they cannot be used, as far as there is time to look.

    A run that meets one of them while it trains has to begin anew. What is damaged further behind is found when it is
    decoded.

    Args:
        catalog: All images.
        images: Numbers of those to look at.
        check: Called now and then; may raise to give up.
        clock: Gives seconds.
    """
    found = []
    end = clock() + _SECONDS
    for count, index in enumerate(images):
        if count % _AT_ONCE == 0:
            check()
            if clock() >= end:
                break
        path = catalog.images[index].path
        try:
            image_size(path)
        except UnreadableImageError as error:
            found.append(SetAside(path=str(path), reason=str(error)))
    return tuple(found)
