"""How a batch goes through a network, forward and backward, whole or in the parts that the device has memory for."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config
from cnnstudio.core.events import Warned
from cnnstudio.engine.device import Compute
from cnnstudio.engine.dist import Share
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import Losses, first, joined, losses
from cnnstudio.engine.micro_batches import MicroBatches, Part, fewest_images
from cnnstudio.engine.mixing import Mixture
from cnnstudio.engine.stepping import UNSTEPPED, Stages


class Passes:
    """The passes of a run through its network."""

    def __init__(self, config: Config, tell: Callable[[Warned], None], portion: int) -> None:
        """Make them.

        Args:
            config: Of the run.
            tell: Hears where batches are divided.
            portion: Images to learn from at once, at most, as was found out before; 0 for whole batches.
        """
        self._config = config
        self._fewest = 1
        self._module: nn.Module
        self._compute: Compute
        self._learnt = MicroBatches(tell, portion)
        self._answered = MicroBatches(tell)  # without gradients, larger parts fit

    @property
    def portion(self) -> int:
        """Images that are learnt from at once, at most; 0 while whole batches fit."""
        return self._learnt.portion

    def begin(self, module: nn.Module, compute: Compute) -> None:
        """Choose what learns.

        Args:
            module: In training mode.
            compute: Where it is and in what arithmetic.
        """
        self._module, self._compute = module, compute
        self._fewest = fewest_images(module)

    def learn(
        self,
        learning: Learning,
        inputs: Tensor,
        labels: Tensor,
        mixture: Mixture | None,
        *,
        share: Share,
        step: int,
        stages: Stages = UNSTEPPED,
    ) -> Losses:
        """Find the gradients of a batch, or of what this process does of it.

        Those of its parts add up to the same, but where BatchNorm learns, which sees the statistics of a part only.
        Where many processes go in step, none divides its share: the others would wait in vain.

        Args:
            learning: Gets the gradients in place of those before.
            inputs: (B, ...), as they are mixed.
            labels: (B,) of what they were before.
            mixture: How they are mixed.
            share: Which of them count, and how much.
            step: Counted from 1.
            stages: Told of each stage, behind which it may hold.

        Raises:
            TooLittleMemoryError: There is no memory even for the smallest parts.
        """
        gradients = partial(self._gradients, learning, inputs, labels, mixture, share, stages)
        when = f"from step {step:,} on"
        fewest = self._fewest if share.whole else len(labels)
        return self._learnt.compute(gradients, len(labels), when=when, fewest=fewest, undo=learning.forget)

    def answer(self, module: nn.Module, inputs: Tensor, *, step: int) -> Tensor:
        """Return the logits (B, classes) float32 of inputs (B, ...).

        Raises:
            TooLittleMemoryError: There is no memory even for one image.
        """
        answers = partial(self._answers, module, inputs)
        return self._answered.compute(answers, len(inputs), when=f"in validation from step {step:,} on")

    def _gradients(
        self,
        learning: Learning,
        inputs: Tensor,
        labels: Tensor,
        mixture: Mixture | None,
        mine: Share,
        stages: Stages,
        parts: Sequence[Part],
    ) -> Losses:
        learning.forget()
        stages.begin(inputs, parts)
        found = []
        for rows, share in parts:
            counting = rows if mine.whole else slice(max(1, mine.own))
            with self._compute.autocast():
                answer = self._module(inputs[rows])  # logits (rows, classes)
                answer = answer if mine.whole else first(answer, counting.stop)
                stages.forward()
                part = losses(answer, labels, self._config, mixture, counting)
            stages.loss(part, labels, mixture, rows=counting, smoothing=self._config.train.label_smoothing)
            weight = share * mine.weight
            learning.accumulate(part.total if weight == 1 else part.total * weight)
            found.append((part, share))
        stages.backward()
        return joined(found)

    @torch.no_grad()
    def _answers(self, module: nn.Module, inputs: Tensor, parts: Sequence[Part]) -> Tensor:
        with self._compute.autocast():
            return torch.cat([module(inputs[rows]) for rows, _ in parts]).float()
