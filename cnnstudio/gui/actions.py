"""The keys of the window."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from cnnstudio.gui.main_window import MainWindow

_PAGES = ("data", "model", "train", "test")


def add_actions(window: "MainWindow") -> None:
    """Give the window its keys: open, start, one stage, pages, undo, quit.

    Space is the window's own, see `keyPressEvent`.
    """
    _add(window, "action.open", "Open folder …", QKeySequence.StandardKey.Open, lambda: open_folder(window))
    _add(window, "action.start", "Start", [QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")], window.start)
    step = "Take one stage of a training step"
    _add(window, "action.step", step, [QKeySequence(".")], lambda: take_stage(window)).setAutoRepeat(False)
    _add(window, "action.undo", "Undo the latest setting", QKeySequence.StandardKey.Undo, window.session.undo)
    _add(window, "action.quit", "Quit", [QKeySequence("Ctrl+Q")], window.close)
    for number, page in enumerate(_PAGES, start=1):
        keys = [QKeySequence(f"Ctrl+{number}")]
        _add(window, f"action.{page}", page.capitalize(), keys, partial(window.show_page, page))


def open_folder(window: "MainWindow") -> None:
    """Ask for a folder and look at its images."""
    name = QFileDialog.getExistingDirectory(window, "Folder of images: one folder for each class")
    if name:
        window.session.open_folder(Path(name))
        window.show_page("data")


def take_stage(window: "MainWindow") -> None:
    """Take one stage of a step of the run, and show it."""
    if window.session.state.run.ours:
        window.show_page("train")
        window.session.run.step()


def _add(
    window: "MainWindow",
    name: str,
    text: str,
    keys: QKeySequence.StandardKey | list[QKeySequence],
    do: Callable[[], object],
) -> QAction:
    action = QAction(text, window)
    action.setObjectName(name)
    action.setShortcuts(keys)
    action.triggered.connect(lambda _checked=False: do())
    window.addAction(action)
    return action
