"""From a configuration to the network that a run trains."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.models import registry
from cnnstudio.models.network import Network
from cnnstudio.models.surgery import fold_batchnorm, replace_head
from cnnstudio.models.weights import LoadReport, classes_of, has_all, has_batchnorm, load_state, locate, wanted

_PRETRAINED_CLASSES = 1000


def create(config: Config, classes: int) -> tuple[Network, LoadReport | None]:
    """Build the network of a run on the CPU: pretrained weights, new last layers, and the frozen stages.

    Random weights come from torch's current random state. With `freeze` and `freeze_then_finetune` all but the last
    `transfer.train_last` stages are frozen. Where BatchNorm is off and the weights come with it, it is folded into the
    convolutions: the network keeps its function.

    Args:
        config: The run; data and training are ignored.
        classes: Number of logits.

    Returns:
        The network, and what became of the pretrained weights where there are any.

    Raises:
        InputError: The architecture, its switches, its weights or the number of stages do not fit together, or the
            weights are not on this machine.
    """
    registry.check(config)
    if not wanted(config):
        network, report = registry.build(config.model, classes=classes), None
    else:
        file = locate(config)
        network, report = _pretrained(config, classes, file.read(), file.words)
    _freeze(network, config)
    return network, report


def rehearse(config: Config, classes: int) -> tuple[Network, LoadReport]:
    """Load pretrained weights as `create` does, but only their shapes, into a network on the meta device.

    Args:
        config: The run, which starts from pretrained weights; what is frozen is ignored.
        classes: Number of logits.

    Returns:
        The network without its numbers, and the report that `create` returns.

    Raises:
        InputError: As `create`.
    """
    registry.check(config)
    file = locate(config)
    state = file.shapes()
    with torch.device("meta"):
        network, report = _pretrained(config, classes, state, file.words)
    if classes_of(state, network) is None:  # the weights have another head
        network.notes = dict.fromkeys(network.notes, f"new, {classes} classes")
    return network, report


def outline(config: Config, classes: int) -> Network:
    """Build the same network without its numbers, on the meta device: a few milliseconds, for summaries.

    Raises:
        InputError: As `create`, but for what concerns the file of weights, which is not read.
    """
    registry.check(config)
    network = weightless(config.model, classes=_PRETRAINED_CLASSES if wanted(config) else classes)
    if wanted(config):
        replace_head(network, classes)
    if isinstance(config.model.pretrained, str):
        network.notes = dict.fromkeys(network.notes, f"new, {classes} classes")
    _freeze(network, config)
    return network


def _pretrained(config: Config, classes: int, state: Mapping[str, Tensor], words: str) -> tuple[Network, LoadReport]:
    shape = weightless(config.model)
    network, report = with_weights(config, state, words, shape=shape, build=partial(_undrawn, state, shape))
    replace_head(network, classes)
    return network, _without_last_layers(report, network)


def with_weights(
    config: Config, state: Mapping[str, Tensor], words: str, *, shape: Network, build: Callable[..., Network]
) -> tuple[Network, LoadReport]:
    """Build a network for the classes that its weights were made for, and load them.

    Args:
        config: The run.
        state: Tensors by key.
        words: What they are, for the report.
        shape: The network for any number of classes, on the meta device; `build` may make the network of it.
        build: Makes the network from `config.model` and `classes`, with weights for what the file does not have.

    Returns:
        The network with its old last layers, and what became of the weights.

    Raises:
        InputError: No tensor fits.
    """
    classes = classes_of(state, shape) or _PRETRAINED_CLASSES
    network = build(config.model, classes=classes)
    if network.model.batchnorm or not has_batchnorm(state):
        return network, load_state(network, state, words)
    source = build(config.model.model_copy(update={"batchnorm": True}), classes=classes)
    report = load_state(source, state, f"{words}, BatchNorm folded into the convolutions")
    fold_batchnorm(source, network)
    return network, report


def weightless(model: ModelConfig, *, classes: int = _PRETRAINED_CLASSES) -> Network:
    """Build a network on the meta device."""
    with torch.device("meta"):
        return registry.build(model, classes=classes)


def _undrawn(state: Mapping[str, Tensor], shape: Network, model: ModelConfig, *, classes: int) -> Network:
    """Build a network; where a file has all of its weights, none are drawn, which takes VGG-16 a second."""
    fits = shape.model == registry.resolved(model) and len(shape.get_parameter(f"{shape.head}.weight")) == classes
    network = shape if fits else weightless(model, classes=classes)
    if not has_all(state, network):
        return registry.build(model, classes=classes)
    room = {key: torch.empty(each.shape, dtype=each.dtype) for key, each in network.state_dict().items()}
    network.load_state_dict(room, assign=True)  # unlike to_empty, which takes half a second to load what it needs
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()  # older files do not count batches
    return network


def _without_last_layers(report: LoadReport, network: Network) -> LoadReport:
    def new(key: str) -> bool:
        return key.rpartition(".")[0] in network.last_layers

    skipped = tuple(key for key in report.loaded if new(key))
    return replace(
        report,
        loaded=tuple(key for key in report.loaded if not new(key)),
        missing=tuple(key for key in report.missing if not new(key)),
        skipped=tuple(dict.fromkeys((*skipped, *report.skipped))),
    )


def _freeze(network: Network, config: Config) -> None:
    network.freeze(config.transfer.train_last if config.transfer.freezes else None)
