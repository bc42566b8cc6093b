"""Fine-tuning with timm, where it is installed, from the parts that its documentation names.

https://huggingface.co/docs/timm (Feature "training script", `timm.data`, `timm.optim`): `create_dataset`,
`create_loader` with the model's own data configuration and its usual augmentation, `create_optimizer_v2` with SGD; the
loop is that of its `train.py` with `--channels-last --amp --amp-dtype bfloat16`. Left out, in its favour: reading the
loss in every step. A processor without instructions for bfloat16 would take many times as long with it than in float32,
so there it trains in float32.
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
    model: nn.Module = timm.create_model(task.arch, pretrained=False, num_classes=classes)
    if task.weights:
        state = torch.load(task.weights, weights_only=True)
        model.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")}, strict=False)
    model.to(device).to(memory_format=torch.channels_last)
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
            there = inputs.to(device).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(device)):
                loss = criterion(model(there), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            listener.step(len(labels))
        listener.epoch()


def in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return device.type != "cpu" or any(capabilities.get(each) for each in ("amx_bf16", "avx512_bf16", "sve_bf16"))
