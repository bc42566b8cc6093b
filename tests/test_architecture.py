"""Imports point down, only gui/ knows Qt, and the window's first paint does not wait for torch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
QT = {"PySide6", "shiboken6", "pyqtgraph"}
TORCH = {"torch", "torchvision"}

REPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(name, *sorted({each.partition(".")[0] for each in sys.modules}))
"""


def modules(*, gui: bool) -> list[str]:
    """Return the names of all modules on disk, inside or outside of gui/."""
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in sorted((ROOT / "cnnstudio").rglob("*.py")))
    return [".".join(part for part in each if part != "__init__") for each in parts if ("gui" in each[1:2]) == gui]


def first_to_load(unwanted: set[str], names: list[str]) -> str:
    """Import `names` in turn in a fresh interpreter; return the first after which something unwanted is loaded."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *names], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(names)
    return next((line.split()[0] for line in lines if unwanted & set(line.split()[1:])), "")


def test_contracts_are_kept() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_nothing_outside_the_window_loads_qt() -> None:
    headless = modules(gui=False)
    assert {"cnnstudio.engine.trainer", "cnnstudio.runtime.mailbox", "cnnstudio.cli"} <= set(headless)
    assert first_to_load(QT, headless) == ""


@pytest.mark.parametrize("name", ["cnnstudio.__main__", "cnnstudio.gui.main_window"])
def test_start_does_not_wait_for_torch(name: str) -> None:
    assert first_to_load(TORCH, [name]) == ""


def test_the_search_finds_qt_where_it_is() -> None:
    assert first_to_load(QT, ["cnnstudio.core.errors", "cnnstudio.gui.theme"]) == "cnnstudio.gui.theme"


def test_no_module_outside_core_hides_from_the_contracts() -> None:
    """A new package has to be given its place among the layers."""
    packages = {path.parent.name for path in (ROOT / "cnnstudio").glob("*/__init__.py")}
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.importlinter]")[2]
    assert [name for name in sorted(packages) if f"cnnstudio.{name}" not in contracts] == []
