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


@pytest.mark.parametrize("plain", [PlainSGD, PlainAdamW])
def test_hooks_are_called_around_each_step_and_no_profiler_is(
    plain: Callable[..., Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = nn.Parameter(torch.ones(3))
    optimizer = plain([weight], lr=0.5)
    seen: list[tuple[str, float]] = []

    def before(*_: object) -> None:
        seen.append(("before", weight[0].item()))

    def behind(*_: object) -> None:
        seen.append(("behind", weight[0].item()))

    handles = (optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(behind))
    weight.sum().backward()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(torch.autograd.profiler, "record_function", lambda name: pytest.fail(f"{name} was told"))
    optimizer.step()
    (first, one), (second, other) = seen
    assert (first, second) == ("before", "behind")
    assert one == 1 > other
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 2


def test_the_compiler_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
