"""Fixtures for all tests, and guards that fail a test which leaves something behind.

Loads neither torch nor Qt by itself: the tests of the core have to start fast.
"""

import gc
import importlib
import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget

    from cnnstudio.gui.theme import Theme

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program itself
if sys.platform == "win32":
    importlib.import_module("torch")  # has to come before Qt, which pytest-qt loads (pytorch#166628)

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile(
    "cnnstudio", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("cnnstudio")

ROOT = Path(__file__).resolve().parents[1]
OPENCLIPART = ROOT / ".test-data" / "openclipart6"
OPENCLIPART_CLASSES = ("animals", "food", "office", "people", "tools", "transportation")
OUR_THREADS = "cnnstudio"  # our threads carry this prefix, and count as leaked even where they are daemons
PATIENCE = 3.0  # seconds in which a thread may end after its test has


def pytest_configure(config: pytest.Config) -> None:
    # The offscreen platform cannot raise windows, grab keys and the like; that is no fault of ours.
    config.addinivalue_line("qt_log_ignore", "^This plugin does not support ")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "openclipart" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.openclipart)


def _point_home_at(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Send everything that asks for a user's folder, on any system, into `folder`."""
    folder.mkdir()
    patch.setenv("HOME", str(folder))
    patch.setenv("USERPROFILE", str(folder))
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    for name in ("APPDATA", "LOCAL_APPDATA"):
        patch.setenv(f"WIN_PD_OVERRIDE_{name}", str(folder / name.lower()))
        patch.setenv(name.replace("_", ""), str(folder / name.lower()))
    if "XDG_RUNTIME_DIR" not in os.environ:  # Qt warns where it is missing, and warnings fail tests
        (folder / "runtime").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))


@pytest.fixture(scope="session", autouse=True)
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Path]]:
    """Keep fixtures that outlive a test away from the real home; returns folders for further homes."""
    folder = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        _point_home_at(folder / "session", patch)
        yield (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def user_home(_no_qt_left: None, _homes: Iterator[Path]) -> Iterator[Path]:
    """Give each test an empty home of its own, outside its `tmp_path`; returns that home."""
    home = next(_homes)
    with pytest.MonkeyPatch.context() as patch:
        _point_home_at(home, patch)
        yield home


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send whatever asks the network into a dead end on this computer, which itself stays in reach."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start every test from the same random numbers."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread alive.

    Files and sockets that nobody closed are ResourceWarnings, which are errors already.
    """
    before = set(threading.enumerate())
    yield
    new = [
        thread
        for thread in threading.enumerate()
        if thread not in before and (not thread.daemon or thread.name.startswith(OUR_THREADS))
    ]
    deadline = time.monotonic() + PATIENCE
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    _fail_if_any([repr(thread) for thread in new if thread.is_alive()])


@pytest.fixture(autouse=True)
def _no_qt_left(request: pytest.FixtureRequest, _no_thread_left: None) -> Iterator[None]:
    """Fail a test that leaves top-level widgets, active timers, running QThreads or another look of the application.

    Runs after pytest-qt has closed the widgets that were handed to `qtbot`.
    """
    if "qapp" not in request.fixturenames:
        yield
        return
    from PySide6.QtWidgets import QApplication

    windows, looks, buttons = QApplication.topLevelWidgets(), _application_wide(), QApplication.mouseButtons()
    gc.freeze()  # what lives now is hidden from gc.get_objects(): later only this test's own objects are looked at
    try:
        yield
        deadline = time.monotonic() + PATIENCE
        while (left := _living_qt(windows)) and time.monotonic() < deadline:
            gc.collect()  # what is only held by a reference cycle is not leaked
            time.sleep(0.05)
    finally:
        gc.unfreeze()
    changed = [f"{name} of the application" for name, value in _application_wide().items() if value != looks[name]]
    pressed = QApplication.mouseButtons()
    held = [str(pressed)] if pressed and pressed != buttons else []
    _fail_if_any([*left, *changed, *held])


def _application_wide() -> dict[str, object]:
    """Return what all windows share, and the tests that follow would meet: here, or in another order."""
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    return {
        "style sheet": app.styleSheet(),
        "font": app.font().toString(),
        "cursor": app.overrideCursor(),
    }


def _living_qt(known: list["QWidget"]) -> list[str]:
    """Describe the windows beyond those `known`, and the active timers and threads since `gc.freeze()`."""
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
    from PySide6.QtWidgets import QApplication
    from shiboken6 import isValid

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    app = QCoreApplication.instance()
    main_thread = app.thread() if app else None
    # type() and not isinstance(): some libraries hold objects whose __class__ does things.
    made = [each for each in gc.get_objects() if issubclass(type(each), (QThread, QTimer)) and isValid(each)]
    threads = [each for each in made if isinstance(each, QThread) and each is not main_thread and each.isRunning()]
    timers = [each for each in made if isinstance(each, QTimer) and each.isActive()]
    windows = [each for each in QApplication.topLevelWidgets() if each not in known]
    return [repr(each) for each in (*windows, *threads, *timers)]


def _fail_if_any(left: list[str]) -> None:
    if left:
        pytest.fail("left behind: " + ", ".join(left), pytrace=False)


@pytest.fixture
def theme(qapp: "QApplication") -> Iterator["Theme"]:
    """Return the light theme, applied; the application is left as it was."""
    from cnnstudio.gui.theme import Theme

    theme = Theme(qapp, "light")
    yield theme
    theme.set_mode("system")
    theme.deleteLater()
    qapp.setStyleSheet("")


@pytest.fixture
def image_tree(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a tree `folder/class/image`.

    Its images are photographs of a kind: soft light, grain, and one object whose colour and form go with the class,
    so that a network can learn them. `count` is one number, or one a class; the same arguments give the same pixels.
    """

    def build(
        classes: Sequence[str] = ("ant", "bee"),
        *,
        count: int | Sequence[int] = 6,
        size: tuple[int, int] = (48, 40),
        suffix: str = ".png",
        name: str = "images",
    ) -> Path:
        folder = tmp_path / name
        counts = [count] * len(classes) if isinstance(count, int) else count
        for label, (title, number) in enumerate(zip(classes, counts, strict=True)):
            (folder / title).mkdir(parents=True)
            for index in range(number):
                picture = _picture(label, len(classes), size, random.Random(f"{label} {index}"))
                picture.save(folder / title / f"{index:03}{suffix}")
        return folder

    return build


def _picture(label: int, classes: int, size: tuple[int, int], rng: random.Random) -> Image.Image:
    width, height = size
    light = Image.frombytes("RGB", (3, 3), rng.randbytes(27)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("RGB", size, rng.randbytes(width * height * 3))
    picture = Image.blend(light, grain, 0.2)
    colour = f"hsv({(360 * label // classes + rng.randint(-12, 12)) % 360}, {rng.randint(70, 100)}%, 90%)"
    side = rng.uniform(0.4, 0.7) * min(size)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    draw = ImageDraw.Draw(picture)
    if label % 2:
        draw.rectangle((left, top, left + side, top + side), fill=colour)
    else:
        draw.ellipse((left, top, left + side, top + side), fill=colour)
    return picture


@pytest.fixture(scope="session")
def openclipart() -> Path:
    """Return a folder with six classes of Debian's openclipart, or skip the test."""
    if not all((OPENCLIPART / name).is_dir() for name in OPENCLIPART_CLASSES):
        pytest.skip("openclipart is absent; fetch it with: python tests/fetch_openclipart.py")
    return OPENCLIPART
