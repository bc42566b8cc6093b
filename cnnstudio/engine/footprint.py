"""How much memory a run needs, worked out layer by layer before anything is computed."""

from dataclasses import dataclass
from math import prod
from typing import Final

from torch import nn

from cnnstudio.core.config import Optimizer
from cnnstudio.engine.device import Compute
from cnnstudio.engine.schedule import FUSED
from cnnstudio.models.blocks import Scale
from cnnstudio.models.efficientnet_lite import SameConv2d
from cnnstudio.models.flow import Flow, Passage
from cnnstudio.models.network import Network

_FLOAT: Final = 4  # bytes of a weight, its gradient and what the optimizer keeps for it, whatever the precision
_SHORT: Final = 2  # bytes of an activation in bfloat16 and float16
_INDEX: Final = 8  # bytes with which max-pooling remembers where a maximum was
_STATES: Final[dict[Optimizer, int]] = {"adamw": 2, "sgd": 1}
_SCRATCH: Final = 2  # copies of the largest tensor that an optimizer makes in passing where it is not fused
_ORDERED: Final = 1  # copies of the largest tensor in the order that a convolution wants
_SAVING: Final = 2  # copies of all weights on their way to the disk: the tensors, and the bytes of the file

_IN_PLACE: Final = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid)
_DROPPING: Final = (nn.Dropout, nn.Dropout2d)
_KEEPING: Final = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, Scale)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that a run needs on its device.

    Attributes:
        lasting: Weights, gradients and what the optimizer keeps.
        copies: Of weights, in the shorter type or in another order, while there is a batch.
        image: For each image of a batch: itself, what the backward pass needs of each layer, and what lives shortly.
        between: What stepping and saving need while there is no batch.
        checkpoint: The copy that is written to the disk meanwhile, where it is on the same device.
    """

    lasting: int
    copies: int
    image: int
    between: int
    checkpoint: int

    def of(self, batch_size: int) -> int:
        """Return the bytes at the fullest moment with batches of that size."""
        return self.lasting + self.checkpoint + max(self.copies + batch_size * self.image, self.between)


def footprint(
    network: Network, *, image_size: int, optimizer: Optimizer, compute: Compute, flow: Flow | None = None
) -> Footprint:
    """Return what it takes to train a network as it is frozen now; nothing is computed on its weights.

    Args:
        network: On any device, the meta device included.
        image_size: Side of the square input in pixels, not less than the network needs.
        optimizer: As in the configuration.
        compute: Where and in which arithmetic.
        flow: What passes through it, if that is known.
    """
    on_cpu, short = compute.device.type == "cpu", compute.halves
    weights = sum(each.numel() for each in (*network.parameters(), *network.buffers()))
    learning = [each for each in network.parameters() if each.requires_grad]
    numbers = sum(each.numel() for each in learning)
    scratch = 0 if compute.device.type in FUSED else _SCRATCH
    largest = max((each.numel() for each in learning), default=0)
    kept = _Kept(network, _SHORT if short else _FLOAT, on_cpu=on_cpu)
    for passage in (flow or Flow(network)).layers(image_size):
        kept.take(passage)
    return Footprint(
        lasting=_FLOAT * (weights + (1 + _STATES[optimizer]) * numbers),
        copies=_FLOAT * _ORDERED * largest + _SHORT * short * sum(each.numel() for each in learning if each.ndim > 1),
        image=3 * image_size**2 * (_FLOAT + _SHORT * short) + kept.most,
        between=_FLOAT * max(scratch * largest, _SAVING * weights if on_cpu else 0),
        checkpoint=_FLOAT * (weights + _STATES[optimizer] * numbers) if on_cpu else 0,
    )


class _Kept:
    """Collects, from the image to the head, what the backward pass will need; it goes the other way and frees it.

    Attributes:
        most: Bytes for one image at the fullest moment.
    """

    def __init__(self, network: Network, size: int, *, on_cpu: bool) -> None:
        self.most = 0
        self._network = network
        self._size = size  # bytes of a number
        self._on_cpu = on_cpu
        self._made_by = {"": ""}  # the layer that made the tensor which a layer hands on; the image is made by none
        self._bytes = {"": 0}
        self._learning: set[str] = set()
        self._held = {""}
        self._alive = 0

    def take(self, passage: Passage) -> None:
        """Count a layer."""
        network, module, path = self._network, passage.module, passage.path
        head = path.partition(".")[0]
        if head in network.aux and head not in network.listening:
            return
        inputs = [self._made_by[each] for each in passage.inputs or ("",)]
        passes_on = isinstance(module, _IN_PLACE) or (isinstance(module, _DROPPING) and not self._drops(passage))
        self._made_by[path] = inputs[0] if passes_on else path
        self._bytes[path] = self._size * prod(passage.output.shape)
        learns = any(each.requires_grad for each in module.parameters(recurse=False))
        if learns or not self._learning.isdisjoint(passage.inputs):
            self._learning.add(path)
            self._hold(self._needed(passage, inputs))
        # What comes in and goes out: the values where nothing learns, their gradients otherwise.
        self.most = max(self.most, self._alive + self._bytes[path] + sum(self._bytes[each] for each in inputs))

    def _hold(self, tensors: dict[str, int]) -> None:
        self._alive += sum(size for tensor, size in tensors.items() if tensor not in self._held)
        self._held |= tensors.keys()

    def _needed(self, passage: Passage, inputs: list[str]) -> dict[str, int]:
        """Return what torch keeps of a layer that learns, or whose input does, until the backward pass."""
        module, path, output = passage.module, passage.path, self._bytes[passage.path]
        given = {each: self._bytes[each] for each in inputs}
        needed: dict[str, int] = {}
        match module:
            case nn.Conv2d() if isinstance(module, SameConv2d) or module.padding_mode != "zeros":
                needed = {f"{path}, padded": self._size * _padded(module, passage)}  # which is another tensor
            case nn.MaxPool2d():
                needed = given | {f"{path}, places": output // self._size * _INDEX}
            case nn.ReLU6() | nn.Hardswish() | nn.Hardsigmoid():
                needed = {f"{path}, input": output}  # a copy, as the layer works in place
            case nn.ReLU():
                needed = {self._made_by[path]: output}
            case nn.Dropout() if self._drops(passage):
                needed = {f"{path}, mask": output if self._on_cpu else output // self._size}
            case nn.AdaptiveAvgPool2d() if module.output_size == 1:
                pass  # a mean, of which only sizes are kept
            case _ if isinstance(module, _KEEPING):
                needed = given
        return needed

    def _drops(self, passage: Passage) -> bool:
        frozen = self._network.stage_of(passage.path).name in self._network.frozen_stages
        return not frozen and getattr(passage.module, "p", 0.0) > 0


def _padded(module: nn.Conv2d, passage: Passage) -> int:
    """Return how many numbers the input of a convolution has with its border, for one image."""
    sides = zip(passage.output.shape[2:], module.stride, module.kernel_size, strict=True)
    return module.in_channels * prod((count - 1) * stride + kernel for count, stride, kernel in sides)
