import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import bootstrap
import machine
import pytest
from machine import SetupError

PYTHON = Path("/venv/bin/python")
CNNSTUDIO = [str(PYTHON), "-m", "cnnstudio"]


class _Environment:
    """A stand-in whose set-up takes no time.

    Attributes:
        set_ups: Whether each set-up was asked to bring the development tools.
        checked: The screen plugins that were asked about.
        obstacle: What is raised by the set-up.
        missing: Whether Qt lacks a library.
    """

    python = PYTHON

    def __init__(self) -> None:
        self.set_ups: list[bool] = []
        self.checked: list[list[str]] = []
        self.obstacle: BaseException | None = None
        self.missing = False

    def set_up(self, *, dev: bool) -> None:
        self.set_ups.append(dev)
        if self.obstacle:
            raise self.obstacle

    def require_qt(self, plugins: Sequence[str]) -> None:
        self.checked.append(list(plugins))
        if self.missing:
            raise SetupError("Qt needs libraries that this system lacks [libEGL.so.1]: sudo apt install libegl1")


class _Started:
    """Records what is started instead of starting it; `code` is how it ends."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.env: Mapping[str, str] | None = None
        self.cwd: Path | None = None
        self.code = 0

    def hand_over(self, command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
        self.commands.append(list(command))
        self.env = env
        self.cwd = cwd
        return self.code

    def draw(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(list(command))
        Path(command[-1]).mkdir()
        return subprocess.CompletedProcess(command, self.code)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> _Environment:
    environment = _Environment()
    monkeypatch.setattr(bootstrap, "Environment", lambda root: environment)
    return environment


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> _Started:
    started = _Started()
    monkeypatch.setattr(bootstrap, "hand_over", started.hand_over)
    monkeypatch.setattr(subprocess, "run", started.draw)
    return started


@pytest.fixture(autouse=True)
def _screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test on Linux with an X11 screen."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(user_home: Path) -> Path:
    return machine.data_folder(os.environ, user_home)


def test_run_draws_the_sample_once_and_opens_the_window_on_it(
    environment: _Environment, started: _Started, data: Path
) -> None:
    sample = data / "samples" / "shapes"
    assert bootstrap.main(["run"]) == 0
    assert started.commands == [
        [*CNNSTUDIO, "sample", "shapes", str(sample.with_name("shapes.unfinished"))],
        [*CNNSTUDIO, "gui", str(sample)],
    ]
    assert sample.is_dir()
    assert environment.set_ups == [False]
    assert environment.checked == [["xcb"]]

    started.commands.clear()
    assert bootstrap.main(["run"]) == 0
    assert started.commands == [[*CNNSTUDIO, "gui", str(sample)]]


def test_a_half_drawn_sample_is_drawn_again(
    environment: _Environment, started: _Started, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = data / "samples" / "shapes.unfinished"
    draft.mkdir(parents=True)
    (draft / "half.png").touch()
    started.code = 1
    assert bootstrap.main(["run"]) == 2
    assert f"error: the sample could not be drawn [{draft}]" in capsys.readouterr().err
    assert not (data / "samples" / "shapes").exists()
    started.code = 0
    assert bootstrap.main(["run"]) == 0
    assert list((data / "samples" / "shapes").iterdir()) == []


def test_run_without_a_display_trains_in_the_terminal_and_says_so(
    environment: _Environment,
    started: _Started,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("DISPLAY")
    (data / "runs" / "shapes-1").mkdir(parents=True)
    (data / "runs" / "shapes-3").mkdir()
    assert bootstrap.main(["run"]) == 0
    sample, out = data / "samples" / "shapes", data / "runs" / "shapes-2"
    assert started.commands[-1] == [*CNNSTUDIO, "train", "--data", str(sample), "--out", str(out)]
    assert environment.checked == []
    said = capsys.readouterr()
    assert f"There is no display, so the sample is trained here in the terminal; the run is kept in {out}" in said.err
    assert said.out == ""


def test_run_passes_arguments_verbatim(environment: _Environment, started: _Started) -> None:
    arguments = ["train", "my config.toml", "--", "--set", "train.lr=1e-3", "--json"]
    started.code = 1
    assert bootstrap.main(["run", "--", *arguments]) == 1
    assert started.commands == [[*CNNSTUDIO, *arguments]]
    assert started.cwd is None


@pytest.mark.parametrize(("arguments", "checked"), [(["gui"], True), (["."], True), (["train"], False), ([], True)])
def test_only_a_window_needs_qts_libraries(
    arguments: list[str],
    checked: bool,
    environment: _Environment,
    started: _Started,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment.missing = True
    assert bootstrap.main(["run", "--", *arguments]) == (2 if checked else 0)
    assert started.commands == ([] if checked else [[*CNNSTUDIO, *arguments]])
    assert ("error: Qt needs libraries" in capsys.readouterr().err) is checked


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], ["-q"]),
        (["--", "--collect-only", "-q"], ["--collect-only", "-q"]),
        (["-k", "stem"], ["-k", "stem"]),
    ],
)
def test_test_runs_pytest_in_the_project(
    arguments: list[str], passed: list[str], environment: _Environment, started: _Started
) -> None:
    started.code = 5
    assert bootstrap.main(["test", *arguments]) == 5
    assert started.commands == [[str(PYTHON), "-m", "pytest", *bootstrap.SHARED, *passed]]
    assert started.cwd == bootstrap.ROOT
    assert environment.set_ups == [True]


@pytest.mark.parametrize(("chosen", "used"), [(None, "offscreen"), ("xcb", "xcb")])
def test_tests_draw_off_the_screen_unless_one_is_chosen(
    chosen: str | None, used: str, environment: _Environment, started: _Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen:
        monkeypatch.setenv("QT_QPA_PLATFORM", chosen)
    bootstrap.main(["test"])
    assert started.env is not None
    assert started.env["QT_QPA_PLATFORM"] == used
    assert started.env["DISPLAY"] == ":0"
    assert environment.checked == [[used]]


def test_setup_brings_the_development_tools_and_starts_nothing(environment: _Environment, started: _Started) -> None:
    assert bootstrap.main(["setup"]) == 0
    assert environment.set_ups == [True]
    assert started.commands == []


def test_an_obstacle_is_one_line_and_exit_code_2(
    environment: _Environment, started: _Started, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.obstacle = SetupError("no network,\nnothing answers [/log]: check the connection")
    assert bootstrap.main(["test"]) == 2
    assert capsys.readouterr().err == "error: no network, nothing answers [/log]: check the connection\n"
    assert started.commands == []


def test_an_old_python_is_told_before_anything_else(
    environment: _Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert bootstrap.main(["run"]) == 2
    assert capsys.readouterr().err.startswith("error: Python 3.9 is too old")
    assert environment.set_ups == []


def test_an_interruption_is_answered_in_a_sentence(
    environment: _Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.obstacle = KeyboardInterrupt()
    assert bootstrap.main(["setup"]) == 130
    assert capsys.readouterr().err == "Interrupted. The next start puts right what was left half done.\n"


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["rum"], 2), (["--help"], 0)])
def test_usage(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(arguments) == code
    assert "python3 packaging/bootstrap.py run -- ARGS" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_the_exit_code_of_what_was_started_is_passed_on(code: int, tmp_path: Path) -> None:
    script = f"import os, sys; assert os.environ['WORD'] == 'x y'; open('here', 'w').close(); sys.exit({code})"
    assert bootstrap.hand_over([sys.executable, "-c", script], {**os.environ, "WORD": "x y"}, tmp_path) == code
    assert (tmp_path / "here").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups of POSIX")
class TestSignals:
    """A started command sees the signals that the terminal sends, and answers them in its own time."""

    CHILD = """
import sys, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)  # saving the best weights
    print("saved", flush=True)
    sys.exit(130)
"""

    def _start(self, child: str) -> subprocess.Popen[str]:
        heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # tests in the background ignore Ctrl-C
        outer = f"import signal, sys, bootstrap; {heard}; "
        outer += f"sys.exit(bootstrap.hand_over([sys.executable, '-c', {child!r}]))"
        started = subprocess.Popen(
            [sys.executable, "-c", outer],
            cwd=Path(bootstrap.__file__).parent,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        return started

    def test_ctrl_c_waits_for_the_command_to_save(self) -> None:
        with self._start(self.CHILD) as started:
            os.killpg(started.pid, signal.SIGINT)
            assert started.communicate(timeout=20)[0] == "saved\n"
        assert started.returncode == 130

    def test_a_signal_becomes_an_exit_code_as_in_a_shell(self) -> None:
        child = "import os, signal; print('ready', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
        with self._start(child) as started:
            started.communicate(timeout=20)
        assert started.returncode == 128 + signal.SIGKILL

    def test_termination_reaches_the_command(self) -> None:
        with self._start(self.CHILD) as started:
            started.terminate()
            started.communicate(timeout=20)
        assert started.returncode == 128 + signal.SIGTERM
