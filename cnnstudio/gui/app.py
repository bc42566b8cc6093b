"""Starting the window, and ending it by itself for smoke tests and pictures."""

import argparse
import math
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from PySide6.QtCore import QByteArray, QSettings, QTimer
from PySide6.QtWidgets import QApplication

from cnnstudio.core.config import load_config
from cnnstudio.core.errors import InputError
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import MODES, Theme
from cnnstudio.runtime.runs import is_run

_PAGES: Final = ("data", "model", "train", "test")
_SIZE: Final = (1280, 800)
_LONGEST: Final = 86_400  # seconds that a timer is trusted with
_SWITCH_INTERVAL: Final = 0.001  # seconds; at Python's own 0.005 a training thread makes the window stutter


@dataclass(frozen=True, slots=True)
class _Options:
    path: Path | None
    run: Path | None
    start: bool
    screenshot: Path | None
    quit_after: float | None
    page: str | None
    theme: str | None
    size: tuple[int, int] | None
    overrides: list[str]


def main(arguments: Sequence[str]) -> int:
    """Open the window and return the exit code."""
    try:
        options = _options(arguments)
        _need_display(options)
        config = load_config(options.run and options.run / "config.toml", options.overrides)
    except InputError as error:
        sys.stderr.write(f"cnnstudio: {error.one_line()}\n")
        return 2
    sys.setswitchinterval(_SWITCH_INTERVAL)
    app = QApplication.instance() or QApplication(["cnnstudio"])
    assert isinstance(app, QApplication)
    app.setApplicationName("CNN Studio")
    app.setDesktopFileName("cnnstudio")
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "cnnstudio", "cnnstudio")
    chosen = options.theme or str(settings.value("theme", "system"))
    theme = Theme(app, next((mode for mode in MODES if mode == chosen), "system"))
    session = Session()
    session.use_config(config)
    window = MainWindow(session, theme)
    window.resize(*(options.size or _SIZE))
    geometry = settings.value("geometry")
    if options.screenshot is None and options.size is None and isinstance(geometry, QByteArray):
        window.restoreGeometry(geometry)
    window.show()
    _open(window, options)
    if options.quit_after is not None:
        QTimer.singleShot(round(options.quit_after * 1000), window, lambda: _finish(window, options.screenshot))
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: window.leave())
    heartbeat = QTimer(window)  # lets Python see Ctrl-C while Qt waits
    heartbeat.start(250)
    heartbeat.timeout.connect(lambda: None)
    try:
        return app.exec()
    finally:
        signal.signal(signal.SIGINT, previous)
        if options.screenshot is None:
            settings.setValue("theme", theme.mode)
            settings.setValue("geometry", window.saveGeometry())
        session.close()


def _open(window: MainWindow, options: _Options) -> None:
    session = window.session
    folder = session.state.config.data.folder
    if options.start:
        session.start_when_ready()
        session.run.began.connect(lambda: window.show_page(options.page or "train"))
    if options.run is not None:
        session.open_run(options.run)
        window.show_page("train" if session.state.run.active else "test")
    if options.path is not None:
        session.open_folder(options.path)
    elif folder and (options.run is None or Path(folder).is_dir()):  # the images of a run may have gone
        session.open_folder(Path(folder))
    if options.page is not None:
        window.show_page(options.page)


def _finish(window: MainWindow, screenshot: Path | None) -> None:
    if screenshot is not None and not window.grab().save(str(screenshot), "PNG"):
        sys.stderr.write(f"cnnstudio: the picture cannot be written [{screenshot}]: choose another path\n")
    window.leave()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message, remedy="see cnnstudio gui --help")


def _options(arguments: Sequence[str]) -> _Options:
    parser = _Parser(prog="cnnstudio gui", description="Open the window on a folder of images or on a run.")
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="a folder of images, or a run")
    parser.add_argument("--start", action="store_true", help="start training as soon as the images are read")
    parser.add_argument("--screenshot", type=Path, metavar="PNG", help="save a picture of the window before it closes")
    parser.add_argument("--quit-after", type=float, metavar="SECONDS", help="close by itself (10 with --screenshot)")
    parser.add_argument("--page", choices=_PAGES, help="the page to show")
    parser.add_argument("--theme", choices=MODES, help="light, dark, or as the system")
    parser.add_argument("--size", metavar="WxH", help="size of the window in pixels, 1280x800 at first")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    found = parser.parse_args(arguments)
    if found.path is not None and not found.path.exists():
        raise InputError("no such folder", where=found.path, remedy="check the path")
    run = found.path if found.path is not None and is_run(found.path) else None
    quit_after = 10.0 if found.screenshot is not None and found.quit_after is None else found.quit_after
    if quit_after is not None and not (math.isfinite(quit_after) and 0 <= quit_after <= _LONGEST):
        raise InputError(f"--quit-after {quit_after:g}", remedy="give a number of seconds, up to a day")
    if found.screenshot is not None:
        _make_room(found.screenshot)
    return _Options(
        path=found.path if run is None else None,
        run=run,
        start=found.start,
        screenshot=found.screenshot,
        quit_after=quit_after,
        page=found.page,
        theme=found.theme,
        size=None if found.size is None else _size(found.size),
        overrides=found.set,
    )


def _size(text: str) -> tuple[int, int]:
    sides = re.fullmatch("([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", text)
    if sides is None:
        raise InputError(f"--size {text}", remedy="write it as 1280x800")
    return int(sides[1]), int(sides[2])


def _make_room(picture: Path) -> None:
    """Find out now, and not when all is done, whether a picture can be written."""
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.open("ab").close()
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise InputError(f"--screenshot: {reason}", where=picture, remedy="choose another path") from None


def _need_display(options: _Options) -> None:
    """Draw off screen where there is none, if a picture is all that is wanted; Qt would abort otherwise."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if options.quit_after is None:
        raise InputError("there is no display to open a window on", remedy="use cnnstudio train, or set DISPLAY")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
