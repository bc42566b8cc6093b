"""How fast a form has been, kept in the user's cache for later runs; it can be measured again at any time."""

import contextlib
import hashlib
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError


class Measured(BaseModel):
    """What a form of a network has brought on this machine.

    Attributes:
        about: What was measured: form, device, network, versions, size.
        warm_up: Seconds until it was ready the last time.
        builds: How often it has been made.
        images_per_second: Once it was ready; 0 where it did not work or answered otherwise.
        folded_images_per_second: Of the folded network in the same run.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    about: str
    warm_up: float
    builds: int
    images_per_second: float
    folded_images_per_second: float

    @property
    def speed_up(self) -> float:
        """Speed as a multiple of the folded network's."""
        return self.images_per_second / self.folded_images_per_second


def recall(about: str) -> Measured | None:
    """Return what was kept; None where there is nothing, or it is damaged."""
    try:
        return Measured.model_validate_json(_path(about).read_bytes())
    except (OSError, ValidationError):
        return None


def keep(measured: Measured) -> None:
    """Keep a measurement; where the disk does not let us, the next run does without."""
    path = _path(measured.about)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(measured.model_dump_json(indent=1), encoding="utf-8")


def _path(about: str) -> Path:
    name = hashlib.blake2b(about.encode(), digest_size=12).hexdigest()
    return Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)) / "forms" / f"{name}.json"
