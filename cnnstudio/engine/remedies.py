"""Changes of settings that several findings before a run suggest."""

from cnnstudio.core.config import Config
from cnnstudio.core.findings import Remedy
from cnnstudio.models import registry
from cnnstudio.models.registry import ArchCard

SCRATCH = Remedy("Learn from scratch", (("transfer.mode", "scratch"),))
ZEROS = Remedy("Pad with zeros", (("model.padding", "same"),))
IMAGENET = Remedy("Use the weights from ImageNet", (("model.pretrained", True),))
NO_HEADS = Remedy("Leave the auxiliary heads out", (("model.aux", 0.0),))
NO_BATCHNORM = Remedy("Turn BatchNorm off", (("model.batchnorm", False),))

_BUNDLED = "efficientnet_lite0"


def batches(size: int) -> Remedy:
    """Return smaller or larger batches."""
    return Remedy(f"Use batches of {size:,}", (("data.batch_size", size),))


def pixels(side: int, card: ArchCard) -> Remedy:
    """Return another image size, which stays `auto` where it is the architecture's own."""
    return Remedy(f"Use {side:,} pixels", (("data.image_size", "auto" if side == card.image_size else side),))


def freeze(config: Config) -> Remedy:
    """Return the same network with pretrained weights, of which only the last stage learns anew."""
    changes: tuple[tuple[str, object], ...] = (("transfer.mode", "freeze"), ("transfer.train_last", 1))
    weights = () if config.model.pretrained else (("model.pretrained", True),)
    return Remedy("Freeze all but the last stage", (*changes, *weights))


def bundled() -> Remedy:
    """Return the architecture whose weights come with the program, with all but its last stage frozen.

    Switches that it refuses go back to their default, as padding does: its weights were made with zeros.
    """
    card, default = registry.card(_BUNDLED), Config()
    refused = {key: getattr(default.model, key.removeprefix("model.")) for key in card.refusals()}
    changes = {
        "model.arch": card.name,
        "model.pretrained": True,
        "transfer.mode": "freeze",
        "transfer.train_last": 1,
        "transfer.lr_multipliers": {},
        "model.padding": default.model.padding,
        **refused,
    }
    return Remedy(f"Use {card.title}, frozen", tuple(changes.items()))
