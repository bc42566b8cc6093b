"""The preview image of a run and its feature maps; whatever goes wrong here, training goes on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnstudio.core.control import Watch
from cnnstudio.core.events import FeatureMaps, Warned
from cnnstudio.data.images import UnreadableImageError, read_image
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.probes import FeatureMapProbe


class Preview:
    """Serves what is being watched, and warns once where that cannot be done."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._probe = FeatureMapProbe(prepared.network, prepared.compute, prepared.mean, prepared.std)
        self._default = prepared.store.catalog.images[prepared.split.val[0]].path
        self._loaded: tuple[Path, NDArray[np.uint8]] | None = None
        self._refused: Watch | None = None

    def due(self, watch: Watch) -> bool:
        """Whether a look is worth its time now."""
        return watch != self._refused and self._probe.due(watch)

    def look(self, watch: Watch, step: int) -> FeatureMaps | Warned | None:
        """Return the maps that are watched, why they cannot be shown, or None if nothing is watched."""
        if not watch.layer or watch == self._refused:
            return None
        path = Path(watch.image) if watch.image else self._default
        try:
            return self._probe.look(watch, self._pixels(path), path, step)
        except UnreadableImageError as error:
            return self._refuse(watch, f"the preview image cannot be shown: {error}", str(path))
        except (KeyError, IndexError):
            return self._refuse(watch, f"there is no layer {watch.layer} to show", "")
        except Exception as error:  # noqa: BLE001 - looking must not cost the training that it looks at
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            return self._refuse(watch, f"the feature maps of {watch.layer} cannot be shown: {reason}", "")

    def _pixels(self, path: Path) -> NDArray[np.uint8]:
        if self._loaded is None or self._loaded[0] != path:
            self._loaded = (path, read_image(path, self._prepared.store.pixels.shape[1]))
        return self._loaded[1]

    def _refuse(self, watch: Watch, text: str, path: str) -> Warned:
        self._refused = watch
        return Warned(text=text, path=path)
