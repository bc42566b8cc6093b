import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.pages.train_page import TrainPage
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.runtime.runs import runs_folder


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


@pytest.fixture
def train_pages(qtbot: QtBot, theme: Theme, session: Session) -> QStackedWidget:
    """Return the Train page in front of an empty one, as large as a window of 1280 x 800 leaves it."""
    pages = QStackedWidget()
    pages.addWidget(TrainPage(session, theme))
    pages.addWidget(QWidget())
    qtbot.addWidget(pages)
    pages.resize(1192, 728)
    pages.show()
    qtbot.waitExposed(pages)
    return pages


@pytest.fixture
def untried_run(user_home: Path) -> Path:
    """Return a run that can be listed and chosen, but not asked: its weights are empty."""
    folder = runs_folder() / "birds-resnet18-4"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(Config().replace("model.arch", "resnet18").to_toml(), encoding="utf-8")
    (folder / "classes.json").write_text(json.dumps(["robin", "wren"]), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return folder
