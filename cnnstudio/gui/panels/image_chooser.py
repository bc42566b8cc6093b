"""The choice of the image whose feature maps are shown."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from cnnstudio.data.images import SUFFIXES
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.widgets.field import ComboField

_BROWSE: Final = "browse"
_PICTURE: Final = "picture:"
_MOST_IMAGES: Final = 30
_WIDEST: Final = 240


class ImageChooser(ComboField):
    """Offers one validation image of each class and any file; with no folder open, pictures that come with the program.

    An image file is the session's preview image, and so the same wherever one can be chosen.

    Attributes:
        picture: Which picture is chosen while no folder is open and no file is chosen.

    Signals:
        picture_chosen: Its key, when the user has chosen another one.
    """

    picture_chosen = Signal(str)

    def __init__(
        self, object_name: str, session: Session, parent: QWidget, *, pictures: Mapping[str, str] | None = None
    ) -> None:
        """Offer what there is.

        Args:
            object_name: Its name.
            session: Knows the images.
            parent: Where it will lie.
            pictures: Their titles by key; without any there is nothing to choose until a folder is open.
        """
        super().__init__(object_name, "Preview image", {}, parent)
        self._session = session
        self._pictures = dict(pictures or {})
        self.picture = next(iter(self._pictures), "")
        self._offered: tuple[object, ...] = ()
        self._images: list[Path] = []
        self.setMaximumWidth(_WIDEST)
        self.chosen.connect(self._choose)
        session.changed.connect(self._offer)
        self._offer(session.state)

    def use(self, path: Path) -> None:
        """Choose a file."""
        self._look_at(str(path))

    def _look_at(self, path: str) -> None:
        self._session.watch(replace(self._session.state.watch, image=path))

    @Slot(object)
    def _offer(self, state: SessionState) -> None:
        survey, watched = state.survey, state.watch.image
        self.setVisible(survey is not None or bool(self._pictures))
        offered = (id(survey), watched)
        if offered == self._offered or (survey is None and not self._pictures):
            return
        self._offered = offered
        choice = validation_images(state)
        if watched and watched not in {str(path) for path, _ in choice}:
            choice.insert(0, (Path(watched), Path(watched).name))
        # Keyed by number: Qt drops the bytes of a file name that are no Unicode.
        self._images = [path for path, _ in choice]
        options = {str(number): words for number, (_, words) in enumerate(choice)}
        if survey is None:
            options |= {f"{_PICTURE}{key}": title for key, title in self._pictures.items()}
        self.set_options({**options, _BROWSE: "Choose a file …"})
        if watched:
            self.set_value(str(self._images.index(Path(watched))))
        elif choice:
            self._look_at(str(self._images[0]))
        elif survey is None:
            self.set_value(f"{_PICTURE}{self.picture}")

    @Slot(str)
    def _choose(self, key: str) -> None:
        if key.startswith(_PICTURE):
            self.picture = key.removeprefix(_PICTURE)
            self._look_at("")
            self.picture_chosen.emit(self.picture)
            return
        if key != _BROWSE:
            self.use(self._images[int(key)])
            return
        patterns = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
        name, _ = QFileDialog.getOpenFileName(self, "Preview image", "", f"Images ({patterns})")
        self._offered = ()
        if name:
            self.use(Path(name))
        else:
            self._offer(self._session.state)


def dropped_image(event: QDropEvent) -> Path | None:
    """Return the image file that is being dragged, None if it is anything else."""
    paths = dropped_images(event)
    return paths[0] if len(paths) == 1 else None


def dropped_images(event: QDropEvent) -> tuple[Path, ...]:
    """Return the image files that are being dragged, none if there is anything else among them."""
    paths = tuple(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
    usable = all(path.is_file() and path.suffix.lower() in SUFFIXES for path in paths)
    return paths if usable and len(paths) == len(event.mimeData().urls()) else ()


def validation_images(state: SessionState) -> list[tuple[Path, str]]:
    """Return the first validation image of each class, and its name in words."""
    survey = state.survey
    if survey is None:
        return []
    first: dict[int, Path] = {}
    for index in survey.split.val:
        image = survey.catalog.images[index]
        first.setdefault(image.label, image.path)
    return [
        (path, f"{survey.catalog.classes[label]} / {path.name}") for label, path in sorted(first.items())[:_MOST_IMAGES]
    ]
