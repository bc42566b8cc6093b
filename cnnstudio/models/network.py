"""The base of all architectures: a network as a column of stages, of which the last ones learn."""

from dataclasses import dataclass
from typing import Self

from torch import nn

from cnnstudio.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a network that is frozen or learns as a whole.

    Attributes:
        name: Short and unique, such as `layer1`.
        title: In words.
        modules: Paths of its modules in the order of computation.
    """

    name: str
    title: str
    modules: tuple[str, ...]


class Network(nn.Module):
    """A classifier from images (N, 3, H, W) to logits (N, classes), made of stages.

    Modules are registered in the order of computation, and every layer belongs to exactly one stage.

    Attributes:
        stages: From the input to the head.
        head: Path of the last Linear layer, which gives one logit a class; it lies in the last stage.
        notes: What is worth saying about a layer, by its path.
    """

    def __init__(self, stages: tuple[Stage, ...], head: str) -> None:
        super().__init__()
        self.stages = stages
        self.head = head
        self.notes: dict[str, str] = {}
        self._frozen = 0

    @property
    def frozen_stages(self) -> tuple[str, ...]:
        """Names of the stages that do not learn."""
        return tuple(stage.name for stage in self.stages[: self._frozen])

    def freeze(self, train_last: int | None) -> tuple[str, ...]:
        """Let only the last stages learn.

        The parameters of the others get no gradient, and their modules stay in evaluation mode whatever `train()`
        says: BatchNorm neither uses nor updates the statistics of the batch (see pytorch#86590), Dropout passes on.

        Args:
            train_last: How many stages learn, counted from the head; None for all.

        Returns:
            The names of the frozen stages.

        Raises:
            InputError: There are fewer stages than that.
        """
        count = len(self.stages)
        learning = count if train_last is None else train_last
        if not 1 <= learning <= count:
            raise InputError(
                f"{learning} stages cannot learn in a network of {count}",
                where="transfer.train_last",
                remedy=f"set it from 1 to {count}",
            )
        self._frozen = count - learning
        for index, stage in enumerate(self.stages):
            for path in stage.modules:
                self.get_submodule(path).requires_grad_(index >= self._frozen)
        self.train(self.training)
        return self.frozen_stages

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which frozen stages stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[: self._frozen]:
            for path in stage.modules:
                self.get_submodule(path).eval()
        return self
