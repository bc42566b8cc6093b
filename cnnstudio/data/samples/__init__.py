"""Sample data sets, drawn by the program itself: the same pixels on every machine, without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from cnnstudio.core.errors import InputError, StopRun, did_you_mean
from cnnstudio.data.parallel import in_threads
from cnnstudio.data.samples import borders, shapes, textures
from cnnstudio.data.samples.drawing import Pixels

MARKER = ".cnnstudio-sample.json"
VERSION = 1
"""Counts up when a sample's pixels change, so that an older copy is not taken for the present one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A data set that `write_sample` can draw.

    Attributes:
        name: What the command line calls it.
        title: What the window calls it.
        idea: One sentence that says what it shows and what it teaches.
        classes: Names of its classes, in alphabetical order.
        images: How many images all classes have together; each has the same number.
        side: Width and height of each image in pixels.
        settings: Settings that it needs, such as `data.augment=false`; usually none.
    """

    name: str
    title: str
    idea: str
    classes: tuple[str, ...]
    images: int
    side: int
    settings: tuple[str, ...] = ()


_SAMPLES = (
    Sample(
        name="shapes",
        title="Shapes",
        idea="Six kinds of object near the middle, in many sizes, turns and colours: "
        "how filters grow from edges into whole shapes.",
        classes=tuple(shapes.CLASSES),
        images=1500,
        side=shapes.SIDE,
    ),
    Sample(
        name="borders",
        title="Borders",
        idea="Ribbons and cards, of which only the ribbon at the image's own edge counts: what padding is for.",
        classes=tuple(borders.CLASSES),
        images=1280,
        side=borders.SIDE,
        settings=("data.augment=false",),  # shifting an image takes its ribbon off the edge
    ),
    Sample(
        name="textures",
        title="Textures",
        idea="Six surfaces whose colours tell nothing: how small patterns, wherever they lie, decide.",
        classes=tuple(textures.CLASSES),
        images=1260,
        side=textures.SIDE,
    ),
)
_DRAW: dict[str, Callable[[str, np.random.Generator], Pixels]] = {
    "shapes": shapes.draw,
    "borders": borders.draw,
    "textures": textures.draw,
}


def samples() -> tuple[Sample, ...]:
    """Return all samples, the one to begin with first."""
    return _SAMPLES


def sample(name: str) -> Sample:
    """Return the sample of that name.

    Raises:
        InputError: There is none; the nearest name is suggested.
    """
    for known in _SAMPLES:
        if known.name == name:
            return known
    raise InputError(f"unknown sample {name}", remedy=did_you_mean(name, [known.name for known in _SAMPLES]))


def draw_image(name: str, kind: str, index: int) -> Pixels:
    """Return one image of a sample, (side, side, 3): always the same for the same sample, class and index."""
    random = np.random.default_rng([*f"{name}/{kind}".encode(), index])
    return _DRAW[name](kind, random)


def write_sample(
    name: str,
    folder: Path,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Write a sample as `folder/class/image.png`, whole or not at all.

    A folder that already holds the whole sample is left as it is.

    Args:
        name: Which sample.
        folder: Where to; must be new, or empty, or hold this very sample.
        progress: Called now and then, on the calling thread, with the share that is done, from 0 to 1.
        cancelled: Asked after each image whether to give up.

    Returns:
        The folder.

    Raises:
        InputError: The name is unknown, the folder holds something else, or it cannot be written.
        StopRun: `cancelled` said so; nothing is left behind.
    """
    wanted = sample(name)
    place = folder.resolve()
    try:
        if _holds(place, wanted):
            return folder
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise InputError("this is there already, and is not overwritten", where=folder, remedy="name a new folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{wanted.name}-", dir=place.parent) as beside:
            drawn = Path(beside) / wanted.name
            _draw_all(wanted, drawn, progress, cancelled)
            _move(drawn, place)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise InputError(f"sample {name}: {reason}", where=folder, remedy="choose another folder") from error
    return folder


def _holds(folder: Path, wanted: Sample) -> bool:
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(marker == _marker(wanted)) and sum(1 for _ in folder.glob("*/*.png")) == wanted.images


def _marker(wanted: Sample) -> dict[str, object]:
    return {"sample": wanted.name, "version": VERSION, "images": wanted.images}


def _draw_all(
    wanted: Sample, folder: Path, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
) -> None:
    for kind in wanted.classes:
        (folder / kind).mkdir(parents=True)

    def write(image: tuple[str, int]) -> None:
        kind, index = image
        pixels = draw_image(wanted.name, kind, index)
        Image.fromarray(pixels).save(folder / kind / f"{kind}-{index:04}.png", compress_level=1)

    images = [(kind, index) for index in range(wanted.images // len(wanted.classes)) for kind in wanted.classes]
    for done, _ in enumerate(in_threads(write, images), start=1):
        if cancelled is not None and cancelled():
            raise StopRun
        if progress is not None and (done % 16 == 0 or done == wanted.images):
            progress(done / wanted.images)
    (folder / MARKER).write_text(json.dumps(_marker(wanted)), encoding="utf-8")


def _move(drawn: Path, place: Path) -> None:
    if not place.exists():
        drawn.rename(place)
        return
    # An empty folder is filled and not replaced: a terminal or a file manager may be standing in it. The marker, whose
    # name sorts first, goes last.
    for entry in sorted(drawn.iterdir(), reverse=True):
        entry.rename(place / entry.name)
