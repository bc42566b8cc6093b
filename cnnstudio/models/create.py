"""From a configuration to the network that a run trains."""

from dataclasses import replace

import torch

from cnnstudio.core.config import Config
from cnnstudio.models import registry
from cnnstudio.models.network import Network
from cnnstudio.models.surgery import replace_head
from cnnstudio.models.weights import LoadReport, load_pretrained

_PRETRAINED_CLASSES = 1000


def create(config: Config, classes: int) -> tuple[Network, LoadReport | None]:
    """Build the network of a run on the CPU: pretrained weights, a new head, and the frozen stages.

    Random weights come from torch's current random state. With `freeze` and `freeze_then_finetune` all but the last
    `transfer.train_last` stages are frozen.

    Args:
        config: The run; data and training are ignored.
        classes: Number of logits.

    Returns:
        The network, and what became of the pretrained weights where there are any.

    Raises:
        InputError: The architecture, its switches, its weights or the number of stages do not fit together.
    """
    network = _build(config, classes)
    report = None
    if _pretrained(config):
        report = load_pretrained(network, config.model.arch)
        replace_head(network, classes)
        new = tuple(key for key in report.loaded if key.startswith(f"{network.head}."))
        report = replace(report, loaded=tuple(key for key in report.loaded if key not in new), skipped=new)
    _freeze(network, config)
    return network, report


def outline(config: Config, classes: int) -> Network:
    """Build the same network without its numbers, on the meta device: a few milliseconds, for summaries.

    Raises:
        InputError: As `create`.
    """
    with torch.device("meta"):
        network = _build(config, classes)
        if _pretrained(config):
            replace_head(network, classes)
    _freeze(network, config)
    return network


def _build(config: Config, classes: int) -> Network:
    registry.check(config)
    return registry.build(config.model, classes=_PRETRAINED_CLASSES if _pretrained(config) else classes)


def _pretrained(config: Config) -> bool:
    return config.model.pretrained and config.transfer.mode != "scratch"


def _freeze(network: Network, config: Config) -> None:
    frozen = config.transfer.mode in {"freeze", "freeze_then_finetune"}
    network.freeze(config.transfer.train_last if frozen else None)
