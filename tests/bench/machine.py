"""On what it was measured: without this no number means anything."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

_FLAGS: Final = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
_PROGRAM: Final = """
import torch

device = torch.accelerator.current_accelerator(check_available=True)
name = getattr(torch.get_device_module(device), "get_device_name", str) if device else str
print(device or "cpu", name())
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer and what runs on it.

    Attributes:
        processor: Its name.
        cores: Cores that this process may use.
        physical_cores: Cores of the computer without hyper-threads.
        memory: Bytes.
        flags: Those instruction sets that matter here and that the processor has.
        accelerator: What torch would compute on: `cpu`, `cuda NVIDIA H200` …
        system: Operating system.
        python: Version.
        torch: Version.
        torchvision: Version.
        load: Mean number of processes that wanted to run in the last minute, before the measurements.
    """

    processor: str
    cores: int
    physical_cores: int
    memory: int
    flags: tuple[str, ...]
    accelerator: str
    system: str
    python: str
    torch: str
    torchvision: str
    load: float

    def lines(self) -> tuple[str, ...]:
        """Return the description for people."""
        flags = ", ".join(self.flags) or "no wide vectors that are known"
        cores = f"{self.cores} cores ({self.physical_cores} physical)"
        versions = f"torch {self.torch} on {self.accelerator}, torchvision {self.torchvision}, Python {self.python}"
        busy = f"; load {self.load:.1f}: others compute too" if self.load > self.cores / 4 else ""
        return (
            f"{self.processor}: {cores}, {self.memory / 1e9:.0f} GB; {flags}",
            f"{versions}, {self.system}{busy}",
        )


def this_machine() -> Machine:
    """Describe the computer; torch is asked in a process of its own, so that this one stays small."""
    asked = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    cores = usable_cores()
    known = set(_entry(text, "flags").split())
    return Machine(
        processor=_entry(text, "model name") or platform.processor() or platform.machine(),
        cores=cores,
        physical_cores=psutil.cpu_count(logical=False) or cores,
        memory=int(psutil.virtual_memory().total),
        flags=tuple(each for each in _FLAGS if each in known),
        accelerator=asked.stdout.strip(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=metadata.version("torch"),
        torchvision=metadata.version("torchvision"),
        load=psutil.getloadavg()[0],
    )


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _entry(text: str, name: str) -> str:
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
