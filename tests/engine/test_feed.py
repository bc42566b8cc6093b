"""How many threads share the steps of a part that learns from features."""

import pytest
import torch
from torch import nn

from cnnstudio.engine.device import Compute
from cnnstudio.engine.feed import FeatureFeed

CPU = Compute(torch.device("cpu"), "a CPU", "float32", torch.contiguous_format)
MANY = 6


def convolutions(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(64, channels, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("module", "shape", "threads"),
    [
        (nn.Linear(1280, 6), (1280,), 1),
        (nn.Linear(4096, 4096), (4096,), MANY),
        (convolutions(64), (64, 7, 7), 1),  # 4,096 weights at 49 places in 32 images: 6 million multiplications
        (convolutions(64), (64, 28, 28), MANY),  # 103 million
    ],
)
def test_only_the_steps_of_a_small_head_are_left_to_one_thread(
    monkeypatch: pytest.MonkeyPatch, module: nn.Module, shape: tuple[int, ...], threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(MANY))
    rows = torch.zeros(1, 2, dtype=torch.int64)
    feed = FeatureFeed(module, torch.zeros(2, *shape).half(), rows, compute=CPU, batch=32, seed=0)
    assert feed.threads == threads
