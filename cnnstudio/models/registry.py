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

__all__ = ["ArchCard", "Preprocessing", "build", "card", "cards", "check"]

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
    if config.transfer.mode != "scratch" and config.model.pretrained and not arch.pretrained:
        with_weights = " or ".join(each.name for each in CARDS if each.pretrained)
        raise InputError(
            f"{arch.title} has no pretrained weights",
            where="transfer.mode",
            remedy=f"set transfer.mode=scratch, or model.arch={with_weights}",
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
    network: Network = getattr(import_module(module), function)(model, classes)
    return network


def _check_switches(model: ModelConfig) -> ArchCard:
    arch = card(model.arch)
    defaults = ModelConfig()
    for key, reason in arch.refuses.items():
        name = key.removeprefix("model.")
        default = getattr(defaults, name)
        if getattr(model, name) != default:
            raise InputError(
                f"{arch.title} refuses {key}={_toml(getattr(model, name))}, because {reason}",
                where=key,
                remedy=f"set {key}={_toml(default)}, or choose another architecture",
            )
    return arch


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
