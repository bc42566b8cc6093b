"""Files of weights as small as a test can bear, whatever the size of the network."""

from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.registry import build

Kind = Literal["zip", "before_1_6", "safetensors"]
KINDS: tuple[Kind, ...] = ("zip", "before_1_6", "safetensors")


def zeros(model: ModelConfig, classes: int = 1000) -> dict[str, Tensor]:
    """Return the tensors of a network, of which a file of `torch.save` keeps one number each."""
    with torch.device("meta"):
        state = build(model, classes=classes).state_dict()
    return {key: torch.zeros((), dtype=each.dtype).expand(each.shape) for key, each in state.items()}


def written(path: Path, state: dict[str, Tensor], kind: Kind = "zip") -> Path:
    """Write a file of this kind, and return its path."""
    if kind == "safetensors":
        path.write_bytes(to_safetensors({key: each.contiguous() for key, each in state.items()}))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    return path
