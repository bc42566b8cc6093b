"""The guards of conftest.py do fail tests that leave something behind: shown on tests that do."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import platformdirs
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

LEAKY = """
import socket
import threading

KEPT = []
RELEASED = threading.Event()


def test_file(tmp_path):
    (tmp_path / "log").open("w")


def test_socket():
    socket.socket()


def test_threads():
    threading.Thread(target=RELEASED.wait, name="stray").start()
    threading.Thread(target=RELEASED.wait, name="cnnstudio-stray", daemon=True).start()
    threading.Thread(target=RELEASED.wait, name="daemon of a library", daemon=True).start()


def test_released():
    RELEASED.set()


def test_qt(qtbot):
    from PySide6.QtCore import QThread, QTimer
    from PySide6.QtWidgets import QLabel

    timer, thread = QTimer(), QThread()
    timer.start(1000)
    thread.start()
    KEPT.extend([QLabel(), timer, thread])


def test_qt_put_away(qtbot, qapp):
    from PySide6.QtCore import QThread, QTimer
    from PySide6.QtWidgets import QComboBox

    KEPT[-1].quit()
    KEPT[-1].wait()
    box = QComboBox()
    box.addItems(["a", "b"])
    qtbot.addWidget(box)
    box.show()
    box.showPopup()
    cycle = QComboBox()
    cycle.itself = cycle
    timer, thread = QTimer(qapp), QThread(qapp)
    timer.start(1000)
    timer.stop()
    thread.start()
    thread.quit()


def test_qt_warning(qtbot):
    from PySide6.QtCore import qWarning

    qWarning("QObject: something is wrong")
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the leaky tests under our conftest.py and project file; return pytest's summary."""
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "test_leaky.py").write_text(LEAKY, encoding="utf-8")
    for name, source in (("conftest.py", ROOT / "tests" / "conftest.py"), ("pyproject.toml", ROOT / "pyproject.toml")):
        (folder / name).write_bytes(source.read_bytes())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--basetemp=tmp", "test_leaky.py"]
    environment = os.environ | {"COLUMNS": "400"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert "short test summary info" in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("verdict", "test", "text"),
    [
        ("FAILED", "test_file", "ResourceWarning: unclosed file"),
        ("FAILED", "test_socket", "ResourceWarning: unclosed <socket"),
        ("FAILED", "test_qt_warning", "something is wrong"),
        ("ERROR", "test_threads", r"left behind: <Thread\(stray, .*<Thread\(cnnstudio-stray, "),
        ("ERROR", "test_qt", r"left behind: <PySide6\S*QLabel\S* at \w+>, <PySide6\S*QThread.*<PySide6\S*QTimer"),
    ],
)
def test_leak_fails_the_test_that_leaks(verdicts: str, verdict: str, test: str, text: str) -> None:
    assert re.search(f"(?m)^{verdict} test_leaky.py::{test}( |$)", verdicts), verdicts
    assert re.search(text, verdicts), verdicts


@pytest.mark.parametrize("test", ["test_released", "test_qt_put_away"])
def test_what_is_put_away_passes(verdicts: str, test: str) -> None:
    assert re.search(f"(?m)^PASSED test_leaky.py::{test}$", verdicts), verdicts
    assert not re.search(f"(?m)^ERROR test_leaky.py::{test}( |$)", verdicts), verdicts


def test_daemon_threads_of_libraries_are_let_be(verdicts: str) -> None:
    assert "daemon of a library" not in verdicts.partition("short test summary info")[2]


def test_user_folders_are_inside_the_test_home(user_home: Path) -> None:
    folders = [platformdirs.user_data_path, platformdirs.user_config_path, platformdirs.user_cache_path]
    for folder in [*folders, platformdirs.user_state_path, platformdirs.user_log_path]:
        assert folder("cnnstudio").is_relative_to(user_home)
    assert Path.home() == user_home


def test_image_tree_is_what_it_was_asked_for(image_tree: Callable[..., Path]) -> None:
    folder = image_tree(("a", "b", "ç"), count=(2, 0, 3), size=(30, 20), suffix=".jpg")
    assert {each.name: len(list(each.iterdir())) for each in folder.iterdir()} == {"a": 2, "b": 0, "ç": 3}
    with Image.open(folder / "ç" / "002.jpg") as picture:
        assert (picture.size, picture.mode, picture.format) == ((30, 20), "RGB", "JPEG")


def test_image_tree_repeats_its_pixels_and_no_image(image_tree: Callable[..., Path]) -> None:
    files = [sorted(image_tree(("a", "b"), count=4, name=name).rglob("*.png")) for name in ("one", "two")]
    one, two = ([path.read_bytes() for path in each] for each in files)
    assert one == two
    assert len(set(one)) == 8


def test_no_test_reaches_the_network() -> None:
    with pytest.raises(URLError, match="refused"):
        urlopen("https://download.pytorch.org/models/resnet18-f37072fd.pth", timeout=5)
