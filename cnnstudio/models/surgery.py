"""Changes to a network that has its weights already."""

import torch
from torch import nn

from cnnstudio.models.network import Network


def replace_head(network: Network, classes: int) -> None:
    """Put new, freshly initialised last layers on the network, on the device of the old ones.

    Args:
        network: Changed in place, its auxiliary heads too; its note on each last layer says `1000 → 6 classes`.
        classes: Number of logits from now on.
    """
    for path in network.last_layers:
        old = network.get_submodule(path)
        new: nn.Linear | nn.Conv2d
        assert isinstance(old, nn.Linear | nn.Conv2d)
        before, device, dtype = len(old.weight), old.weight.device, old.weight.dtype
        if isinstance(old, nn.Conv2d):
            assert old.kernel_size == (1, 1)
            new = nn.Conv2d(old.in_channels, classes, 1, device=device, dtype=dtype)
        else:
            new = nn.Linear(old.in_features, classes, device=device, dtype=dtype)
        network.set_submodule(path, new.train(old.training))
        network.notes[path] = f"{before} → {classes} classes"


def fold_batchnorm(source: Network, target: Network) -> None:
    """Give a network without BatchNorm the function that one with BatchNorm has in evaluation mode.

    A convolution and the BatchNorm behind it are one convolution with weight w·γ/√(σ²+ε) and bias β − μ·γ/√(σ²+ε).
    A layer on the meta device has no numbers to compute with; torch would load its compiler (seconds) to find out.

    Args:
        source: With BatchNorm2d behind convolutions.
        target: The same architecture without; its weights are replaced.
    """
    layers = [each for each in source.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    others = [each for each in target.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    norms = norms_behind(source)
    with torch.no_grad():
        for layer, other in zip(layers, others, strict=True):
            assert other.weight.shape == layer.weight.shape
            if other.weight.is_meta:
                continue
            weight = layer.weight.double()
            bias = torch.zeros(len(weight), dtype=torch.float64) if layer.bias is None else layer.bias.double()
            if layer in norms:
                norm = norms[layer]
                assert norm.running_mean is not None
                assert norm.running_var is not None
                factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
                weight = weight * factor.view(-1, 1, 1, 1)
                bias = norm.bias.double() + (bias - norm.running_mean.double()) * factor
            assert other.bias is not None
            other.weight.copy_(weight)
            other.bias.copy_(bias)


def norms_behind(network: Network) -> dict[nn.Module, nn.BatchNorm2d]:
    """Return the BatchNorm2d behind each convolution that has one: it is registered right after it."""
    norms: dict[nn.Module, nn.BatchNorm2d] = {}
    last: nn.Module | None = None
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            last = module
        elif isinstance(module, nn.BatchNorm2d):
            assert last is not None
            norms[last] = module
    return norms
