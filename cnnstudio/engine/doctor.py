"""Examining an installation: what is there, what is missing, what it means."""

import platform
from dataclasses import dataclass

import psutil
import torch

from cnnstudio.core.config import ComputeConfig, Config, ModelConfig, TransferConfig
from cnnstudio.engine.checkpoint import versions
from cnnstudio.engine.device import device_name, devices, physical_cores, resolve
from cnnstudio.models import registry
from cnnstudio.models.weights import load_state, locate


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What.
        ok: Whether it works.
        finding: What was found, in words.
    """

    subject: str
    ok: bool
    finding: str


def examine() -> tuple[Finding, ...]:
    """Look at versions, machine, every device (by computing on it) and the bundled weights."""
    memory = psutil.virtual_memory()
    return (
        *(Finding(name, True, version) for name, version in versions().items()),
        Finding("system", True, f"{platform.system()} {platform.machine()}, {physical_cores()} physical cores"),
        Finding("memory", True, f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"),
        *(_device(device) for device in devices()),
        Finding("chosen", True, resolve(ComputeConfig()).label),
        _weights(),
    )


def _device(device: torch.device) -> Finding:
    subject = f"device {device}"
    try:
        ones = torch.ones(1, 3, 8, 8, device=device)
        answer = torch.nn.functional.conv2d(ones, torch.ones(1, 3, 3, 3, device=device)).sum().item()
    except RuntimeError as error:
        return Finding(subject, False, str(error).splitlines()[0])
    return Finding(subject, answer == 27 * 36, f"{device_name(device)} computes a convolution")


def _weights() -> Finding:
    config = Config(model=ModelConfig(arch="efficientnet_lite0"), transfer=TransferConfig(mode="finetune"))
    try:
        file = locate(config)
        network = registry.build(config.model, classes=1000)
        return Finding("weights", True, load_state(network, file.read(), file.words).sentence())
    except (OSError, ValueError, ImportError) as error:
        return Finding("weights", False, str(error))
