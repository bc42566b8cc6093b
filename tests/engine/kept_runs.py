"""Run folders with a history, made without training."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnstudio.core.config import Config
from cnnstudio.engine.history import History
from cnnstudio.models import registry
from cnnstudio.models.network import Network

SMALL = ("model.width=8", "model.depth=3", "data.image_size=32")


def state_of(network: nn.Module, epoch: int, *, best: int | None = None, batch: int = 0) -> dict[str, Any]:
    """Return what of a checkpoint after an epoch of ten steps matters to its history."""
    return {
        "epoch": epoch + 1,
        "batch": batch,
        "step": 10 * epoch,
        "best": None if best is None else {"epoch": best},
        "network": {key: each.detach().clone() for key, each in network.state_dict().items()},
        "average": {"weights": {}},
    }


@torch.no_grad()
def learn(network: nn.Module, part: str = "", seed: int = 0) -> None:
    """Change all that has a name which begins so, as if a step had been taken."""
    generator = torch.Generator().manual_seed(seed)
    for name, each in network.state_dict().items():
        if name.startswith(part) and each.is_floating_point():
            each.add_(0.1 * torch.randn(each.shape, generator=generator).abs())


def make_run(folder: Path, config: Config, *, epochs: int = 3, classes: tuple[str, ...] = ("ant", "bee")) -> Network:
    """Write a run folder whose network changes in each of some epochs; return that network as it was at last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    (folder / "classes.json").write_text(json.dumps(classes), encoding="utf-8")
    torch.manual_seed(0)
    network = registry.build(config.model, classes=len(classes))
    history = History(folder)
    for epoch in range(epochs + 1):
        if epoch:
            learn(network, seed=epoch)
        history.keep(state_of(network, epoch, best=max(1, epoch - 1)))
    assert history.trouble() is None
    return network
