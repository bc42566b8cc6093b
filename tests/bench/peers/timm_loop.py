"""Fine-tuning with timm, where it is installed, from the parts that its documentation names.

https://huggingface.co/docs/timm (Feature "training script", `timm.data`, `timm.optim`): `create_dataset`,
`create_loader` with the model's own data configuration and its usual augmentation, `create_optimizer_v2` with SGD.
"""

import importlib
from typing import Any, Final

import torch
from torch import nn

from tests.bench.gate import Listener
from tests.bench.peers.networks import best_device
from tests.bench.task import Task

_WORKERS: Final = 2
_ENDLESS: Final = 10_000


def run(task: Task, listener: Listener) -> None:
    """Train with timm's loader, network and optimizer."""
    timm: Any = importlib.import_module("timm")
    data: Any = importlib.import_module("timm.data")
    optim: Any = importlib.import_module("timm.optim")
    device = best_device()
    images = data.create_dataset("", root=str(task.tree[0]), split="train", is_training=True)
    classes = len(images.reader.class_to_idx)
    model: nn.Module = timm.create_model(task.arch, pretrained=False, num_classes=classes).to(device)
    if task.weights:
        state = torch.load(task.weights, weights_only=True)
        model.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")}, strict=False)
    settings = data.resolve_data_config({"img_size": task.image_size}, model=model)
    loader = data.create_loader(
        images,
        input_size=settings["input_size"],
        batch_size=task.batch,
        is_training=True,
        mean=settings["mean"],
        std=settings["std"],
        interpolation=settings["interpolation"],
        num_workers=_WORKERS,
        device=device,
        use_prefetcher=device.type != "cpu",
        pin_memory=device.type != "cpu",
    )
    optimizer = optim.create_optimizer_v2(model, opt="sgd", lr=0.05, weight_decay=2e-5, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    for _ in range(_ENDLESS if task.by_blocks else task.epochs):
        model.train()
        for inputs, labels in loader:
            loss = criterion(model(inputs.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            listener.step(len(labels))
        listener.epoch()
