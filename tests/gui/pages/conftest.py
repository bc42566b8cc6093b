import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.runtime.runs import runs_folder

Drop = Callable[[QWidget, Path], bool]


@pytest.fixture
def drag() -> Drop:
    """Return a function that drags a path over the middle of a widget, and tells whether it may be dropped."""

    def over(widget: QWidget, path: Path) -> bool:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        middle: QPoint = widget.rect().center()
        event = QDragEnterEvent(
            middle, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(widget, event)
        return event.isAccepted() and event.dropAction() == Qt.DropAction.CopyAction

    return over


@pytest.fixture
def drop(drag: Drop) -> Drop:
    """Return a function that drags a path over the middle of a widget, drops it, and tells whether it was taken."""

    def on(widget: QWidget, path: Path) -> bool:
        drag(widget, path)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        event = QDropEvent(
            QPointF(widget.rect().center()),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(widget, event)
        return event.isAccepted()

    return on


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two networks for a moment, with different seeds, to tell red images from green ones."""
    from cnnstudio.engine.trainer import train

    folder = tmp_path_factory.mktemp("trained")
    for name, colour in (("ant", (200, 40, 30)), ("bee", (40, 190, 60))):
        (folder / "colours" / name).mkdir(parents=True)
        for number in range(12):
            shade = tuple(min(255, channel + 3 * number) for channel in colour)
            Image.new("RGB", (20, 20), shade).save(folder / "colours" / name / f"{number}.png")
    config = Config.parse(
        {
            "data": {"folder": str(folder / "colours"), "image_size": 16, "batch_size": 6},
            "train": {"epochs": 1},
        }
    )
    for seed in (1, 2):
        train(
            config.replace("train.seed", seed), lambda _event: None, Control(), out=folder / f"colours-compact-{seed}"
        )
    return folder


@pytest.fixture
def runs(user_home: Path, _trained: Path) -> tuple[Path, Path]:
    """Return two finished runs in the folder in which the window looks for them."""
    found = []
    for name in ("colours-compact-1", "colours-compact-2"):
        shutil.copytree(_trained / name, runs_folder() / name)
        found.append(runs_folder() / name)
    return found[0], found[1]
