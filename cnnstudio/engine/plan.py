"""A run that has not begun: what its configuration and its images make of it."""

from dataclasses import dataclass
from typing import Final

from torch import nn

from cnnstudio.core.config import Config
from cnnstudio.data.survey import ClassCount
from cnnstudio.engine.device import Compute
from cnnstudio.engine.schedule import TrainingPhase
from cnnstudio.models.flow import Flow
from cnnstudio.models.network import Network
from cnnstudio.models.registry import ArchCard

IMAGENET_CLASSES: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is known of a run before it reads an image.

    Attributes:
        config: Its settings.
        counts: The images of each class; empty while no folder is open.
        card: Its architecture.
        side: Side of its square input in pixels.
        minimum: The smallest side that the network can take.
        network: The network without its numbers, frozen as in the last phase, in which most of it learns.
        flow: What passes through it.
        phases: Its phases.
        compute: Where and how it computes; None where there is no such device.
    """

    config: Config
    counts: tuple[ClassCount, ...]
    card: ArchCard
    side: int
    minimum: int
    network: Network
    flow: Flow
    phases: tuple[TrainingPhase, ...]
    compute: Compute | None

    @property
    def train_images(self) -> int:
        """How many images it learns from; 0 while no folder is open."""
        return sum(each.train for each in self.counts)

    @property
    def images(self) -> int:
        """How many images it holds in memory."""
        return sum(each.train + each.val + each.test for each in self.counts)

    @property
    def classes(self) -> int:
        """How many logits there are; ImageNet's while no folder is open."""
        return len(self.counts) or IMAGENET_CLASSES

    @property
    def batch_size(self) -> int:
        """How many images its fullest batch has."""
        wanted = self.config.data.batch_size
        return min(wanted, self.train_images) if self.counts else wanted

    @property
    def parameters(self) -> int:
        """How many parameters learn."""
        return sum(each.numel() for each in self.network.parameters() if each.requires_grad)

    @property
    def normalises(self) -> bool:
        """Whether there is BatchNorm that goes by the images of a batch, as frozen BatchNorm does not."""
        norms = (each for each in self.network.modules() if isinstance(each, nn.BatchNorm2d))
        return any(each.weight.requires_grad for each in norms)

    @property
    def frozen_at_first(self) -> bool:
        """Whether some stages are frozen in the first phase."""
        last = self.phases[0].train_last
        return last is not None and last < len(self.network.stages)

    def leaves_one(self, batch_size: int) -> bool:
        """Whether batches of that size leave a last batch of one image, which the trainer does without."""
        return 1 < batch_size < self.train_images and self.train_images % batch_size == 1
