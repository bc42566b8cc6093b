"""The limit: the same network in the same arithmetic on one batch that lies on the device already; nothing is read."""

import os

from tests.bench.gate import Listener
from tests.bench.task import Task

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program itself does before torch loads

import torch

from cnnstudio.core.config import load_config
from cnnstudio.engine.allocator import kept_memory
from cnnstudio.engine.depthwise import has_depthwise
from cnnstudio.engine.device import arithmetic, resolve
from cnnstudio.engine.losses import losses
from cnnstudio.engine.schedule import make_optimizer, training_phases
from cnnstudio.models import registry
from cnnstudio.models.create import create


def run(task: Task, listener: Listener) -> None:
    """Forward, backward, step, again and again."""
    config = load_config(None, task.settings())
    classes = sum(1 for each in (task.tree[0] / "train").iterdir() if each.is_dir())
    phase = training_phases(config)[0]
    with kept_memory(), arithmetic(deterministic=False):
        network, _ = create(config, classes)
        compute = resolve(config.compute, depthwise=has_depthwise(network))
        compute.place(network)
        optimizer = make_optimizer(network, config, phase)
        scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "float16")
        means = registry.card(task.arch).preprocessing
        mean, std = (torch.tensor(each, device=compute.device).view(3, 1, 1) for each in (means.mean, means.std))
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(256, (task.batch, task.image_size, task.image_size, 3), generator=generator)
        batch = compute.images(pixels.to(torch.uint8), mean, std)  # (B, 3, S, S)
        labels = torch.randint(classes, (task.batch,), generator=generator).to(compute.device)
        network.train()
        while True:
            with compute.autocast():
                loss = losses(network(batch), labels, config).total
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
            listener.step(len(labels))
