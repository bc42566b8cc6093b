"""A training step taken stage by stage, on the real run: forward, loss, backward, update, and what each computes."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
from torch import Tensor, nn

from cnnstudio.core.control import Control
from cnnstudio.core.pictures import STAGES, Stage, StepStage
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import Losses
from cnnstudio.engine.micro_batches import Part
from cnnstudio.engine.mixing import Mixture
from cnnstudio.engine.recording import Recording
from cnnstudio.engine.step_rows import change_rows, copy_of, loss_rows, plain_row, targets
from cnnstudio.engine.tensor_rows import Row, of_first_image
from cnnstudio.models.network import Network

_FIRST_LOOKS: Final = {"forward": "a(l+", "loss": "probabilities", "backward": "∂L/∂a(l+", "update": " change"}


class Stages:
    """The stages of a step that nobody steps through: all of this does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, inputs: Tensor, parts: Sequence[Part]) -> None:
        """Note what goes through the network now, and in which parts; again where it did not fit into memory."""

    def forward(self) -> None:
        """Note that (the first part of) the batch has gone through the network."""

    def loss(self, found: Losses, labels: Tensor, mixture: Mixture | None, *, rows: slice, smoothing: float) -> None:
        """Note what was compared.

        Args:
            found: Of (the first part of) the batch.
            labels: (B,), of the whole batch.
            mixture: How the whole batch was mixed.
            rows: Which of its images were answered.
            smoothing: Of the labels.
        """

    def backward(self) -> None:
        """Note that all gradients are there."""

    def update(self) -> None:
        """Note that the weights have changed."""


UNSTEPPED: Final = Stages()


class Stepping:
    """Lets somebody step through a run that is paused.

    Attributes:
        held: Seconds that the run has spent between two stages.
    """

    def __init__(self, control: Control, emit: Callable[[StepStage], None]) -> None:
        self.held = 0.0
        self._control = control
        self._emit = emit
        self._done: _Done | None = None
        self._shown = ""

    def at(self, module: nn.Module, learning: Learning, *, step: int) -> Stages:
        """Return the stages of a step; they go around forward pass, backward pass and update.

        Args:
            module: What learns, in training mode.
            learning: How.
            step: Number of the step, from 1.
        """
        self._done = None
        return _Stepped(self, module, learning, step) if self.goes_on else UNSTEPPED

    @property
    def goes_on(self) -> bool:
        """Whether another stage is to be taken."""
        return self._control.stepping

    def show(self) -> None:
        """Show the latest stage once more, if another of its tensors is wanted now."""
        wanted = self._control.watched.tensor
        if self._done is not None and wanted and wanted != self._shown:
            self._emit(self._done.picture(wanted))
            self._shown = wanted

    def taken(self, done: "_Done") -> None:
        """Show a stage and, within a step, hold behind it; behind the update the run holds at the step boundary."""
        self._done, self._shown = done, self._control.watched.tensor
        self._control.stage_taken()  # first: whoever sees the stage may ask for the next one
        self._emit(done.picture(self._shown))
        if done.stage != STAGES[-1]:
            began = time.monotonic()
            self._control.wait(while_paused=self.show)
            self.held += time.monotonic() - began


