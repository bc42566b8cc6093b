"""What this machine offers and lacks: Python, disk, GPU, display, and the Linux libraries that Qt needs."""

from __future__ import annotations

import http.client
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OLDEST_PYTHON = (3, 11)
_DEBIAN_EXCEPTIONS = {"libglib-2.0": "libglib2.0-0", "libgthread-2.0": "libglib2.0-0", "libz": "zlib1g"}
_ARCH_PACKAGES = (  # few enough to name them all; --needed skips what is there
    "--needed dbus fontconfig freetype2 glib2 libglvnd libx11 libxcb libxkbcommon libxkbcommon-x11 wayland "
    "xcb-util xcb-util-cursor xcb-util-image xcb-util-keysyms xcb-util-renderutil xcb-util-wm"
)


class SetupError(Exception):
    """One line for the user: what is wrong, where, and what to do.

    Attributes:
        half_done: Whether the environment may be broken now, so that it has to be made anew.
    """

    def __init__(self, message: str, *, half_done: bool = False) -> None:
        super().__init__(" ".join(message.split()))
        self.half_done = half_done


def check_python(version: Sequence[int]) -> None:
    """Refuse a Python that is too old, and name a newer one if it is on the PATH."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return
    newer = next((name for name in (f"python3.{minor}" for minor in range(14, 10, -1)) if shutil.which(name)), None)
    raise SetupError(
        f"Python {version[0]}.{version[1]} is too old, CNN Studio needs 3.11 or newer [{sys.executable}]: "
        + (f"start it with {newer}" if newer else "get one from python.org or from your package manager")
    )


def check_venv_module() -> None:
    """Refuse a Python that cannot make virtual environments; Debian packs that part separately."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    if package_manager(os_release()) == "apt":
        remedy = "sudo apt install python{}.{}-venv".format(*sys.version_info)
    else:
        remedy = "install your system's package for them, or a complete Python from python.org"
    raise SetupError(f"this Python comes without venv or ensurepip [{sys.executable}]: {remedy}")


def check_disk(folder: Path, needed_gb: float) -> None:
    """Refuse to begin what will not fit on the disk that holds `folder`."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"the disk is too small, {free_gb:.1f} GB are free and about {needed_gb:g} GB are needed [{folder}]: "
            "make room there, or move the project to a larger disk"
        )


def has_nvidia_gpu() -> bool:
    """Tell whether an NVIDIA driver is installed."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def index_answers(url: str) -> bool:
    """Tell whether a package index that holds PyTorch can be reached, within seconds."""
    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=5):
            return True
    except (OSError, http.client.HTTPException):
        return False


def has_display(env: Mapping[str, str]) -> bool:
    """Tell whether a window can open: on Linux, whether the session or the user names a screen."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return platform.system() != "Linux" or any(env.get(name) for name in screens)


def data_folder(env: Mapping[str, str], home: Path) -> Path:
    """Return the folder of this user's samples and runs."""
    if platform.system() == "Windows":
        return Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "cnnstudio"
    if platform.system() == "Darwin":
        return home / "Library" / "Application Support" / "cnnstudio"
    return Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "cnnstudio"


def process_lives(pid: str) -> bool:
    """Tell whether a process runs; on Windows, where asking would end it, always no."""
    if platform.system() == "Windows" or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


# The Linux libraries that Qt needs


def os_release() -> dict[str, str]:
    """Return the fields of /etc/os-release, none where there is no such file."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def package_manager(release: Mapping[str, str]) -> str:
    """Return the command that installs packages on this distribution, nothing if it is not known."""
    family = {release.get("ID"), *release.get("ID_LIKE", "").split()}
    managers = {
        "apt": {"debian", "ubuntu"},
        "dnf": {"fedora", "rhel"},
        "pacman": {"arch"},
        "zypper": {"suse", "opensuse"},
    }
    return next((manager for manager, names in managers.items() if names & family), "")


def package_line(libraries: Iterable[str], release: Mapping[str, str]) -> str:
    """Return the one command that brings `libraries` (such as libEGL.so.1) on this distribution."""
    manager = package_manager(release)
    if manager == "pacman":
        return f"sudo pacman -S {_ARCH_PACKAGES}"
    if manager == "apt":
        return "sudo apt install " + " ".join(sorted({_debian_package(library) for library in libraries}))
    if manager:  # dnf and zypper install by the library's own name
        return f"sudo {manager} install " + " ".join(f"'{library}()(64bit)'" for library in sorted(libraries))
    return "install the packages that hold them with your package manager"


def _debian_package(library: str) -> str:
    """Name the package as Debian's policy 8.1 does: libEGL.so.1 is in libegl1, libdbus-1.so.3 in libdbus-1-3."""
    stem, _, number = library.partition(".so.")
    dash = "-" if stem[-1].isdigit() else ""
    return _DEBIAN_EXCEPTIONS.get(stem, f"{stem}{dash}{number}".lower().replace("_", "-"))


def screen_plugins(env: Mapping[str, str]) -> list[str]:
    """Return the names of the plugins, one of which Qt will draw with."""
    chosen = re.split("[:;]", env.get("QT_QPA_PLATFORM", ""))[0]
    if chosen:
        return [chosen]
    return [name for name, variable in (("wayland", "WAYLAND_DISPLAY"), ("xcb", "DISPLAY")) if env.get(variable)]


def missing_libraries(files: Sequence[Path]) -> set[str]:
    """Return the libraries that the dynamic linker does not find for `files`, none where there is no `ldd`."""
    ldd = shutil.which("ldd")
    if not files or not ldd:
        return set()
    answer = subprocess.run([ldd, *map(str, files)], capture_output=True, text=True, check=False)
    return set(re.findall(r"^\s*(\S+) => not found", answer.stdout, re.MULTILINE))
