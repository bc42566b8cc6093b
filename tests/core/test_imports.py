import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_core_brings_in_neither_torch_nor_qt() -> None:
    modules = [f"cnnstudio.core.{path.stem}" for path in (ROOT / "cnnstudio" / "core").glob("[!_]*.py")]
    assert "cnnstudio.core.config" in modules
    program = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert "pydantic" in done.stdout.split()
    assert not {"torch", "torchvision", "PySide6", "pyqtgraph"} & set(done.stdout.split())
