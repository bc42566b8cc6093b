"""ResNet-18's weights, small, from a server on this computer that the window takes for torchvision's."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.models import weight_sources
from cnnstudio.models.download import fetch
from cnnstudio.models.part_file import part_path
from cnnstudio.models.weight_sources import WeightSource, cache_folder
from tests.models.downloads import HURRY
from tests.models.loopback import Answer, Loopback, loopback
from tests.models.made_weights import zeros

SLOW = Answer(pause=0.004)  # some 250 KiB a second
TENSORS = 122
FITTING = 120  # all but those of the last layer


@cache
def resnet18_file() -> bytes:
    """Return a file with all tensors of ResNet-18, and one of 400,000 bytes for which it has no use."""
    state = zeros(ModelConfig(arch="resnet18"))
    noise = torch.randint(256, (400_000,), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    buffer = io.BytesIO()
    torch.save(state | {"padding": noise}, buffer)
    return buffer.getvalue()


def source(file: bytes | None = None, *, model: str = "resnet18", title: str = "ResNet-18") -> WeightSource:
    """Return where a file, ResNet-18's unless another is given, can be had."""
    file = resnet18_file() if file is None else file
    name = f"{model}-{hashlib.sha256(file).hexdigest()[:8]}.pth"
    return WeightSource(model, title, "IMAGENET1K_V1", name, round(len(file) / 2**20, 3))


@contextmanager
def offered(*answers: Answer, file: bytes | None = None) -> Iterator[Loopback]:
    """Serve ResNet-18's file, or another in its place, as torchvision does while the block runs.

    The part of VGG-16 is played by a file of nothing that this server has, too.
    """
    defaults = fetch.__kwdefaults__
    assert defaults is not None
    with pytest.MonkeyPatch.context() as patch, loopback(file or resnet18_file(), *answers) as server:
        patch.delenv("TORCH_HOME", raising=False)
        patch.setattr(weight_sources, "_SERVER", server.url.rpartition("/")[0] + "/")
        patch.setitem(weight_sources._BY_MODEL, "resnet18", source())
        patch.setitem(weight_sources._BY_MODEL, "vgg16", source(model="vgg16", title="VGG-16"))
        patch.setitem(defaults, "patience", HURRY)
        yield server


def here(content: bytes | None = None) -> Path:
    """Put ResNet-18's file, or what is given, where downloads go; returns its path."""
    path = cache_folder() / source().filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(resnet18_file() if content is None else content)
    return path


def begun() -> Path:
    """Return where the incomplete file lies."""
    return part_path(cache_folder() / source().filename)


def resnet18(mode: str = "freeze", *settings: tuple[str, object]) -> Config:
    """Return a configuration that starts from ResNet-18's weights."""
    config = Config().replace("model.arch", "resnet18").replace("transfer.mode", mode)
    for key, value in settings:
        config = config.replace(key, value)
    return config
