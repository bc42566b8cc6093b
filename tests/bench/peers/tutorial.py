"""The loop that people copy: PyTorch's "Transfer Learning for Computer Vision Tutorial" (Sasank Chilamkurthy).

https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html, in both of its scenarios: fine-tuning the
whole network, and the network as fixed feature extractor. Kept: ImageFolder, the transforms of both phases, SGD with
momentum 0.9, StepLR(7, 0.1), float32, loss and hits read in every step, the best weights put into a file and loaded at
the end. Changed in its favour: batches of 32 instead of 4, with the learning rate 0.001 scaled by the same factor
(Goyal et al., 2017), and as many workers as this comparison gives everybody, 2.
"""

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from tests.bench.gate import Listener
from tests.bench.peers.networks import best_device, network, normalisation
from tests.bench.task import Task

_WORKERS: Final = 2
_LR_FOR_FOUR: Final = 0.001
_ENDLESS: Final = 10_000

Loaders = Mapping[str, "DataLoader[Any]"]


def run(task: Task, listener: Listener) -> None:
    """Train as the tutorial does, and tell the listener of every step and epoch."""
    warnings.filterwarnings("ignore", message="Palette images", module="PIL")
    sets = {part: datasets.ImageFolder(str(task.tree[0] / part), _transforms(task)[part]) for part in ("train", "val")}
    loaders: Loaders = {
        part: DataLoader(images, batch_size=task.batch, shuffle=True, num_workers=_WORKERS)
        for part, images in sets.items()
    }
    device = best_device()
    model, head = network(task, len(sets["train"].classes))
    if task.mode == "freeze":
        for parameter in model.parameters():
            parameter.requires_grad = False
        for parameter in head.parameters():
            parameter.requires_grad = True
    model = model.to(device)
    learning = head if task.mode == "freeze" else model
    optimizer = SGD(learning.parameters(), lr=_LR_FOR_FOUR * task.batch / 4, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=7, gamma=0.1)
    if task.warm_up and not task.by_blocks:
        _warm_up(model, loaders, task.warm_up, device)
        listener.warm()
    epochs = _ENDLESS if task.by_blocks else task.epochs
    train_model(model, loaders, optimizer, scheduler, epochs=epochs, device=device, listener=listener)


def train_model(
    model: nn.Module,
    loaders: Loaders,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    *,
    epochs: int,
    device: torch.device,
    listener: Listener,
) -> nn.Module:
    """Train and validate in turn; return the model with the weights of its best epoch."""
    criterion = nn.CrossEntropyLoss()
    with tempfile.TemporaryDirectory() as folder:
        best_path = Path(folder) / "best_model_params.pt"
        torch.save(model.state_dict(), best_path)
        best = 0.0
        for _ in range(epochs):
            accuracy = 0.0
            for part in ("train", "val"):
                model.train(part == "train")
                loss_sum, hits = 0.0, torch.tensor(0)
                for images, labels in loaders[part]:
                    inputs, targets = images.to(device), labels.to(device)  # (B, 3, S, S), (B,)
                    optimizer.zero_grad()
                    with torch.set_grad_enabled(part == "train"):
                        outputs = model(inputs)
                        _, predicted = torch.max(outputs, 1)
                        loss = criterion(outputs, targets)
                        if part == "train":
                            loss.backward()
                            optimizer.step()
                    loss_sum += loss.item() * inputs.size(0)
                    hits = hits + torch.sum(predicted == targets).cpu()
                    if part == "train":
                        listener.step(len(targets))
                if part == "train":
                    scheduler.step()
                accuracy = float(hits) / len(loaders[part].dataset)  # type: ignore[arg-type]
            if accuracy > best:
                best = accuracy
                torch.save(model.state_dict(), best_path)
            listener.epoch(val_accuracy=accuracy)
        model.load_state_dict(torch.load(best_path, weights_only=True))
    return model


def _transforms(task: Task) -> dict[str, transforms.Compose]:
    normalise = transforms.Normalize(*normalisation(task))
    side = task.image_size
    return {
        "train": transforms.Compose(
            [
                transforms.RandomResizedCrop(side),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                normalise,
            ]
        ),
        "val": transforms.Compose(
            [
                transforms.Resize(side * 256 // 224),
                transforms.CenterCrop(side),
                transforms.ToTensor(),
                normalise,
            ]
        ),
    }


def _warm_up(model: nn.Module, loaders: Loaders, batches: int, device: torch.device) -> None:
    """Bring files into memory and let torch choose its kernels; nothing is learnt."""
    criterion = nn.CrossEntropyLoss()
    for _, (images, labels) in zip(range(batches), loaders["train"], strict=False):
        criterion(model(images.to(device)), labels.to(device)).backward()
        model.zero_grad()
