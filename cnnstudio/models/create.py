"""From a configuration to the network that a run trains."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.models import registry
from cnnstudio.models.network import Network
from cnnstudio.models.surgery import fold_batchnorm, replace_head
from cnnstudio.models.weights import LoadReport, classes_of, has_batchnorm, load_state, locate, wanted

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
        network, report = _with_weights(config, file.read(), file.words)
        replace_head(network, classes)
        report = _without_last_layers(report, network)
    _freeze(network, config)
    return network, report


def outline(config: Config, classes: int) -> Network:
    """Build the same network without its numbers, on the meta device: a few milliseconds, for summaries.

    Raises:
        InputError: As `create`, but for what concerns the file of weights, which is not read.
    """
    registry.check(config)
    with torch.device("meta"):
        network = registry.build(config.model, classes=_PRETRAINED_CLASSES if wanted(config) else classes)
        if wanted(config):
            replace_head(network, classes)
    if isinstance(config.model.pretrained, str):
        network.notes = dict.fromkeys(network.notes, f"new, {classes} classes")
    _freeze(network, config)
    return network


def _with_weights(config: Config, state: Mapping[str, Tensor], words: str) -> tuple[Network, LoadReport]:
    with torch.device("meta"):
        shape = registry.build(config.model, classes=_PRETRAINED_CLASSES)
    classes = classes_of(state, shape) or _PRETRAINED_CLASSES
    network = registry.build(config.model, classes=classes)
    if network.model.batchnorm or not has_batchnorm(state):
        return network, load_state(network, state, words)
    source = registry.build(config.model.model_copy(update={"batchnorm": True}), classes=classes)
    report = load_state(source, state, f"{words}, BatchNorm folded into the convolutions")
    fold_batchnorm(source, network)
    return network, report


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
    frozen = config.transfer.mode in {"freeze", "freeze_then_finetune"}
    network.freeze(config.transfer.train_last if frozen else None)
