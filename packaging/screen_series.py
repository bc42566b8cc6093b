"""Pictures of a run as somebody sees it: `python packaging/screen_series.py IMAGES OUT [--set key=value …]`.

Trains in the window, off screen, and saves a picture every few seconds from the first steps on: the live views take
turns, and at the end the run is stepped through, stage by stage.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

_TURNS: Final = ("maps", "filters", "dropout", "batchnorm", "gradients", "doctor")
_STAGES: Final = 4  # of a step


def main(arguments: Sequence[str]) -> int:
    """Take the pictures and return the exit code: 1 if the run did not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="a folder of images, one folder a class")
    parser.add_argument("out", type=Path, help="where the pictures go")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--size", default="1280x800", metavar="WxH")
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    parser.add_argument("--every", type=int, default=5, help="seconds between two pictures")
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Settings, runs and caches of whoever runs this stay as they are.
    with tempfile.TemporaryDirectory(prefix="screen-series-") as home:
        os.environ |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), home)
        return _take(options)


def _take(options: argparse.Namespace) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QPushButton

    from cnnstudio.core.config import load_config
    from cnnstudio.core.events import Event, StepEnded
    from cnnstudio.gui.main_window import MainWindow
    from cnnstudio.gui.session import Session
    from cnnstudio.gui.theme import Theme

    app = QApplication(["cnnstudio"])
    session = Session()
    session.use_config(load_config(None, options.set))
    window = MainWindow(session, Theme(app, options.theme))
    window.resize(*map(int, options.size.split("x")))
    window.show()
    window.show_page("train")
    options.out.mkdir(parents=True, exist_ok=True)
    views, view, taken = cycle(_TURNS), "begin", 0
    timer = QTimer(window)
    timer.setInterval(1000 * options.every)

    def picture() -> None:
        nonlocal taken, view
        taken += 1
        name = f"{options.size}-{options.theme}-{taken * options.every:03}s-{view}.png"
        window.grab().save(str(options.out / name))
        left = options.seconds // options.every - taken
        if left <= 0:
            timer.stop()
            window.leave()
            return
        view = "step" if left <= _STAGES else next(views)
        if view == "step":
            session.run.step()
            return
        pill = window.findChild(QPushButton, f"train.views.{view}")
        assert pill is not None, view
        pill.click()

    def begin(events: list[Event]) -> None:
        """Begin when the first steps are told: until then images are read."""
        if not taken and not timer.isActive() and any(isinstance(event, StepEnded) for event in events):
            timer.start()

    timer.timeout.connect(picture)
    session.run.began.connect(lambda: window.show_page("train"))
    session.run.streamed.connect(begin)
    session.start_when_ready()
    session.open_folder(options.images)
    QTimer.singleShot(1000 * (options.seconds + 300), window.leave)
    try:
        app.exec()
    finally:
        session.close()
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
