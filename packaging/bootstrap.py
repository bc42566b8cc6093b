"""Set CNN Studio up on a machine that has only Python, then start it or run its tests.

    python3 packaging/bootstrap.py run             the window on the bundled sample; without a display, the terminal
    python3 packaging/bootstrap.py run -- ARGS     cnnstudio ARGS
    python3 packaging/bootstrap.py test [-- ARGS]  the tests; ARGS go to pytest
    python3 packaging/bootstrap.py setup           only the set-up, development tools included

Standard library only. All that is imported here loads under Python 3.8, so that an old Python can say itself that it is
too old. Progress goes to stderr: stdout belongs to the command that is started.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import machine
from environment import Environment
from machine import SetupError
from pip_progress import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = "shapes"
# Two processes, each of which tests whole modules, so that what a module prepares once is prepared once.
SHARED = ("-n2", "--dist=loadfile")


def hand_over(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run `command` to its end and return its exit code. Ctrl-C reaches it too, and is its own to answer."""
    child = subprocess.Popen(command, env=env, cwd=cwd)
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                code = child.wait()
                return code if code >= 0 else 128 - code
    finally:
        signal.signal(signal.SIGTERM, before)


def sample_folder(python: Path, data: Path) -> Path:
    """Return the folder of the sample, drawn now if it is not there; a half-drawn one never gets its name."""
    folder = data / "samples" / SAMPLE
    if not folder.exists():
        console.say(f"Drawing the sample pictures in {folder}")
        draft = folder.with_name(f"{SAMPLE}.unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        command = [str(python), "-m", "cnnstudio", "sample", SAMPLE, str(draft)]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise SetupError(f"the sample could not be drawn [{draft}]: the lines above tell why")
        draft.rename(folder)
    return folder


def free_run_folder(data: Path) -> Path:
    """Return a path for a new run; no run is ever overwritten."""
    taken = {path.name for path in (data / "runs").glob(f"{SAMPLE}-*")}
    number = next(number for number in range(1, len(taken) + 2) if f"{SAMPLE}-{number}" not in taken)
    return data / "runs" / f"{SAMPLE}-{number}"


def run(arguments: Sequence[str]) -> int:
    """Start `cnnstudio` with `arguments`; without any, on the sample, in the window or (no display) in the terminal."""
    environment = Environment(ROOT)
    environment.set_up(dev=False)
    start = [str(environment.python), "-m", "cnnstudio"]
    opens_window = not arguments or arguments[0] == "gui" or Path(arguments[0]).exists()
    if opens_window and machine.has_display(os.environ):
        environment.require_qt(machine.screen_plugins(os.environ))
    if arguments:
        return hand_over([*start, *arguments])
    data = machine.data_folder(os.environ, Path.home())
    sample = str(sample_folder(environment.python, data))
    if machine.has_display(os.environ):
        return hand_over([*start, "gui", sample])
    out = free_run_folder(data)
    console.say(f"There is no display, so the sample is trained here in the terminal; the run is kept in {out}")
    return hand_over([*start, "train", "--data", sample, "--out", str(out)])


def test(arguments: Sequence[str]) -> int:
    """Run the tests; `arguments` go to pytest. On Linux no windows appear, unless QT_QPA_PLATFORM names a screen."""
    environment = Environment(ROOT)
    environment.set_up(dev=True)
    env = dict(os.environ)
    if platform.system() == "Linux":
        env = {"QT_QPA_PLATFORM": "offscreen", **env}
        environment.require_qt(machine.screen_plugins(env))
    return hand_over([str(environment.python), "-m", "pytest", *SHARED, *(arguments or ["-q"])], env, ROOT)


def setup(_arguments: Sequence[str]) -> int:
    """Only set up, with the development tools."""
    Environment(ROOT).set_up(dev=True)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run one command of this file and return its exit code: 2 if something is in the way, 130 if interrupted."""
    commands = {"run": run, "test": test, "setup": setup}
    if not arguments or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 0 if {"-h", "--help"} & set(arguments) else 2
    rest = arguments[1:]
    try:
        machine.check_python(sys.version_info[:2])
        return commands[arguments[0]](rest[1:] if rest[:1] == ["--"] else rest)
    except SetupError as error:
        console.erase()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        console.erase()
        print("Interrupted. The next start puts right what was left half done.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no pip is left behind
    sys.exit(main(sys.argv[1:]))
