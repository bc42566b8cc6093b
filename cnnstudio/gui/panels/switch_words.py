"""What the switches say of themselves: what they do, and why one of them cannot be turned."""

from typing import Final

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import SWITCH_TITLES, stands, value
from cnnstudio.gui.weights_view import WeightsView
from cnnstudio.models.registry import ArchCard

PADDINGS: Final = {
    "same": "Zeros around each map keep the output as large as the input.",
    "valid": "No padding: maps shrink and pixels at the edges count less.",
    "reflect": "The image mirrored at its edge fills the border, so that no artificial edge appears.",
    "replicate": "The outermost pixels are repeated outwards.",
    "circular": "The border is filled from the opposite edge, as if the image were a tile.",
}
HEAD_TITLES: Final = {
    "fully_connected": "Fully connected",
    "global_average": "Global average",
    "convolutional": "Convolutional",
}
HEADS: Final = {
    "fully_connected": "All pixels of all maps go into fully connected layers, which hold most of the weights.",
    "global_average": "The mean of each map goes into one layer: few weights, and any image size.",
    "convolutional": "The classifier as convolutions: a map of answers for each class, whose mean is the logit.",
}
TRANSFERS: Final = {
    "scratch": "All weights start at random and learn.",
    "freeze": "Only the last stages learn, the others keep their pretrained weights: fast, and good with few images.",
    "finetune": "All stages start from pretrained weights and learn.",
    "freeze_then_finetune": "The last stages learn first, then all: so the new head does not upset what is known.",
}
DROPOUT2D: Final = (
    "Drops whole feature maps while training; "
    "neighbouring pixels of a map are too alike for element-wise dropout to help."
)
BATCHNORM: Final = "γ (weight) and β (bias) rescale each normalised map; the convolution before it needs no bias."
FOLDED: Final = "Off with pretrained weights: γ, β and the statistics are folded into the convolutions, same answers."
AUX: Final = "Weight of the auxiliary heads' losses, which bring gradients to early stages; 0 leaves the heads out."
DEPTH: Final = "Stages, each of which halves the size."
WIDTH: Final = "Feature maps of the first stage; they double from stage to stage, up to eight times as many."
KERNEL: Final = "Side of the kernels: larger ones see further, but cost more and need more padding at the edges."
PRETRAINED: Final = (
    "Starts from weights that other images have taught; the last layer is new, one output for each class."
)
TRAIN_LAST: Final = (
    "How many stages, counted from the head, learn; the others keep their weights and their BatchNorm statistics."
)
LR_DECAY: Final = (
    "Learning rate of a stage as a share of the next one's, from the head to the input: "
    "early stages know edges and textures already."
)


def explanations(config: Config) -> dict[str, str]:
    """Return what each switch does as it stands, by its key."""
    folded = not config.model.batchnorm and config.transfer.mode != "scratch"
    return {
        "model.padding": PADDINGS[config.model.padding],
        "model.dropout2d": DROPOUT2D,
        "model.batchnorm": FOLDED if folded else BATCHNORM,
        "model.head": HEADS.get(config.model.head, "How maps become one number for each class."),
        "model.aux": AUX,
        "model.depth": DEPTH,
        "model.width": WIDTH,
        "model.kernel": KERNEL,
        "model.pretrained": PRETRAINED,
        "transfer.mode": TRANSFERS[config.transfer.mode],
        "transfer.train_last": TRAIN_LAST,
        "transfer.lr_decay": LR_DECAY,
    }


def refusals(config: Config, card: ArchCard) -> dict[str, str]:
    """Return why a control cannot be used, by its key; a control that stands wrong can always be put right."""
    default = Config()
    found = {
        key: f"{card.title} keeps {SWITCH_TITLES[key]} as it is: {reason}."
        for key, reason in card.refusals().items()
        if value(config, key) == value(default, key) or stands(card, key, value(config, key))
    }
    own_file = isinstance(config.model.pretrained, str)
    if not card.pretrained and not own_file:
        found["model.pretrained"] = f"There are no pretrained weights for {card.title}; it takes those of a file."
        if config.transfer.mode == "scratch":
            found["transfer.mode"] = f"{card.title} learns from scratch: only a file has weights to keep."
    elif config.transfer.mode == "scratch":
        found["model.pretrained"] = "From scratch starts at random: choose Freeze or Fine-tune to use the weights."
    return found


def weights_note(config: Config, weights: WeightsView) -> str:
    """Return in a few words which weights a run would start from."""
    if weights.place != "unused":
        return weights.name
    return "not from scratch" if config.transfer.mode == "scratch" else "random weights"


def starts_pretrained(config: Config, card: ArchCard) -> bool:
    """Whether a run would start from pretrained weights."""
    has_weights = bool(card.pretrained) or isinstance(config.model.pretrained, str)
    return has_weights and bool(config.model.pretrained) and config.transfer.mode != "scratch"
