"""Weights that do not depend on the switches, so that networks with other switches can be compared."""

from dataclasses import dataclass
from functools import partial
from zlib import crc32

import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.errors import InputError
from cnnstudio.models import registry
from cnnstudio.models.blocks import draw, keep_variance
from cnnstudio.models.create import weightless, with_weights
from cnnstudio.models.network import Network
from cnnstudio.models.places import places
from cnnstudio.models.weights import locate, wanted


@dataclass(frozen=True, slots=True, eq=False)
class SteadyWeights:
    """The weights of everything that has to do with feature maps; fully connected layers have none here.

    Attributes:
        state: Tensors by key, to be shared and not to be changed.
        words: What they are.
        random: Whether they were drawn.
        missing: Why they were, if others are wanted; a clause.
    """

    state: dict[str, Tensor]
    words: str
    random: bool
    missing: str = ""


def plain(model: ModelConfig) -> ModelConfig:
    """Return the switches with those at their default that neither name nor shape any weight.

    Raises:
        InputError: The architecture is unknown.
    """
    default = ModelConfig()
    update = {"padding": default.padding, "dropout2d": default.dropout2d, "aux": default.aux}
    return registry.resolved(model).model_copy(update=update)


def steady_weights(config: Config, classes: int) -> SteadyWeights:
    """Return the weights that a run would start from, or random ones while those are not on this machine.

    What is random depends on `train.seed` and on where a layer stands, not on what else there is in the network, nor
    on torch's current random state, which stays untouched.

    Args:
        config: The run; padding, Dropout2d and everything but `model`, `transfer` and `train.seed` are ignored.
        classes: Number of maps of a convolution that gives one for each class.

    Raises:
        InputError: The architecture, its switches and its weights do not go together.
    """
    registry.check(config)
    config = config.model_copy(update={"model": plain(config.model)})
    seed = config.train.seed
    file, missing = None, ""
    if wanted(config):
        try:
            file = locate(config)
        except InputError as error:
            missing = error.what
    if file is None:
        network, words = drawn(config.model, classes=classes, seed=seed), "random weights"
    else:
        shape, build = weightless(config.model), partial(drawn, seed=seed)
        network, report = with_weights(config, file.read(), file.words, shape=shape, build=build)
        words = report.source
    state = {key: tensor.detach() for key, tensor in network.state_dict().items() if not tensor.is_meta}
    return SteadyWeights(state | _last_layers(network, classes, seed), words, file is None, missing)


def drawn(model: ModelConfig, *, classes: int, seed: int) -> Network:
    """Build a network whose convolutions are drawn one by one; its fully connected layers stay on the meta device.

    Raises:
        InputError: The architecture is unknown or cannot do what a switch asks.
    """
    network = weightless(model, classes=classes)
    where = places(network)
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.to_empty(device="cpu", recurse=False)
            draw(module, _generator(seed, where[path].part, where[path].number))
        elif isinstance(module, nn.BatchNorm2d):
            module.to_empty(device="cpu", recurse=False).reset_parameters()
    if not network.model.batchnorm:
        blocks = [each for each in network.modules() if getattr(each, "add", None) is not None]
        keep_variance([each.last for each in blocks if isinstance(each.last, nn.Conv2d)])
    return network


def _last_layers(network: Network, classes: int, seed: int) -> dict[str, Tensor]:
    """Draw the convolutions that give one map a class, which every run begins anew."""
    state: dict[str, Tensor] = {}
    for path in network.last_layers:
        old = network.get_submodule(path)
        if isinstance(old, nn.Conv2d):
            assert old.kernel_size == (1, 1)
            with torch.device("meta"):
                new = nn.Conv2d(old.in_channels, classes, 1)
            new.to_empty(device="cpu")
            draw(new, _generator(seed, "last layer", 0))
            state |= {f"{path}.{key}": tensor.detach() for key, tensor in new.state_dict().items()}
    return state


def _generator(seed: int, part: str, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(crc32(f"{seed} {part} {number}".encode()))
