import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from cnnstudio.gui import app
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.panels.rail import Rail
from cnnstudio.runtime.runs import read_run, runs_folder
from tests.e2e.gestures import child

Look = Callable[[MainWindow], bool]
Opened = Callable[..., int]


def main_windows() -> list[MainWindow]:
    return [each for each in QApplication.topLevelWidgets() if isinstance(each, MainWindow)]


@pytest.fixture
def opened(qapp: QApplication) -> Iterator[Opened]:
    """Return a function that runs the program until what it shows is as expected, and gives its exit code."""
    interval, sheet = sys.getswitchinterval(), qapp.styleSheet()

    def run(look: Look, *arguments: str) -> int:
        timer = QTimer()

        def check() -> None:
            (window,) = main_windows()
            if look(window):
                timer.stop()
                window.leave()

        timer.timeout.connect(check)
        timer.start(20)
        try:
            return app.main(arguments)
        finally:
            timer.stop()
            for window in main_windows():
                window.deleteLater()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    yield run
    sys.setswitchinterval(interval)
    qapp.setStyleSheet(sheet)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line with which the program refuses to open a window."""
    assert app.main([*arguments, "--quit-after", "5"] if "--quit-after" not in arguments else arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("cnnstudio: ").rstrip("\n")


def page(window: MainWindow) -> str:
    return child(window, Rail, "rail").page()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--size", "big"], "--size big: write it as 1280x800"),
        (["--size", "1280x800x2"], "--size 1280x800x2: write it as 1280x800"),
        (["--size", "0x800"], "--size 0x800: write it as 1280x800"),
        (["--size", "²x³"], "--size ²x³: write it as 1280x800"),
        (["--quit-after", "-1"], "--quit-after -1: give a number of seconds, up to a day"),
        (["--quit-after", "nan"], "--quit-after nan: give a number of seconds, up to a day"),
        (["--quit-after", "1e9"], "--quit-after 1e+09: give a number of seconds, up to a day"),
        (["/no/such/folder"], "no such folder [/no/such/folder]: check the path"),
        (["--set", "train.epohcs=3"], "unknown key train.epohcs: did you mean train.epochs?"),
        (["--set", "train.epochs=0"], "train.epochs cannot be 0: it must be greater than or equal to 1"),
        (["--set", "train.epochs"], "--set train.epochs: write it as key=value, such as train.epochs=3"),
        (["--page", "tset"], "argument --page: invalid choice: 'tset' (choose from data, model, train, test): see "),
        (["--wrong"], "unrecognized arguments: --wrong: see cnnstudio gui --help"),
    ],
)
def test_what_cannot_be_understood_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert refused(capsys, *arguments).replace("'", "").startswith(line.replace("'", ""))


def test_a_picture_that_cannot_be_written_is_known_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for picture in (tmp_path, tmp_path / "file" / "a.png"):
        line = refused(capsys, "--screenshot", str(picture))
        assert line.startswith("--screenshot: ")
        assert line.endswith(f"[{picture}]: choose another path")


def test_a_run_whose_configuration_is_damaged_is_one_line(
    capsys: pytest.CaptureFixture[str], untried_run: Path
) -> None:
    (untried_run / "config.toml").write_text("[train]\nepochs = -3\n")
    where = untried_run / "config.toml"
    line = f"train.epochs cannot be -3 [{where}]: it must be greater than or equal to 1"
    assert refused(capsys, str(untried_run)) == line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_a_window_needs_an_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert app.main([]) == 2
    assert capsys.readouterr().err == (
        "cnnstudio: there is no display to open a window on: use cnnstudio train, or set DISPLAY\n"
    )
    monkeypatch.setenv("QT_QPA_PLATFORM", "")  # so that what is set now is taken back afterwards
    app._need_display(app._options(["--quit-after", "1"]))
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    monkeypatch.setenv("QT_QPA_PLATFORM", "")
    monkeypatch.setenv("DISPLAY", ":0")
    app._need_display(app._options([]))
    assert os.environ["QT_QPA_PLATFORM"] == ""


def test_options_have_their_defaults() -> None:
    options = app._options([])
    assert (options.path, options.start, options.screenshot, options.quit_after) == (None, False, None, None)
    assert (options.page, options.theme, options.size, options.overrides) == (None, None, None, [])


def test_a_picture_closes_the_window_by_itself(tmp_path: Path) -> None:
    assert app._options(["--screenshot", str(tmp_path / "new" / "a.png")]).quit_after == 10
    assert app._options(["--screenshot", str(tmp_path / "a.png"), "--quit-after", "3"]).quit_after == 3
    assert (tmp_path / "new").is_dir()


def test_it_opens_as_asked(opened: Opened) -> None:
    seen: list[object] = []

    def look(window: MainWindow) -> bool:
        config = window.session.state.config
        seen.extend([window.size().toTuple(), page(window), config.train.epochs, config.model.arch])
        return True

    settings = ["--set", "train.epochs=3", "--set", "model.arch=resnet18"]
    assert opened(look, "--size", "1100x700", "--page", "model", "--theme", "dark", *settings) == 0
    assert seen == [(1100, 700), "model", 3, "resnet18"]
    assert QApplication.palette().window().color().lightness() < 60


def test_look_and_place_are_remembered_but_a_wish_goes_first(opened: Opened) -> None:
    sizes: list[tuple[object, ...]] = []

    def look(window: MainWindow) -> bool:
        sizes.append((window.size().toTuple(), QApplication.palette().window().color().lightness() < 60))
        return True

    # Qt brings a window back no wider than the screen, which is smaller than ours where there is none.
    assert opened(look, "--size", "800x640", "--theme", "dark") == 0
    least = sizes[0][0]
    assert opened(look) == 0
    assert opened(look, "--size", "1200x760", "--theme", "light") == 0
    assert sizes == [(least, True), (least, True), ((1200, 760), False)]


def test_settings_that_make_no_sense_are_passed_over(opened: Opened) -> None:
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "cnnstudio", "cnnstudio")
    settings.setValue("theme", "plaid")
    settings.setValue("geometry", "nonsense")
    settings.sync()
    assert opened(lambda window: window.size().toTuple() == (1280, 800)) == 0


def test_a_folder_is_looked_at(opened: Opened, image_tree: Callable[..., Path]) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    for arguments in ([str(folder)], [f"--set=data.folder={folder}"]):
        assert opened(lambda window: window.session.state.survey is not None, *arguments) == 0


def test_a_run_opens_on_the_test_page_with_its_settings(
    opened: Opened, untried_run: Path, image_tree: Callable[..., Path]
) -> None:
    folder = image_tree(("ant", "bee"), count=2, size=(8, 8))
    config = read_run(untried_run).config.replace("data.folder", str(folder)).replace("train.seed", 7)
    (untried_run / "config.toml").write_text(config.to_toml())
    seen: list[object] = []

    def look(window: MainWindow) -> bool:
        state = window.session.state
        if state.survey is None:
            return False
        train = state.config.train
        seen.extend([page(window), state.model_folder, state.config.model.arch, train.seed, train.epochs])
        return True

    assert opened(look, str(untried_run), "--set", "train.epochs=2") == 0
    assert seen == ["test", untried_run, "resnet18", 7, 2]


def test_a_run_whose_images_have_gone_can_be_asked_all_the_same(opened: Opened, untried_run: Path) -> None:
    config = read_run(untried_run).config.replace("data.folder", "/images/gone")
    (untried_run / "config.toml").write_text(config.to_toml())
    notices: list[object] = []

    def look(window: MainWindow) -> bool:
        notices.append(window.session.state.notice)
        return window.session.state.model_folder == untried_run

    assert opened(look, str(untried_run)) == 0
    assert set(notices) == {None}


def test_closing_at_once_is_no_accident(opened: Opened) -> None:
    assert opened(lambda _window: True) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_control_c_closes_the_window(opened: Opened) -> None:
    before = signal.getsignal(signal.SIGINT)
    pressed: list[bool] = []

    def look(_window: MainWindow) -> bool:
        if not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return False

    assert opened(look) == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_the_program_trains_by_itself_and_leaves_a_picture_and_a_run(
    image_tree: Callable[..., Path], tmp_path: Path
) -> None:
    folder = image_tree(("ant", "bee"), count=12, size=(32, 32))
    settings = ("data.image_size=32", "data.batch_size=8", "data.augment=false", "train.epochs=2", "train.lr=0.003")
    command = [sys.executable, "-m", "cnnstudio", "gui", str(folder), "--start", "--theme", "light"]
    options = ["--screenshot", str(tmp_path / "a.png"), "--quit-after", "20"]
    done = subprocess.run(
        [*command, *options, *(f"--set={setting}" for setting in settings)],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    picture = QImage(str(tmp_path / "a.png"))
    assert picture.size().toTuple() == (1280, 800)
    assert picture.pixelColor(640, 790).lightness() > 200
    (run,) = runs_folder().iterdir()
    assert run.name == "images-compact-1"
    assert read_run(run).reason in {"finished", "stopped"}
    assert (run / "model.safetensors").is_file()
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "cnnstudio").exists()  # a picture changes no settings
