"""The base of all architectures: a network as a column of stages, of which the last ones learn."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
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


class Outputs(NamedTuple):
    """What a network with auxiliary heads answers while it learns.

    Attributes:
        logits: (N, classes).
        aux: Logits (N, classes) of the auxiliary heads that learn, by the paths of the heads.
    """

    logits: Tensor
    aux: Mapping[str, Tensor]


class Network(nn.Module):
    """A classifier from images (N, 3, H, W) to logits (N, classes), made of stages.

    Modules are registered in the order of computation, and every layer belongs to exactly one stage. In training mode
    a network with auxiliary heads returns `Outputs`.

    Attributes:
        model: The switches that it was built with.
        stages: From the input to the head.
        head: Path of the last Linear or Conv2d layer, which gives one logit (or one map) a class; in the last stage.
        aux: Path of the last layer of each auxiliary head, by the path of the head.
        listening: Auxiliary heads that answer in training mode: those that learn.
        notes: What is worth saying about a layer, by its path.
    """

    def __init__(
        self, model: ModelConfig, stages: tuple[Stage, ...], head: str, aux: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.stages = stages
        self.head = head
        self.aux: Mapping[str, str] = aux or {}
        self.listening = frozenset(self.aux)
        self.notes: dict[str, str] = {}
        self._frozen = 0
        self._still: frozenset[str] = frozenset()

    @property
    def frozen_stages(self) -> tuple[str, ...]:
        """Names of the stages that do not learn."""
        return tuple(stage.name for stage in self.stages[: self._frozen])

    def frozen_of(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those keys of its state dict whose tensors stay what they are while it is frozen as it is now."""
        paths = tuple(f"{path}." for stage in self.stages[: self._frozen] for path in stage.modules)
        return frozenset(key for key in keys if key.startswith(paths))

    @property
    def last_layers(self) -> tuple[str, ...]:
        """Paths of all layers that have one output for each class, the head's first."""
        return (self.head, *self.aux.values())

    @property
    def fully_convolutional(self) -> bool:
        """Whether it can answer with a map for each class (Long et al., 2015)."""
        return self.model.head == "convolutional"

    def heat_map(self, x: Tensor) -> Tensor:
        """Return one map a class (N, classes, h, w) of images (N, 3, H, W) of any size; their means are the logits.

        Raises:
            NotImplementedError: It is not fully convolutional.
        """
        raise NotImplementedError

    def stage_of(self, path: str) -> Stage:
        """Return the stage of a module or a parameter.

        Raises:
            StopIteration: The path is none of a stage's.
        """
        return next(each for each in self.stages if any(f"{path}.".startswith(f"{part}.") for part in each.modules))

    def freeze(self, train_last: int | None, *, still: Collection[str] = ()) -> tuple[str, ...]:
        """Let only the last stages learn.

        The parameters of the others get no gradient, and their modules stay in evaluation mode whatever `train()`
        says: BatchNorm neither uses nor updates the statistics of the batch (see pytorch#86590), Dropout passes on.

        Args:
            train_last: How many stages learn, counted from the head; None for all.
            still: Names of stages among them that no optimizer touches: their modules stay in evaluation mode as well.

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
        self._still = frozenset(still)
        for index, stage in enumerate(self.stages):
            for path in stage.modules:
                self.get_submodule(path).requires_grad_(index >= self._frozen)
        self.listening = frozenset(head for head in self.aux if self.stage_of(head).name not in self.frozen_stages)
        self.train(self.training)
        return self.frozen_stages

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which stages that do not learn stay in evaluation mode."""
        super().train(mode)
        for index, stage in enumerate(self.stages):
            if index < self._frozen or stage.name in self._still:
                for path in stage.modules:
                    self.get_submodule(path).eval()
        return self

    def listens_to(self, head: str) -> bool:
        """Whether the auxiliary head of this path is to answer now."""
        return self.training and head in self.listening
