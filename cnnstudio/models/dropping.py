"""Another probability of Dropout2d in a network that is there already, whether or not it was built with any."""

from typing import Final

import torch
from torch import nn

from cnnstudio.models import registry
from cnnstudio.models.network import Network

_SOME: Final = 0.5  # any but 0, with which an architecture is built without Dropout2d


def set_dropout2d(network: Network, p: float) -> None:
    """Let each Dropout2d drop a whole map with another probability; where there is none, put it where it belongs.

    Parameters, buffers and their keys stay as they are. An activation that becomes a pair with its Dropout2d keeps its
    path, and so does the pair.

    Args:
        network: The network, or its upper part (see `models.split`), of which what is cut off is left alone.
        p: The probability, from 0 to less than 1.
    """
    twin = _with_dropout2d(network)
    for path, module in twin.named_modules():
        if isinstance(module, nn.Dropout2d):
            parent, _, name = path.rpartition(".")
            _set(network, parent, name, twin.get_submodule(parent), p)


def drops(network: Network) -> bool:
    """Whether a stage that is not frozen has a place for Dropout2d."""
    twin = _with_dropout2d(network)
    paths = [path for path, module in twin.named_modules() if isinstance(module, nn.Dropout2d)]
    return any(twin.stage_of(path).name not in network.frozen_stages for path in paths)


def _with_dropout2d(network: Network) -> Network:
    with torch.device("meta"):
        return registry.build(network.model.model_copy(update={"dropout2d": _SOME}), classes=2)


def _set(network: Network, parent: str, name: str, model: nn.Module, p: float) -> None:
    """Set the child of that name of a module, or make it; `model` is how the module looks in a network that has it."""
    try:
        host = network.get_submodule(parent)
    except AttributeError:  # what was cut off
        return
    there = getattr(host, name, None)
    if isinstance(there, nn.Dropout2d):
        there.p = p
    elif type(host) is type(model):
        _insert(host, name, model, p)
    elif isinstance(model, nn.Sequential) and type(host) is type(model[0]):
        network.set_submodule(parent, nn.Sequential(host, nn.Dropout2d(p)).train(host.training))


def _insert(host: nn.Module, name: str, model: nn.Module, p: float) -> None:
    """Put a child where it is in `model`: modules are registered in the order of computation."""
    names = [each for each, _ in model.named_children()]
    behind = {each: child for each, child in host.named_children() if each in names[names.index(name) + 1 :]}
    for each in behind:
        delattr(host, each)
    setattr(host, name, nn.Dropout2d(p).train(host.training))
    for each, child in behind.items():
        setattr(host, each, child)
