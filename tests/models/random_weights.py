"""Networks with weights such as training leaves: every number random, every layer's output of about the size one."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build

_PRIME: Final = 1_000_003  # so that no two rows of a matrix are the same


def random_network(image_size: int, classes: int = 1000, **switches: Any) -> Network:
    """Build one of our networks with random weights and statistics, in evaluation mode."""
    with torch.device("meta"):
        network = build(ModelConfig(**switches), classes=classes)
    randomise(network, image_size, classes)
    return network


def bare(classes: int = 1000, **switches: Any) -> Network:
    """Build one of our networks without numbers, for a state dict to be assigned to, in evaluation mode."""
    with torch.device("meta"):
        return build(ModelConfig(**switches), classes=classes).eval()


def blank(classes: int = 3, **switches: Any) -> Network:
    """Build one of our networks with zeros for weights: quicker than random ones, and runs quicker than no numbers."""
    network = bare(classes, **switches).to_empty(device="cpu")
    for value in network.state_dict().values():
        value.zero_()
    return network


@torch.no_grad()
def randomise(network: nn.Module, image_size: int, classes: int = 1000) -> None:
    """Draw all weights and running statistics of a network on the meta device, and move it to the CPU.

    Weights alone would let the signal grow by a factor a layer. So BatchNorm first measures the statistics that it
    would have after training, and these are then changed at random; last layers are scaled so that logits are about 1.

    Args:
        network: Ours or torchvision's; left in evaluation mode.
        image_size: Side of an image that is large enough for it.
        classes: Number of logits.
    """
    network.to_empty(device="cpu").eval()
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    for layer in layers:
        _draw(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
        if layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.1)
    for norm in norms:
        norm.reset_running_stats()
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.1)
    images = torch.randn(2, 3, image_size, image_size)
    if norms:
        _measure(network, norms, images)
    last = [each for each in layers if len(each.weight) == classes]
    handles = [each.register_forward_hook(lambda layer, _i, output: layer.weight.div_(output.std())) for each in last]
    answers(network, images)
    for handle in handles:
        handle.remove()


def _draw(weight: Tensor, std: float) -> None:
    """Fill a tensor with normal numbers; a large one with the same million again and again, which is far quicker."""
    numbers = torch.randn(min(weight.numel(), _PRIME)) * std
    weight.copy_(numbers.repeat(-(-weight.numel() // len(numbers)))[: weight.numel()].view_as(weight))


def _measure(network: nn.Module, norms: list[nn.BatchNorm2d], images: Tensor) -> None:
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train().momentum = 1.0
    answers(network, images)
    for norm, momentum in zip(norms, momenta, strict=True):
        mean, var = norm.running_mean, norm.running_var
        assert mean is not None
        assert var is not None
        var.clamp_(min=var.mean() / 4)  # where maps have a pixel or two, the variance of some is next to nothing
        mean.add_(0.1 * torch.randn_like(mean) * var.sqrt())
        var.mul_(torch.empty_like(var).uniform_(0.5, 1.5))
        norm.eval().momentum = momentum


def answers(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Return the logits of the head and then of the auxiliary heads, from the first to the last.

    Only the network itself is told that it is in training, which lets auxiliary heads answer; layers stay as they are.
    """
    network.training = True
    answer = network(images)
    network.training = False
    if isinstance(answer, Tensor):
        return (answer,)
    first, *rest = answer  # ours holds a mapping of heads; torchvision's has one field a head, the last head first
    return (first, *rest[0].values()) if isinstance(network, Network) else (first, *reversed(rest))
