"""PyTorch's own compiler, with weights as constants; what it has compiled is kept on disk."""

import contextlib
import logging
import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import platformdirs
import torch
from torch import Tensor, nn

from cnnstudio.engine.device import Compute
from cnnstudio.engine.forms_kinds import HALVES, Computation, Expected, graph_of

_LARGEST: Final = 2**30  # bytes of compiled code that are kept; a network takes one or two million


class Inductor:
    """torch.compile with freezing: convolutions take their weights in oneDNN's own order, and what follows is fused.

    On the CPU only, and only where there is a C++ compiler.

    Attributes:
        key: What its measurements are kept under.
        title: As what the network runs.
        verb: What is done for it.
        repeat: Share of the first warm-up that later ones take.
    """

    key = "inductor"
    title = "compiled"
    verb = "Compiling"
    repeat = 0.5  # measured: 32 s then 15, 34 then 10, 128 then 41 (AVX2, busy)

    def obstacle(self, compute: Compute) -> str:
        """Return what is missing for it; empty where nothing is."""
        if compute.device.type != "cpu":
            return f"it is not used on {compute.device.type.upper()}"
        compiler = os.environ.get("CXX") or {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
        if shutil.which((shlex.split(compiler) or [compiler])[0]) is None and shutil.which(compiler) is None:
            return f"there is no C++ compiler ({compiler})"
        if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
            return "Python's headers are missing"
        return ""

    def expected(self, compute: Compute) -> Expected:
        """Return what it brought in bfloat16 on a CPU with AMX (1.6-2.3 times the speed), and nothing elsewhere.

        In float32 on a CPU with AVX2 it brought 0.8-1.5 times, too little to pay without having been measured.
        """
        return Expected(1.6 if compute.precision in HALVES else 1.0, 12.0)

    def build(self, module: nn.Module, images: Tensor, compute: Compute) -> tuple[Computation, Tensor]:
        """Compile; takes seconds, and seconds more for the imports of the first time."""
        _prepare_folder()
        with _quiet(), torch.no_grad():
            from torch._inductor import config as settings

            settings.compile_threads = 1  # else it starts processes, which outlive the run
            with compute.autocast():
                graph = graph_of(module, images)
            compiled = torch.compile(graph, fullgraph=True, dynamic=False, options={"freezing": True})
            return compiled, compiled(images)


def _prepare_folder() -> None:
    """Say where compiled code is kept; empty the place when it has grown too large."""
    folder = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)) / "compiled"
    if os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder)) == str(folder) and folder.is_dir():
        with contextlib.suppress(OSError):
            if sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) > _LARGEST:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler's remarks from the terminal; what goes wrong is raised anyway."""
    handlers = logging.getLogger("torch").handlers[:]

    def severe(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.CRITICAL

    for handler in handlers:
        handler.addFilter(severe)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(severe)
