"""What a fast form of a network has to offer, and the graph that such forms are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from cnnstudio.engine.device import Compute

Computation = Callable[[Tensor], Tensor]  # from images (B, 3, S, S) float32 on the device to features
HALVES: Final = frozenset({"bfloat16", "bfloat16_dense"})  # precisions in which the forms have been measured on AMX


@dataclass(frozen=True, slots=True)
class Expected:
    """What a form is thought to bring before it has been tried.

    Attributes:
        speed_up: Images a second, as a multiple of those of the folded network.
        warm_up: Seconds until it is ready.
    """

    speed_up: float
    warm_up: float


class Form(Protocol):
    """A way to run a network on batches of one size.

    Attributes:
        key: What its measurements are kept under.
        title: As what the network runs: `compiled`.
        verb: What is done for it: `Compiling`.
        repeat: Share of the first warm-up that later ones take, thanks to what is kept on disk.
    """

    key: str
    title: str
    verb: str
    repeat: float

    def obstacle(self, compute: Compute) -> str:
        """Return why it cannot be had here, as a clause; empty where it can. Takes no time."""

    def expected(self, compute: Compute) -> Expected:
        """Return what it brought elsewhere."""

    def build(self, module: nn.Module, images: Tensor, compute: Compute) -> tuple[Computation, Tensor]:
        """Make it; whatever it raises, the network runs without it.

        Args:
            module: In eval mode, on the device.
            images: A batch (B, 3, S, S) of the size to come.
            compute: Where and in which arithmetic it is to run.

        Returns:
            The form, ready to run, and what it answers to those images.
        """


def graph_of(module: nn.Module, images: Tensor) -> fx.GraphModule:
    """Return what a module does with a batch as one flat graph of tensor operations, with its weights as constants.

    Nothing is computed, and no Python of the module is left for a compiler to stumble over, such as the exception by
    which `Lower` ends. Casts of an autocast that is on become operations.
    """
    trace = make_fx(module, tracing_mode="fake", _allow_non_fake_inputs=True)  # the weights are no inputs
    graph: fx.GraphModule = trace(images)
    return graph
