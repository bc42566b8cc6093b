import os
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.engine import trainer
from cnnstudio.gui.thread_host import ThreadHost


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows a niceness of single threads")
def test_a_training_gives_way_to_the_window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found: list[int] = []
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def train(*_positional: object, **_named: object) -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    monkeypatch.setattr(trainer, "train", train)
    parent = QObject()
    host = ThreadHost(parent)
    host.start(Config(), tmp_path, Watch())
    qtbot.waitUntil(lambda: not host.active)
    host.close()
    assert found == [min(19, mine + 5)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
