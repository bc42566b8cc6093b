import ast
import http.server
import importlib.machinery
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import machine
import pytest

DEBIAN = {"ID": "debian"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}
FEDORA = {"ID": "fedora"}
ROCKY = {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}
ARCH = {"ID": "arch"}
TUMBLEWEED = {"ID": "opensuse-tumbleweed", "ID_LIKE": "opensuse suse"}


@pytest.mark.parametrize("name", ["bootstrap", "environment", "machine", "pip_progress"])
def test_an_old_python_can_read_the_scripts(name: str) -> None:
    source = Path(machine.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


def test_too_old_a_python_is_refused_and_a_newer_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shutil, "which", lambda name: f"/usr/bin/{name}" if name in {"python3.12", "python3.11"} else None
    )
    with pytest.raises(
        machine.SetupError, match=r"Python 3\.10 is too old.*3\.11 or newer \[.*\]: start it with python3\.12"
    ):
        machine.check_python((3, 10))


def test_too_old_a_python_without_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(machine.SetupError, match=r"too old.*get one from python\.org"):
        machine.check_python((3, 8))


@pytest.mark.parametrize("version", [(3, 11), (3, 14), (4, 0)])
def test_a_new_enough_python_passes(version: tuple[int, int]) -> None:
    machine.check_python(version)


@pytest.mark.parametrize("absent", ["venv", "ensurepip"])
@pytest.mark.parametrize(
    ("release", "remedy"),
    [
        (DEBIAN, f"sudo apt install python3.{sys.version_info.minor}-venv"),
        (MINT, f"sudo apt install python3.{sys.version_info.minor}-venv"),
        (FEDORA, "install your system's package for them"),
        ({}, "install your system's package for them"),
    ],
)
def test_a_python_without_venv_is_told_where_to_get_it(
    absent: str, release: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> importlib.machinery.ModuleSpec | None:
        return None if name == absent else importlib.machinery.ModuleSpec(name, None)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    monkeypatch.setattr(machine, "os_release", lambda: release)
    with pytest.raises(machine.SetupError) as error:
        machine.check_venv_module()
    assert "comes without venv or ensurepip" in str(error.value)
    assert remedy in str(error.value)


def test_this_python_can_make_environments() -> None:
    machine.check_venv_module()


def test_a_small_disk_is_refused_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_340_000_000))
    with pytest.raises(
        machine.SetupError, match=r"1\.3 GB are free and about 2\.5 GB are needed \[.*\]: make room"
    ) as error:
        machine.check_disk(tmp_path, 2.5)
    assert str(tmp_path) in str(error.value)
    machine.check_disk(tmp_path, 1.3)


class _Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), _Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/whl"
        server.shutdown()
        thread.join()


def test_an_index_is_reachable_if_it_has_pytorch(index: str) -> None:
    assert machine.index_answers(f"{index}/cpu")
    assert not machine.index_answers(f"{index}/other")


def test_an_index_that_does_not_answer_is_not_reachable(index: str) -> None:
    assert not machine.index_answers("http://127.0.0.1:1/whl/cpu")


