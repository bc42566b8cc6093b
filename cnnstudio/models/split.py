"""A network in two parts at the boundary of what is frozen: the lower part never changes, the upper one learns."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cnnstudio.models.network import Network
from cnnstudio.models.surgery import norms_behind


class _ReachedError(Exception):
    """Carries what the last frozen layer gives out of the network's forward pass."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class Lower(nn.Module):
    """The frozen part: from images (N, 3, H, W) to the features that cross the boundary.

    BatchNorm is folded into the convolutions (exact in evaluation mode, up to rounding). The weights are copies; the
    network that it was taken from stays as it is. What lies above the boundary is not copied.

    Attributes:
        boundary: Path of the last layer.
    """

    def __init__(self, network: Network, boundary: str, *, folded: bool = True) -> None:
        super().__init__()
        self.boundary = boundary
        nothing = {id(network.get_submodule(path)): nn.Identity() for path in _above(network, boundary)}
        twin = copy.deepcopy(network, nothing).requires_grad_(False).eval()
        if folded:
            _fold(twin)
        twin.get_submodule(boundary).register_forward_hook(_reach)
        self._twin = twin.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of images (N, 3, H, W); what lies above the boundary is not computed."""
        try:
            self._twin(x)
        except _ReachedError as reached:
            return reached.features
        raise AssertionError(f"{self.boundary} was not reached")


@dataclass(frozen=True, slots=True)
class Parts:
    """Both parts of a network.

    Attributes:
        boundary: Path of the last layer of the lower part.
        upper: The network with nothing below the boundary; it shares its parameters and buffers with the network, so
            that what one learns the other knows.
    """

    boundary: str
    upper: Network


def split_network(network: Network) -> Parts | None:
    """Divide a network at the boundary between its frozen stages and those that learn.

    Pooling at the beginning of what learns has nothing to learn and belongs to the lower part: fewer features cross.

    Returns:
        Its parts; None if nothing is frozen.
    """
    frozen = [
        path
        for stage in network.stages[: len(network.frozen_stages)]
        for path in stage.modules
        if path not in network.aux
    ]
    if not frozen:
        return None
    first = network.stages[len(network.frozen_stages)].modules[0]
    if isinstance(network.get_submodule(first), nn.AdaptiveAvgPool2d):
        frozen.append(first)
    shared = {id(each): each for each in (*network.parameters(), *network.buffers())}
    nothing = {id(network.get_submodule(path)): nn.Identity() for path in frozen}  # copying them would take a while
    return Parts(frozen[-1], copy.deepcopy(network, shared | nothing))


def below(network: Network, boundary: str) -> list[str]:
    """Return the paths of the modules up to a boundary that `split_network` has found, itself included."""
    paths = _paths(network)
    return paths[: paths.index(boundary) + 1]


def _above(network: Network, boundary: str) -> list[str]:
    paths = _paths(network)
    return paths[paths.index(boundary) + 1 :] if boundary in paths else []


def _paths(network: Network) -> list[str]:
    """Return the paths of a network's modules in the order of computation."""
    return [path for stage in network.stages for path in stage.modules if path not in network.aux]


def _reach(_module: nn.Module, _inputs: object, output: Tensor) -> None:
    raise _ReachedError(output)


def _fold(network: Network) -> None:
    paths = {module: path for path, module in network.named_modules()}
    with torch.no_grad():
        for convolution, norm in norms_behind(network).items():
            assert isinstance(convolution, nn.Conv2d)
            network.set_submodule(paths[convolution], fuse_conv_bn_eval(convolution, norm))
            network.set_submodule(paths[norm], nn.Identity())
