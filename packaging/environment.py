"""The virtual environment of a checkout: made, kept up to date, repaired."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import machine
from machine import SetupError
from pip_progress import PipProgress, console, explain, lines_or_silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_BUILD_GB = 2.5  # measured: 1.6 GB installed and 0.5 GB of downloads beside it
CUDA_BUILD_GB = 10.0  # measured: 6.1 GB and 3.2 GB, with the CUDA libraries that PyPI's build for Linux brings


class Environment:
    """The virtual environment of one checkout.

    `stamp` says what was installed and is written last. `marker` is there while something changes; one that outlived
    its processes, which it names, tells of an interrupted set-up.
    """

    def __init__(self, root: Path) -> None:
        windows = platform.system() == "Windows"
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if windows else "bin/python")
        self.site_packages = "Lib/site-packages" if windows else "lib/python*/site-packages"
        self.stamp = self.folder / "cnnstudio-setup.json"
        self.marker = self.folder / "cnnstudio-setup-unfinished"
        self.log = self.folder / "cnnstudio-setup.log"

    def set_up(self, *, dev: bool) -> None:
        """Bring the environment up to date, with the development tools if `dev`; quick if nothing changed.

        Raises:
            SetupError: Something on this machine is in the way.
        """
        stamp = self._read_stamp()
        version = self._version()
        fault = self._fault(stamp, version)
        digest = hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        dev = dev or stamp.get("dev") is True
        wanted = {"root": str(self.root), "python": version, "pyproject": digest, "dev": dev}
        if stamp == wanted and not fault:
            return
        machine.check_venv_module()
        fresh = bool(fault) or not stamp
        if fresh:
            machine.check_disk(self.root, CPU_BUILD_GB)
        with self._changing():
            if fault:
                console.say(f"Clearing {self.folder}: {fault}")
                self._clear()
            if not self._answer("-m", "pip", "--version"):
                self._make()
            self.pip("pip", "pip>=25.1")  # the first that knows dependency groups
            if fresh:
                self._install_torch()
            group = [f"--group={self.root / 'pyproject.toml'}:dev"] if dev else []
            what = "CNN Studio and the development tools" if dev else "CNN Studio"
            self.pip(what, "--progress-bar=raw", f"--editable={self.root}", *group)
            self._write_stamp({**wanted, "python": self._version()})
        console.say("The set-up is done")

    def require_qt(self, plugins: Sequence[str]) -> None:
        """Check that Qt and one of its screen `plugins` find every system library they need (Linux).

        Raises:
            SetupError: Some are missing; the message names the command that brings all of them.
        """
        parts = ["lib/libQt6Core.so.6", "lib/libQt6Gui.so.6", "lib/libQt6Widgets.so.6"]
        common = [file for part in parts for file in self.installed(f"PySide6/Qt/{part}")]
        answers = [
            machine.missing_libraries(common + self.installed(f"PySide6/Qt/plugins/platforms/libq{plugin}.so"))
            for plugin in plugins
        ]
        missing = min(answers, key=len, default=set())
        if missing:
            raise SetupError(
                f"Qt needs libraries that this system lacks [{', '.join(sorted(missing))}]: "
                + machine.package_line(missing, machine.os_release())
            )

    def installed(self, pattern: str) -> list[Path]:
        """Return the installed files that match `pattern`."""
        return list(self.folder.glob(f"{self.site_packages}/{pattern}"))

    def pip(self, what: str, *arguments: str) -> None:
        """Run `pip install` in the environment and show how far it is.

        Raises:
            SetupError: pip failed; the message names the cause as far as pip's output tells it.
        """
        console.say(f"Installing {what}")
        scratch = self.folder / "tmp"  # /tmp is often a memory disk, too small for PyTorch
        scratch.mkdir(exist_ok=True)
        env = {"TMPDIR": str(scratch), **os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0"}
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments]
        progress = PipProgress(lambda: len(self.installed("*.dist-info")))
        output = []
        with subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
        ) as child:
            assert child.stdout is not None
            self.marker.write_text(f"{os.getpid()} {child.pid}", encoding="utf-8")
            try:
                for line in lines_or_silence(child.stdout):
                    progress.feed(line)
                    output.append(line)
            except BaseException:
                child.terminate()
                raise
        console.erase()
        shutil.rmtree(scratch, ignore_errors=True)
        self.log.write_text("".join(output), encoding="utf-8")
        if child.returncode:
            raise SetupError(explain("".join(output), what, self.log), half_done=child.returncode < 0)

    def _install_torch(self) -> None:
        """Install PyTorch's CPU build where no NVIDIA GPU needs the build that PyPI has for Linux."""
        if platform.system() != "Linux":  # PyPI's builds for Windows and macOS are small already
            if platform.system() == "Windows" and machine.has_nvidia_gpu():
                console.say(
                    "PyPI's PyTorch for Windows has no CUDA; pytorch.org tells how to put the CUDA build into .venv"
                )
            return
        why = "for the NVIDIA GPU"
        if not machine.has_nvidia_gpu():
            why = "because PyTorch's own index, which has a smaller one for the CPU, cannot be reached"
            if machine.index_answers(CPU_INDEX):
                try:
                    self.pip("PyTorch for the CPU", "--progress-bar=raw", f"--index-url={CPU_INDEX}", *self._torch())
                except SetupError as error:
                    if error.half_done:
                        raise
                    why = f"because the CPU build failed: {error}"
                else:
                    return
        console.say(f"Taking PyTorch's default build, about 5 GB, {why}")
        machine.check_disk(self.root, CUDA_BUILD_GB)

    def _torch(self) -> list[str]:
        """Return what pyproject.toml asks of torch and torchvision."""
        tomllib = importlib.import_module("tomllib")  # not there before 3.11, where this file must load too
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [line for line in project["dependencies"] if re.match(r"torch(vision)?\b(?!-)", line)]

    def _fault(self, stamp: Mapping[str, object], version: str) -> str:
        """Return why the environment must be made anew, nothing if it can be kept or is not there."""
        if self.marker.exists():
            if any(map(machine.process_lives, self.marker.read_text(encoding="utf-8").split())):
                raise SetupError(f"another set-up is busy here [{self.marker}]: wait until it is done, or delete .venv")
            return "an earlier set-up was interrupted"
        for key, now in (("python", version), ("root", str(self.root))):
            if stamp and stamp.get(key) != now:
                return f"it was made for {key} {stamp.get(key)}, which is {now or 'gone'} now"
        return ""

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Leave the marker behind unless the change is complete, or has failed without breaking anything."""
        self.folder.mkdir(exist_ok=True)
        self.marker.write_text(str(os.getpid()), encoding="utf-8")
        try:
            yield
        except SetupError as error:
            if not error.half_done:
                self.marker.unlink()
            raise
        self.marker.unlink()

    def _clear(self) -> None:
        for entry in self.folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != self.marker:
                entry.unlink()

    def _make(self) -> None:
        console.say(f"Making {self.folder} with Python {platform.python_version()}")
        command = [sys.executable, "-m", "venv", str(self.folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            why = (answer.stderr or answer.stdout).strip()
            raise SetupError(f"the environment could not be made, {why} [{self.folder}]: delete it and start again")

    def _version(self) -> str:
        return self._answer("-SEc", "import sys; print('{}.{}'.format(*sys.version_info))")

    def _answer(self, *arguments: str) -> str:
        """Return what the environment's Python prints, nothing if it is missing or fails."""
        try:
            answer = subprocess.run([str(self.python), *arguments], capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return "" if answer.returncode else answer.stdout.strip()

    def _read_stamp(self) -> dict[str, object]:
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _write_stamp(self, stamp: Mapping[str, object]) -> None:
        draft = self.stamp.with_suffix(".new")
        draft.write_text(json.dumps(stamp), encoding="utf-8")
        draft.replace(self.stamp)
