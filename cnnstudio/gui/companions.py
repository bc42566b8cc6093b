"""Settings that have to go with an architecture, changed together with it."""

from typing import Final

from cnnstudio.core.config import Config
from cnnstudio.models import registry
from cnnstudio.models.registry import ArchCard
from cnnstudio.models.weight_sources import available, weight_source

TRANSFER_TITLES: Final = {
    "scratch": "From scratch",
    "freeze": "Freeze",
    "finetune": "Fine-tune",
    "freeze_then_finetune": "Freeze, then fine-tune",
}
SWITCH_TITLES: Final = {
    "model.padding": "Padding",
    "model.dropout2d": "Dropout2d",
    "model.batchnorm": "BatchNorm2d",
    "model.head": "Head",
    "model.aux": "Auxiliary loss",
    "model.depth": "Stages",
    "model.width": "First maps",
    "model.kernel": "Kernel",
    "transfer.mode": "Transfer",
    "transfer.train_last": "Train last",
    "transfer.lr_decay": "Rate, stage to stage",
}


def with_architecture(config: Config, card: ArchCard) -> tuple[Config, str]:
    """Return the configuration with another architecture, changed further where it could not stand otherwise.

    Switches that the architecture refuses go back to their default. Transfer begins where the weights are on this
    computer, and is off where there are none. One stage learns: the number of stages differs between architectures, as
    their names do.

    Args:
        config: The settings so far.
        card: The architecture that is wanted.

    Returns:
        The settings, and one sentence for each that the user may not expect; empty if there are none.
    """
    changed = config.replace("model.arch", card.name).replace("transfer.train_last", 1)
    changed = changed.replace("transfer.lr_multipliers", {})
    notes = []
    default = Config()
    for key in card.refusals():
        if value(changed, key) != value(default, key) and not stands(card, key, value(changed, key)):
            changed = changed.replace(key, value(default, key))
            notes.append(f"{SWITCH_TITLES[key]} is back at its default: {card.title} allows no other.")
    if changed.model.head not in {"auto", *card.heads}:
        changed = changed.replace("model.head", "auto")
        notes.append(f"{SWITCH_TITLES['model.head']} is back at its default.")
    if isinstance(changed.model.pretrained, str):
        changed = changed.replace("model.pretrained", True)
        notes.append("The file of weights is set aside: it was chosen for another architecture.")
    if config.transfer.mode == "scratch" and here(changed, card):
        changed = changed.replace("transfer.mode", "freeze").replace("model.pretrained", True)
        notes.append(f"Transfer is now {TRANSFER_TITLES['freeze']}: {card.title} starts from its pretrained weights.")
    elif config.transfer.mode != "scratch" and not card.pretrained:
        changed = changed.replace("transfer.mode", "scratch")
        notes.append(f"Transfer is now {TRANSFER_TITLES['scratch']}: {card.title} has no pretrained weights.")
    return changed, " ".join(notes)


def here(config: Config, card: ArchCard) -> bool:
    """Whether the architecture's own pretrained weights are on this computer."""
    source = weight_source(card.name, batchnorm=bool(registry.resolved(config.model).batchnorm))
    return bool(card.pretrained) if source is None else available(source) is not None


def stands(card: ArchCard, key: str, wanted: object) -> bool:
    """Whether a value other than the default is the architecture's own all the same."""
    return key == "model.head" and wanted in card.heads


def value(config: Config, key: str) -> object:
    """Return the value of a key `section.name`."""
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)