@pytest.mark.parametrize(
    ("system", "env", "expected"),
    [
        ("Linux", {}, False),
        ("Linux", {"DISPLAY": ""}, False),
        ("Linux", {"DISPLAY": ":0"}, True),
        ("Linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("Linux", {"QT_QPA_PLATFORM": "offscreen"}, True),
        ("Darwin", {}, True),
        ("Windows", {}, True),
    ],
)
def test_display(system: str, env: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    assert machine.has_display(env) is expected


@pytest.mark.parametrize(
    ("system", "env", "expected"),
    [
        ("Linux", {}, "home/.local/share/cnnstudio"),
        ("Linux", {"XDG_DATA_HOME": "data"}, "data/cnnstudio"),
        ("Darwin", {"XDG_DATA_HOME": "data"}, "home/Library/Application Support/cnnstudio"),
        ("Windows", {"LOCALAPPDATA": "local"}, "local/cnnstudio"),
        ("Windows", {}, "home/AppData/Local/cnnstudio"),
    ],
)
def test_data_folder(system: str, env: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    assert machine.data_folder(env, Path("home")) == Path(expected)


MISSING = {"libEGL.so.1", "libxcb-cursor.so.0", "libxkbcommon-x11.so.0"}


@pytest.mark.parametrize(
    ("release", "line"),
    [
        (DEBIAN, "sudo apt install libegl1 libxcb-cursor0 libxkbcommon-x11-0"),
        (MINT, "sudo apt install libegl1 libxcb-cursor0 libxkbcommon-x11-0"),
        (
            FEDORA,
            "sudo dnf install 'libEGL.so.1()(64bit)' 'libxcb-cursor.so.0()(64bit)' 'libxkbcommon-x11.so.0()(64bit)'",
        ),
        (
            ROCKY,
            "sudo dnf install 'libEGL.so.1()(64bit)' 'libxcb-cursor.so.0()(64bit)' 'libxkbcommon-x11.so.0()(64bit)'",
        ),
        (
            TUMBLEWEED,
            "sudo zypper install 'libEGL.so.1()(64bit)' 'libxcb-cursor.so.0()(64bit)' 'libxkbcommon-x11.so.0()(64bit)'",
        ),
        ({"ID": "slackware"}, "install the packages that hold them with your package manager"),
        ({}, "install the packages that hold them with your package manager"),
    ],
)
def test_one_line_brings_all_libraries(release: dict[str, str], line: str) -> None:
    assert machine.package_line(MISSING, release) == line


def test_arch_names_its_packages_freely() -> None:
    line = machine.package_line(MISSING, ARCH)
    assert line.startswith("sudo pacman -S --needed ")
    assert {"libglvnd", "xcb-util-cursor", "libxkbcommon-x11"} <= set(line.split())


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libOpenGL.so.0", "libopengl0"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libfontconfig.so.1", "libfontconfig1"),
        ("libfreetype.so.6", "libfreetype6"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libgssapi_krb5.so.2", "libgssapi-krb5-2"),
        ("libwayland-cursor.so.0", "libwayland-cursor0"),
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libxcb-image.so.0", "libxcb-image0"),
        ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
        ("libxcb-render-util.so.0", "libxcb-render-util0"),
        ("libxcb-shape.so.0", "libxcb-shape0"),
        ("libxcb-sync.so.1", "libxcb-sync1"),
        ("libxkbcommon.so.0", "libxkbcommon0"),
        ("libz.so.1", "zlib1g"),
    ],
)
def test_debian_names_packages_after_libraries(library: str, package: str) -> None:
    assert machine.package_line([library], DEBIAN) == f"sudo apt install {package}"


@pytest.mark.parametrize(
    ("env", "plugins"),
    [
        ({"DISPLAY": ":0"}, ["xcb"]),
        ({"WAYLAND_DISPLAY": "wayland-0"}, ["wayland"]),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, ["wayland", "xcb"]),
        ({"QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"}, ["offscreen"]),
        ({"QT_QPA_PLATFORM": "offscreen:size=800x600"}, ["offscreen"]),
        ({}, []),
    ],
)
def test_screen_plugins(env: dict[str, str], plugins: list[str]) -> None:
    assert machine.screen_plugins(env) == plugins


@pytest.mark.skipif(sys.platform == "win32", reason="ldd is a matter of Linux")
def test_missing_libraries_are_read_from_the_dynamic_linker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linker = tmp_path / "ldd"
    linker.write_text(
        "#!/bin/sh\n"
        'for file; do echo "$file:"; done\n'
        "printf '\\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\\n'\n"
        "printf '\\tlibxcb-icccm.so.4 => not found\\n\\tlibEGL.so.1 => not found\\n\\tlibEGL.so.1 => not found\\n'\n"
    )
    linker.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(linker))
    assert machine.missing_libraries([tmp_path / "libQt6Gui.so.6"]) == {"libxcb-icccm.so.4", "libEGL.so.1"}
    assert machine.missing_libraries([]) == set()


def test_without_a_dynamic_linker_nothing_is_known_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert machine.missing_libraries([tmp_path / "libQt6Gui.so.6"]) == set()


def test_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert machine.process_lives(str(os.getpid()))
    assert not machine.process_lives(str(ended.pid))
    assert not machine.process_lives("")
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert not machine.process_lives(str(os.getpid()))
