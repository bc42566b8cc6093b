"""Optimizers that do not load the compiler take the very steps of torch's."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from cnnstudio.engine.optimizers import PlainAdamW, PlainSGD

PROGRAM = """
import sys
import torch
from cnnstudio.engine.optimizers import PlainAdamW, PlainSGD

for kind in (PlainSGD, PlainAdamW):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([weight], lr=0.1)
    optimizer.zero_grad()
    weight.sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def _stepped(kind: Callable[..., Optimizer], **settings: object) -> tuple[nn.Module, Optimizer]:
    torch.manual_seed(0)
    module = nn.Linear(5, 3)
    optimizer = kind(module.parameters(), lr=0.05, **settings)
    for batch in torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(1)):
        optimizer.zero_grad()
        module(batch).square().sum().backward()
        optimizer.step()
    return module, optimizer


@pytest.mark.parametrize(
    ("plain", "torchs", "settings"),
    [(PlainSGD, SGD, {"momentum": 0.9, "nesterov": True}), (PlainAdamW, AdamW, {"weight_decay": 0.1})],
)
def test_the_steps_are_torchs(
    plain: Callable[..., Optimizer], torchs: Callable[..., Optimizer], settings: dict[str, object]
) -> None:
    (module, optimizer), (expected, theirs) = _stepped(plain, **settings), _stepped(torchs, **settings)
    for mine, other in zip(module.parameters(), expected.parameters(), strict=True):
        assert torch.equal(mine, other)
    torch.testing.assert_close(optimizer.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    assert all(each.grad_fn is None for state in optimizer.state.values() for each in state.values())


def test_the_compiler_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
