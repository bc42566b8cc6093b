"""What one measured process is told to do, on its way there as JSON."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

Kind = Literal["ours", "tutorial", "recipe", "fastai", "timm", "limit", "probe"]
Mode = Literal["freeze", "finetune"]


@dataclass(frozen=True, slots=True)
class Task:
    """Train this network on those images in that way.

    Attributes:
        kind: Whose loop.
        tree: Folder with `train` and `val`, each with a folder a class; several for the probe.
        arch: Value of `model.arch`.
        mode: `freeze` learns the head only.
        weights: File of pretrained weights; empty for those in the package (EfficientNet-Lite0) or none (others).
        batch: Images in a step.
        image_size: Side of the network's input in pixels.
        epochs: How many.
        seed: Of initial weights, order and augmentation.
        warm_up: Steps that are not measured, at the start.
        watch: Whether all live views are watched at once.
        by_blocks: Whether the process waits between blocks for its turn.
    """

    kind: Kind
    tree: tuple[Path, ...]
    arch: str = "resnet18"
    mode: Mode = "finetune"
    weights: str = ""
    batch: int = 32
    image_size: int = 224
    epochs: int = 1
    seed: int = 0
    warm_up: int = 0
    watch: bool = False
    by_blocks: bool = False

    def but(self, **changes: Any) -> Self:
        """Return the task with some attributes changed."""
        return replace(self, **changes)

    def to_json(self) -> str:
        """Return the task as one line."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what `to_json` wrote."""
        fields = json.loads(line)
        return cls(**{**fields, "tree": tuple(Path(each) for each in fields["tree"])})

    def settings(self) -> tuple[str, ...]:
        """Return what differs from the program's defaults, as `key=value`."""
        pretrained = f"model.pretrained={self.weights}" if self.weights else "model.pretrained=false"
        return (
            f"model.arch={self.arch}",
            f"transfer.mode={self.mode}",
            *(() if self.arch == "efficientnet_lite0" else (pretrained,)),
            f"data.batch_size={self.batch}",
            f"data.image_size={self.image_size}",
            f"train.epochs={self.epochs}",
            f"train.seed={self.seed}",
        )
