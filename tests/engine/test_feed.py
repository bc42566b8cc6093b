"""In what arithmetic a part learns from features, and how many threads share its steps."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from cnnstudio.engine.device import Compute, ResolvedPrecision
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


DEPTHWISE = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), convolutions(64))


@pytest.mark.parametrize(
    ("module", "shape", "wanted", "expected"),
    [
        (nn.Linear(1280, 6), (1280,), "bfloat16", "float32"),
        (nn.Linear(1280, 6), (1280,), "bfloat16_dense", "float32"),
        (nn.Linear(4096, 4096), (4096,), "bfloat16", "bfloat16"),
        (nn.Linear(4096, 4096), (4096,), "bfloat16_dense", "bfloat16"),
        (DEPTHWISE, (64, 28, 28), "bfloat16_dense", "bfloat16_dense"),
        (nn.Linear(4096, 4096), (4096,), "float16", "float16"),
    ],
)
def test_it_computes_in_what_is_fastest_and_no_less_exact(
    module: nn.Module, shape: tuple[int, ...], wanted: ResolvedPrecision, expected: ResolvedPrecision
) -> None:
    rows = torch.zeros(1, 2, dtype=torch.int64)
    compute = replace(CPU, precision=wanted)
    feed = FeatureFeed(module, torch.zeros(2, *shape).half(), rows, compute=compute, batch=32, seed=0)
    assert feed.compute == replace(compute, precision=expected)
