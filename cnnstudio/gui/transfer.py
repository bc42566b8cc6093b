"""What the column of stages shows of transfer learning, and what moving its boundary or a learning rate means."""

from typing import TYPE_CHECKING

from cnnstudio.core.config import Config
from cnnstudio.gui.widgets.stage_item import StageItem
from cnnstudio.models import registry

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import StageRow, Summary


def stage_items(summary: "Summary", config: Config) -> list[StageItem]:
    """Return the stages as the column shows them, with the learning rates that the configuration gives them."""
    from cnnstudio.engine.schedule import lr_multipliers

    transfer = config.transfer
    names = [stage.name for stage in summary.stages]
    by_hand = {name: value for name, value in transfer.lr_multipliers.items() if name in names}
    multipliers = lr_multipliers(names, transfer.lr_decay_resolved, by_hand)
    notes = {row.stage: row.note for row in summary.rows if row.note and not row.auxiliary}
    return [
        StageItem(
            stage.name,
            _title(stage),
            _side(stage),
            stage.frozen,
            multiplier=multipliers[stage.name],
            note=notes.get(stage.name, ""),
            by_hand=stage.name in by_hand,
        )
        for stage in summary.stages
    ]


def boundary_refusal(config: Config) -> str:
    """Return why no stage can be frozen; empty if some can."""
    card = registry.card(config.model.arch)
    if card.pretrained or isinstance(config.model.pretrained, str):
        return ""
    return f"{card.title} learns from scratch: without pretrained weights there is nothing worth freezing."


def with_boundary(config: Config, learning: int, stages: int) -> Config:
    """Return the configuration in which only the last stages learn.

    Where nothing was frozen before, freezing begins with the pretrained weights; where all stages learn, it ends.

    Args:
        config: The settings so far.
        learning: How many stages, counted from the head, are to learn.
        stages: How many there are.
    """
    if learning >= stages:
        mode = "finetune" if config.transfer.freezes else config.transfer.mode
        return config.replace("transfer.mode", mode)
    changed = config.replace("transfer.train_last", learning)
    if not config.transfer.freezes:
        changed = changed.replace("transfer.mode", "freeze")
        changed = changed.replace("model.pretrained", config.model.pretrained or True)
    return changed


def with_multiplier(config: Config, stage: str, multiplier: float | None) -> Config:
    """Return the configuration in which a stage has its own learning rate, or the automatic one again."""
    chosen = {name: value for name, value in config.transfer.lr_multipliers.items() if name != stage}
    return config.replace("transfer.lr_multipliers", chosen if multiplier is None else {**chosen, stage: multiplier})


def _title(stage: "StageRow") -> str:
    words = (stage.title,) if stage.name in stage.title.lower() else (stage.name, stage.title)
    return " · ".join(words)


def _side(stage: "StageRow") -> str:
    shape = stage.output_shape
    return f"{shape[-1]}²" if len(shape) == 3 else ""
