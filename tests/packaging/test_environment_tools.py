import contextlib
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import machine
import pytest
from environment import Environment
from machine import SetupError


def test_the_python_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert Environment(tmp_path).python == tmp_path / ".venv" / "Scripts" / "python.exe"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert Environment(tmp_path).python == tmp_path / ".venv" / "bin" / "python"


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    return Environment(tmp_path)


def _install_qt(env: Environment, *plugins: str) -> None:
    qt = env.folder / "lib" / "python3.11" / "site-packages" / "PySide6" / "Qt"
    for name in (
        "lib/libQt6Core.so.6",
        "lib/libQt6Gui.so.6",
        *(f"plugins/platforms/libq{name}.so" for name in plugins),
    ):
        (qt / name).parent.mkdir(parents=True, exist_ok=True)
        (qt / name).touch()


def _lacking(missing: dict[str, set[str]]) -> Callable[[list[Path]], set[str]]:
    return lambda files: set().union(*(missing.get(file.name, set()) for file in files))


def test_missing_libraries_are_named_with_the_line_that_brings_them(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_qt(env, "xcb", "offscreen")
    lacking = _lacking({"libQt6Gui.so.6": {"libEGL.so.1"}, "libqxcb.so": {"libxcb-cursor.so.0"}})
    monkeypatch.setattr(machine, "missing_libraries", lacking)
    monkeypatch.setattr(machine, "os_release", lambda: {"ID": "debian"})
    with pytest.raises(SetupError) as error:
        env.require_qt(["xcb"])
    assert str(error.value) == (
        "Qt needs libraries that this system lacks [libEGL.so.1, libxcb-cursor.so.0]: "
        "sudo apt install libegl1 libxcb-cursor0"
    )


@pytest.mark.parametrize(
    ("plugins", "enough"), [(["offscreen"], True), (["wayland", "xcb"], True), (["xcb"], False), ([], True)]
)
def test_one_working_plugin_is_enough(
    plugins: list[str], enough: bool, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_qt(env, "xcb", "wayland", "offscreen")
    monkeypatch.setattr(machine, "missing_libraries", _lacking({"libqxcb.so": {"libxcb-cursor.so.0"}}))
    with contextlib.nullcontext() if enough else pytest.raises(SetupError):
        env.require_qt(plugins)


@pytest.fixture
def scripted(env: Environment) -> Callable[[str], Environment]:
    """Return a function that gives the environment a `python` made of shell lines."""
    if sys.platform == "win32":
        pytest.skip("the stand-in for Python is a shell script")

    def write(script: str) -> Environment:
        env.python.parent.mkdir(parents=True)
        env.python.write_text(f"#!/bin/sh\n{script}\n")
        env.python.chmod(0o755)
        return env

    return write


def test_pip_gets_its_arguments_and_room_on_the_same_disk(
    scripted: Callable[[str], Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    env = scripted('echo "$*"; echo "$TMPDIR"; echo $$')
    env.pip("NumPy", "numpy>=2.0")
    arguments, scratch, pid = env.log.read_text().splitlines()
    assert arguments == "-m pip install --no-input --disable-pip-version-check numpy>=2.0"
    assert Path(scratch) == env.folder / "tmp"
    assert env.marker.read_text().split() == [str(os.getpid()), pid]
    assert not (env.folder / "tmp").exists()


def test_pips_failure_is_explained(scripted: Callable[[str], Environment]) -> None:
    env = scripted("echo 'ERROR: No matching distribution found for numpy>=99' >&2; exit 1")
    with pytest.raises(SetupError, match=r"numpy>=99 does not exist for Python .*cnnstudio-setup\.log\]: try") as error:
        env.pip("NumPy", "numpy>=99")
    assert not error.value.half_done


def test_a_pip_that_was_killed_may_leave_something_half_done(scripted: Callable[[str], Environment]) -> None:
    with pytest.raises(SetupError) as error:
        scripted("kill -9 $$").pip("NumPy", "numpy")
    assert error.value.half_done