class _Stepped(Stages):
    """The stages of a step that somebody steps through; once the run goes on, it does nothing any more.

    Of a batch in parts the first one is followed; the gradients of the parameters are those of all.
    """

    def __init__(self, stepping: Stepping, module: nn.Module, learning: Learning, step: int) -> None:
        self._stepping = stepping
        self._module, self._learning, self._step = module, learning, step
        self._next: Stage | None = STAGES[0]
        self._recording: Recording | None = None
        self._input: tuple[Row, ...] = ()
        self._note, self._images = "", 0
        self._loss = self._right = math.nan
        self._rates = (math.nan, math.nan)
        self._before: dict[str, Tensor] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def begin(self, inputs: Tensor, parts: Sequence[Part]) -> None:
        """Record the pass of the first part."""
        if self._next is None:
            return
        self._close()
        self._next = STAGES[0]
        first, frozen = inputs[parts[0].rows], _frozen_before(self._module)
        kind = "features of the frozen part" if frozen else "images, normalised"
        self._images = len(first)
        self._note = " ".join(filter(None, (_frozen_words(frozen), _parts_words(parts, self._images, len(inputs)))))
        self._input = (plain_row("input", kind, first, of_first_image(first)),)
        self._recording = Recording(self._module)

    def forward(self) -> None:
        """Show what every layer has handed on."""
        if self._next == "forward" and self._recording is not None:
            scale = self._learning.scaler.get_scale()
            self._take((*self._input, *self._recording.end_forward(scale)))

    def loss(self, found: Losses, labels: Tensor, mixture: Mixture | None, *, rows: slice, smoothing: float) -> None:
        """Show logits, probabilities, targets and losses."""
        if self._next == "loss":
            logits = found.logits.detach().float()
            right = (labels if mixture is None else mixture.dominant(labels))[rows]
            self._loss = float(found.total.detach())
            self._right = float(logits.softmax(1).gather(1, right[:, None]).mean())
            self._take(loss_rows(found, targets(logits, labels, mixture, rows=rows, smoothing=smoothing)))

    def backward(self) -> None:
        """Show the gradients, and keep the weights as they are if the update is to be shown next."""
        if self._next == "backward" and self._recording is not None:
            self._take(self._recording.end_backward())
        if self._next == "update":
            rates = [float(group["lr"]) for group in self._learning.optimizer.param_groups]
            self._rates = min(rates), max(rates)
            self._before = {
                name: copy_of(each) for name, each in self._module.named_parameters() if each.grad is not None
            }

    def update(self) -> None:
        """Show the weights before and after."""
        if self._next == "update":
            self._take(
                row
                for name, before in self._before.items()
                for row in change_rows(name, before, self._module.get_parameter(name))
            )

    def _take(self, rows: Iterable[Row]) -> None:
        assert self._next is not None
        rows = tuple(rows)
        done = _Done(self._next, self._step, self._images, self._note, rows, self._loss, self._right, self._rates)
        self._stepping.taken(done)
        last = self._next == STAGES[-1]
        self._next = None if last or not self._stepping.goes_on else STAGES[STAGES.index(self._next) + 1]
        if self._next is None:
            self._close()

    def _close(self) -> None:
        """Let go of hooks and copies."""
        if self._recording is not None:
            self._recording.close()
        self._recording = None
        self._before = {}


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    """A stage that was taken; the attributes are those of `StepStage`."""

    stage: Stage
    step: int
    images: int
    note: str
    rows: tuple[Row, ...]
    loss: float
    right: float
    rates: tuple[float, float]

    def picture(self, wanted: str) -> StepStage:
        """Return it with the tensor of a name drawn or, where it has none of it, with a related or a telling one."""
        rows = self.rows
        chosen = self._chosen(wanted)
        drawn = chosen.drawn
        return StepStage(
            stage=self.stage,
            step=self.step,
            images=self.images,
            note=self.note,
            names=tuple(row.name for row in rows),
            titles=tuple(row.title for row in rows),
            kinds=tuple(row.kind for row in rows),
            blocks=tuple(row.block for row in rows),
            formulas=tuple(row.formula for row in rows),
            shapes=tuple(row.shape for row in rows),
            figures=np.stack([row.figures for row in rows]),
            loss=self.loss,
            right=self.right,
            rates=self.rates,
            tensor=chosen.name,
            part=drawn.part,
            tiles=drawn.tiles,
            values=drawn.values,
            low=drawn.low,
            high=drawn.high,
            histogram=drawn.histogram,
            span=drawn.span,
        )

    def _chosen(self, wanted: str) -> Row:
        same = [row for row in self.rows if row.name == wanted]
        layer = wanted.partition(":")[0].removesuffix(" before").removesuffix(" after").removesuffix(" change")
        akin = [row for row in self.rows if wanted and row.name.startswith((f"{layer}.", f"{layer} "))]
        akin += [row for row in self.rows if wanted and row.name == layer.rpartition(".")[0]]
        changed = [row for row in akin if row.name.endswith(" change")]
        look = _FIRST_LOOKS[self.stage]
        telling = [row for row in self.rows if row.title.startswith(look) or row.name.endswith(look)]
        return next(iter((*same, *changed, *akin, *telling, *self.rows)))


def _frozen_before(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the frozen stages that are left out, as their features are known."""
    if not isinstance(module, Network):
        return ()
    frozen = [each for each in module.stages if each.name in module.frozen_stages]
    return tuple(
        stage.name
        for stage in frozen
        if all(isinstance(module.get_submodule(path), nn.Identity) for path in stage.modules if path not in module.aux)
    )


def _frozen_words(stages: tuple[str, ...]) -> str:
    if not stages:
        return ""
    which = stages[0] if len(stages) == 1 else f"{stages[0]} to {stages[-1]}"
    return f"The forward pass begins with the features of what is frozen ({which}), which were computed once."


def _parts_words(parts: Sequence[Part], images: int, batch: int) -> str:
    if len(parts) == 1:
        return ""
    return (
        f"The device has no memory for the whole batch: it goes through in {len(parts)} parts, of which you see the "
        f"first ({images} of {batch} images); the gradients of the parameters are the sum over all."
    )
