"""The architectures by name: their cards, whether a configuration suits them, and the way to a network.

The window shows the cards before torch is loaded, so nothing here imports torch until a network is built.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.errors import InputError, did_you_mean
from cnnstudio.models.catalogue import CARDS, ArchCard, Preprocessing

if TYPE_CHECKING:
    from cnnstudio.models.network import Network

__all__ = ["ArchCard", "Preprocessing", "build", "card", "cards", "check", "resolved"]

_BY_NAME = {each.name: each for each in CARDS}


def cards() -> tuple[ArchCard, ...]:
    """Return the cards of all architectures, in the order in which they are offered."""
    return CARDS


def card(name: str) -> ArchCard:
    """Return the card of the architecture `name`.

    Raises:
        InputError: There is none; the nearest name is suggested.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        remedy = did_you_mean(name, _BY_NAME)
        raise InputError(f"unknown architecture {name}", where="model.arch", remedy=remedy) from None


def check(config: Config) -> None:
    """Check that the architecture exists, can do what the switches ask, and has the weights that are asked for.

    Raises:
        InputError: It does not, and the sentence says what to change.
    """
    arch = _check_switches(config.model)
    if config.transfer.mode != "scratch" and config.model.pretrained is True and not arch.pretrained:
        raise InputError(
            f"{arch.title} has no pretrained weights",
            where="transfer.mode",
            remedy="set transfer.mode=scratch, model.pretrained to a file of weights, or model.arch=efficientnet_lite0",
        )


def resolved(model: ModelConfig) -> ModelConfig:
    """Return the switches with every `auto` replaced by the architecture's own way.

    Raises:
        InputError: The architecture is unknown.
    """
    arch = card(model.arch)
    return model.model_copy(
        update={
            "batchnorm": arch.batchnorm if model.batchnorm == "auto" else model.batchnorm,
            "head": arch.heads[0] if model.head == "auto" else model.head,
        }
    )


def build(model: ModelConfig, *, classes: int) -> "Network":
    """Build the network with random weights, drawn from torch's current random state.

    Args:
        model: The architecture and its switches.
        classes: Number of logits.

    Raises:
        InputError: The architecture is unknown or cannot do what a switch asks.
    """
    module, _, function = _check_switches(model).builder.partition(":")
    network: Network = getattr(import_module(module), function)(resolved(model), classes)
    return network


def _check_switches(model: ModelConfig) -> ArchCard:
    arch = card(model.arch)
    defaults = ModelConfig()
    for key, reason in arch.refusals().items():
        name = key.removeprefix("model.")
        default, wanted = getattr(defaults, name), getattr(model, name)
        if wanted != default and not (name == "head" and wanted in arch.heads):
            raise InputError(
                f"{arch.title} refuses {key}={wanted}, because {reason}",
                where=key,
                remedy=f"set {key}={default}, or choose another architecture",
            )
    if model.head != "auto" and model.head not in arch.heads:
        raise InputError(
            f"{arch.title} cannot be built with model.head={model.head}",
            where="model.head",
            remedy=f"choose one of {', '.join(arch.heads)}",
        )
    return arch
