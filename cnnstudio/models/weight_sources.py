"""Where pretrained weights can be had, how large they are, and where they lie; reading it loads no torch."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cnnstudio.models.part_file import has_size, part_path, size_of

_SERVER: Final = "https://download.pytorch.org/models/"
_MEBI: Final = 2**20
_ROUNDING: Final = _MEBI // 1000 + 1  # torchvision states sizes in thousandths of a MiB


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Weights that torchvision offers, trained on ImageNet's 1,000 classes; licensed as torchvision (BSD-3-Clause).

    Attributes:
        model: torchvision's name of the network, such as `vgg16_bn`.
        title: The name that people use.
        version: torchvision's name of the weights.
        filename: Name of the file; ends in the first digits of its SHA-256.
        mebibytes: Its size, rounded to three decimals.
    """

    model: str
    title: str
    version: str
    filename: str
    mebibytes: float

    @property
    def words(self) -> str:
        """The weights in words: `ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)`."""
        return f"{self.title}, ImageNet (torchvision, {self.version})"

    @property
    def url(self) -> str:
        """Where the file is."""
        return _SERVER + self.filename

    @property
    def sha256_prefix(self) -> str:
        """The first digits of the SHA-256 of the file, hexadecimal."""
        return self.filename.removesuffix(".pth").rpartition("-")[2]

    @property
    def size(self) -> int:
        """The size of the file in bytes, right to about a thousand."""
        return round(self.mebibytes * _MEBI)

    @property
    def megabytes(self) -> float:
        """The size of the file in millions of bytes."""
        return self.size / 1e6


_V1: Final = "IMAGENET1K_V1"
_V2: Final = "IMAGENET1K_V2"
SOURCES: Final = (
    WeightSource("vgg11", "VGG-11", _V1, "vgg11-8a719046.pth", 506.84),
    WeightSource("vgg11_bn", "VGG-11 with BatchNorm", _V1, "vgg11_bn-6002323d.pth", 506.881),
    WeightSource("vgg13", "VGG-13", _V1, "vgg13-19584684.pth", 507.545),
    WeightSource("vgg13_bn", "VGG-13 with BatchNorm", _V1, "vgg13_bn-abd245e5.pth", 507.59),
    WeightSource("vgg16", "VGG-16", _V1, "vgg16-397923af.pth", 527.796),
    WeightSource("vgg16_bn", "VGG-16 with BatchNorm", _V1, "vgg16_bn-6c64b313.pth", 527.866),
    WeightSource("vgg19", "VGG-19", _V1, "vgg19-dcbb9e9d.pth", 548.051),
    WeightSource("vgg19_bn", "VGG-19 with BatchNorm", _V1, "vgg19_bn-c79401a0.pth", 548.143),
    WeightSource("resnet18", "ResNet-18", _V1, "resnet18-f37072fd.pth", 44.661),
    WeightSource("resnet34", "ResNet-34", _V1, "resnet34-b627a593.pth", 83.275),
    WeightSource("resnet50", "ResNet-50", _V2, "resnet50-11ad3fa6.pth", 97.79),
    WeightSource("resnet101", "ResNet-101", _V2, "resnet101-cd907fc2.pth", 170.53),
    WeightSource("googlenet", "GoogLeNet", _V1, "googlenet-1378be20.pth", 49.731),
    WeightSource("inception_v3", "Inception v3", _V1, "inception_v3_google-0cc3c7bd.pth", 103.903),
    WeightSource("mobilenet_v3_large", "MobileNetV3-Large", _V2, "mobilenet_v3_large-5c1a4163.pth", 21.107),
    WeightSource("mobilenet_v3_small", "MobileNetV3-Small", _V1, "mobilenet_v3_small-047dcff4.pth", 9.829),
)
_BY_MODEL: Final = {each.model: each for each in SOURCES}
_BORROWED: Final = {"fcn_vgg16": "vgg16"}  # the same weights in another shape


def weight_source(arch: str, *, batchnorm: bool) -> WeightSource | None:
    """Return the weights to download for an architecture; None if torchvision has none.

    Args:
        arch: The value of `model.arch`.
        batchnorm: Whether the network has BatchNorm; chooses between the two kinds of VGG. Of the other architectures
            there is one kind, whose BatchNorm can be folded into the convolutions.
    """
    model = _BORROWED.get(arch, arch)
    return (_BY_MODEL.get(f"{model}_bn") if batchnorm else None) or _BY_MODEL.get(model)


def cache_folder() -> Path:
    """Return the folder in which torch keeps downloaded weights, as `torch.hub` finds it."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", caches / "torch")).expanduser() / "hub" / "checkpoints"


def available(source: WeightSource, *, folder: Path | None = None) -> Path | None:
    """Return the complete file if it is on this computer; a look at its size decides, so no time is lost.

    Args:
        source: The weights.
        folder: Where to look; torch's cache unless given.
    """
    path = _path(source, folder)
    return path if has_size(path, source.size, within=_ROUNDING) else None


def begun(source: WeightSource, *, folder: Path | None = None) -> int:
    """Return how many bytes of an incomplete download are there, to go on from."""
    return size_of(part_path(_path(source, folder)))


def obtain(
    source: WeightSource,
    *,
    report: Callable[[int, int | None], None],
    cancelled: Callable[[], bool],
    folder: Path | None = None,
) -> Path:
    """Return the file, downloaded if it is not on this computer yet.

    Args:
        source: The weights.
        report: As `download.fetch` calls it: bytes that are there, bytes in all. Not called for a file that is there.
        cancelled: As `download.fetch` calls it.
        folder: Where to keep it; torch's cache unless given.

    Raises:
        InputError: The file cannot be had; `download.fetch` says why.
        StopRun: Cancelled.
    """
    from cnnstudio.models.download import fetch  # needs the network's modules, which the window's start does not

    return fetch(
        source.url,
        _path(source, folder),
        sha256_prefix=source.sha256_prefix,
        report=report,
        cancelled=cancelled,
        size=source.size,
        within=_ROUNDING,
    )


def _path(source: WeightSource, folder: Path | None) -> Path:
    return (cache_folder() if folder is None else folder) / source.filename
