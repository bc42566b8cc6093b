"""Depthwise convolutions stay in float32 while all else computes in bfloat16: in training, in frozen parts, in eval."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Event, RunStarted
from cnnstudio.engine.depthwise import dense_autocast, has_depthwise
from cnnstudio.engine.device import Compute
from cnnstudio.engine.losses import losses
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.probes import FeatureMapProbe
from cnnstudio.engine.trainer import train
from cnnstudio.models.registry import build
from cnnstudio.models.split import Lower

DENSE = Compute(torch.device("cpu"), "a CPU", "bfloat16_dense", torch.channels_last)
DEPTHWISE = ("efficientnet_lite0", "mobilenet_v3_small")


@contextmanager
def watched(network: nn.Module) -> Iterator[dict[str, set[torch.dtype]]]:
    """Collect in which types the convolutions of a network answer: depthwise ones, and the others."""
    found: dict[str, set[torch.dtype]] = {"depthwise": set(), "dense": set()}

    def note(module: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        found["depthwise" if module.groups == module.in_channels > 1 else "dense"].add(output.dtype)

    hooks = [each.register_forward_hook(note) for each in network.modules() if isinstance(each, nn.Conv2d)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


SPLIT = {"depthwise": {torch.float32}, "dense": {torch.bfloat16}}


@pytest.mark.parametrize("arch", DEPTHWISE)
def test_in_training_and_in_evaluation(arch: str) -> None:
    network = build(ModelConfig(arch=arch), classes=3)
    keys = list(network.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with watched(network) as found, DENSE.autocast():
        losses(network.train()(images), torch.tensor([0, 1]), Config()).total.backward()  # type: ignore[no-untyped-call]
    assert found == SPLIT
    assert {each.grad.dtype for each in network.parameters() if each.grad is not None} == {torch.float32}
    assert all(each.grad is not None and each.grad.isfinite().all() for each in network.parameters())
    with watched(network) as found, torch.no_grad(), DENSE.autocast():
        network.eval()(images)
    assert found == SPLIT
    assert list(network.state_dict()) == keys


@pytest.mark.parametrize("arch", DEPTHWISE)
@pytest.mark.parametrize("folded", [True, False])
def test_in_the_frozen_part(arch: str, folded: bool) -> None:
    network = build(ModelConfig(arch=arch), classes=3)
    network.freeze(1)
    stage = network.stages[-2]
    lower = Lower(network, stage.modules[-1], folded=folded)
    DENSE.place(lower)
    with watched(lower) as found, torch.inference_mode(), DENSE.autocast():
        lower(torch.randn(2, 3, 64, 64))
    assert found == SPLIT


def test_in_the_maps_that_are_shown(tmp_path: Path) -> None:
    network = build(ModelConfig(arch="efficientnet_lite0"), classes=3)
    mean = torch.zeros(3, 1, 1)
    black = tmp_path / "black.png"
    Image.new("RGB", (64, 64)).save(black)
    probe = FeatureMapProbe(network, DENSE, PreviewImages(DENSE, mean, mean + 1, size=64, default=black))
    with watched(network) as found:
        probe.look(Watch("features.1"), 0)
    assert found == SPLIT


def test_the_gradient_of_a_depthwise_convolution_is_float32s_own() -> None:
    """What goes in is rounded to bfloat16 by the layer before; from there on nothing more is lost."""
    x = torch.randn(2, 8, 9, 9).bfloat16().requires_grad_()
    weight = torch.randn(8, 1, 3, 3, requires_grad=True)
    with dense_autocast("cpu"):
        answer = torch.conv2d(x, weight, None, 1, 1, 1, 8)
    assert answer.dtype == torch.float32
    expected_x = x.detach().float().requires_grad_()
    expected_weight = weight.detach().clone().requires_grad_()
    expected = torch.conv2d(expected_x, expected_weight, None, 1, 1, 1, 8)
    assert torch.equal(answer, expected)
    answer.square().sum().backward()  # type: ignore[no-untyped-call]
    expected.square().sum().backward()  # type: ignore[no-untyped-call]
    assert expected_x.grad is not None
    torch.testing.assert_close(weight.grad, expected_weight.grad, rtol=0, atol=0)
    torch.testing.assert_close(x.grad, expected_x.grad.bfloat16(), rtol=0, atol=0)


def test_a_single_map_is_not_depthwise() -> None:
    with dense_autocast("cpu"):
        assert torch.conv2d(torch.ones(1, 1, 8, 8), torch.ones(4, 1, 3, 3)).dtype == torch.bfloat16


def test_it_ends_with_the_context_also_after_an_error() -> None:
    x, weight = torch.ones(1, 4, 8, 8), torch.ones(4, 1, 3, 3)
    with pytest.raises(RuntimeError), dense_autocast("cpu"):
        torch.conv2d(x, weight, None, 1, 0, 1, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.conv2d(x, weight, None, 1, 0, 1, 4).dtype == torch.bfloat16
    assert torch.conv2d(x, weight, None, 1, 0, 1, 4).dtype == torch.float32


def test_without_depthwise_convolutions_it_is_autocast() -> None:
    network = build(ModelConfig(), classes=3).eval()
    assert not has_depthwise(network)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        with DENSE.autocast():
            dense = network(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(dense, copy.deepcopy(network)(images))


def test_a_run_trains_so(configure: Callable[..., Config], tmp_path: Path) -> None:
    events: list[Event] = []
    config = configure(
        *("model.arch=mobilenet_v3_small", "compute.precision=bfloat16_dense", "compute.device=cpu", "train.epochs=1")
    )
    ended = train(config, events.append, Control(), out=tmp_path / "run")
    assert (ended.reason, ended.message) == ("finished", "")
    (started,) = [each for each in events if isinstance(each, RunStarted)]
    assert (started.device, started.precision) == ("CPU · bf16, depthwise fp32", "bfloat16_dense")
