"""Settings that have to go with an architecture, changed together with it."""

from typing import Final

from cnnstudio.core.config import Config
from cnnstudio.models.registry import ArchCard

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
    "model.pretrained": "Pretrained",
    "transfer.mode": "Transfer",
    "transfer.train_last": "Train last",
}


def with_architecture(config: Config, card: ArchCard) -> tuple[Config, str]:
    """Return the configuration with another architecture, changed further where it could not stand otherwise.

    Switches that the architecture refuses go back to their default. Pretrained weights are used where there are some,
    and transfer is off where there are none. One stage learns: the number of stages differs between architectures.

    Args:
        config: The settings so far.
        card: The architecture that is wanted.

    Returns:
        The settings, and one sentence for each that the user may not expect; empty if there are none.
    """
    changed = config.replace("model.arch", card.name).replace("transfer.train_last", 1)
    notes = []
    default = Config()
    for key in card.refuses:
        if value(changed, key) != value(default, key):
            changed = changed.replace(key, value(default, key))
            notes.append(f"{SWITCH_TITLES.get(key, key)} is back at its default: {card.title} allows no other.")
    if card.pretrained and config.transfer.mode == "scratch":
        changed = changed.replace("transfer.mode", "freeze").replace("model.pretrained", True)
        notes.append(f"Transfer is now {TRANSFER_TITLES['freeze']}: {card.title} starts from its pretrained weights.")
    elif not card.pretrained and config.transfer.mode != "scratch":
        changed = changed.replace("transfer.mode", "scratch")
        notes.append(f"Transfer is now {TRANSFER_TITLES['scratch']}: {card.title} has no pretrained weights.")
    return changed, " ".join(notes)


def value(config: Config, key: str) -> object:
    """Return the value of a key `section.name`."""
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)
