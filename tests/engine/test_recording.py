"""What is recorded of a pass is what a network without any in-place operation computes, value by value."""

import copy
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import ModelConfig
from cnnstudio.engine.layer_blocks import Block, blocks_of
from cnnstudio.engine.recording import Recording
from cnnstudio.engine.tensor_rows import Row, draw, keep
from cnnstudio.models import registry
from cnnstudio.models.blocks import Add
from cnnstudio.models.network import Network, Outputs

IMAGES, LABELS = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 0])


def network(arch: str, *, batchnorm: bool = True) -> Network:
    return copy.deepcopy(_network(arch, batchnorm))


@functools.cache
def _network(arch: str, batchnorm: bool) -> Network:
    torch.manual_seed(0)
    return registry.build(ModelConfig.model_validate({"arch": arch, "batchnorm": batchnorm}), classes=3).train()


def logits_of(answer: Tensor | Outputs) -> Tensor:
    return answer.logits if isinstance(answer, Outputs) else answer


def recorded(subject: Network, *, scale: float = 1.0) -> tuple[dict[str, Row], dict[str, Row]]:
    recording = Recording(subject)
    torch.manual_seed(2)
    logits = logits_of(subject(IMAGES))
    forward = recording.end_forward(scale)
    (functional.cross_entropy(logits, LABELS) * scale).backward()  # type: ignore[no-untyped-call]
    backward = recording.end_backward()
    recording.close()
    assert len({row.name for row in forward}) == len(forward)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.modules())
    return {row.name: row for row in forward}, {row.name: row for row in backward}


def truth(subject: Network) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return outputs and their gradients in a twin where nothing works in place."""
    twin = copy.deepcopy(subject)
    found: dict[str, Tensor] = {}
    for module in twin.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 - it is no parameter
    for path, module in twin.named_modules():

        def keep(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, path: str = path) -> None:
            found[path] = output
            if isinstance(_module, Add):
                found[f"{path}:branch"], found[f"{path}:shortcut"] = inputs

        if not isinstance(module, nn.Identity) and not list(module.children()):
            module.register_forward_hook(keep)
    torch.manual_seed(2)
    loss = functional.cross_entropy(logits_of(twin(IMAGES)), LABELS)
    gradients = torch.autograd.grad(loss, list(found.values()))
    return found, dict(zip(found, gradients, strict=True))


def five(values: Tensor) -> list[float]:
    return [
        float(values.min()),
        float(values.max()),
        float(values.mean()),
        float((values == 0).float().mean()),
        float(values.norm()),
    ]


def redrawn(row: Row) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the values that the tiles of a row stand for."""
    low, high = row.drawn.low, row.drawn.high
    tiles = row.drawn.tiles.astype(np.float64)
    return (tiles - 128) / 127 * high if low < 0 else tiles / 255 * high


@pytest.mark.parametrize(
    ("arch", "batchnorm"),
    [
        ("resnet18", True),
        ("resnet18", False),
        pytest.param("mobilenet_v3_small", True, marks=pytest.mark.slow),
        pytest.param("efficientnet_lite0", False, marks=pytest.mark.slow),
        pytest.param("resnet50", True, marks=pytest.mark.slow),
    ],
)
def test_outputs_and_gradients_are_those_of_a_network_without_anything_in_place(arch: str, batchnorm: bool) -> None:
    subject = network(arch, batchnorm=batchnorm)
    outputs, gradients = truth(subject)
    forward, backward = recorded(subject)
    assert forward.keys() == outputs.keys()
    for name, output in outputs.items():
        values = output.detach()
        assert forward[name].shape == tuple(values.shape)
        np.testing.assert_allclose(forward[name].figures, five(values), rtol=2e-4, atol=1e-5, err_msg=name)
        first, drawn = values[0].numpy(), forward[name].drawn
        if drawn.tiles.size:
            within = np.clip(first, drawn.low, drawn.high)
            step = drawn.high / (127 if drawn.low < 0 else 255)
            assert np.abs(redrawn(forward[name]) - within).max() <= 0.51 * step + 1e-6, name
            assert int(drawn.histogram.sum()) == first.size
        else:
            np.testing.assert_allclose(drawn.values, first.reshape(-1), rtol=1e-4, atol=1e-5)
    assert set(gradients) <= set(backward)
    for name, values in gradients.items():
        np.testing.assert_allclose(backward[name].figures[:3], five(values)[:3], rtol=1e-2, atol=2e-5, err_msg=name)
        np.testing.assert_allclose(backward[name].figures[4], five(values)[4], rtol=1e-2, err_msg=name)


def test_a_residual_block_reads_as_its_formula() -> None:
    forward, backward = recorded(network("resnet18"))
    block = [row for row in forward.values() if row.block == "layer1.0"]
    assert [row.title for row in block][-4:] == ["z(l+2)", "a(l)", "z(l+2) + a(l)", "a(l+2)"]
    assert [row.kind for row in block][-4:] == [
        "branch",
        "shortcut",
        "sum before the ReLU",
        "ReLU: σ(z(l+2) + a(l))",
    ]
    assert {row.formula for row in block} == {"a(l+2) = σ(z(l+2) + a(l))"}
    assert [row.title for row in block][:5] == ["conv1", "bn1", "act1", "conv2", "bn2"]
    branch, shortcut, total, output = block[-4:]
    assert branch.figures.tolist() == forward["layer1.0.bn2"].figures.tolist()
    assert shortcut.figures.tolist() == forward["maxpool"].figures.tolist()
    assert total.figures[2] == pytest.approx(branch.figures[2] + shortcut.figures[2], abs=1e-6)
    assert total.figures[0] < 0 == output.figures[0]
    assert output.figures[3] > 0.01 > total.figures[3]
    assert forward["layer2.0.add:shortcut"].title == "W a(l)"
    assert forward["layer2.0.add:shortcut"].figures.tolist() == forward["layer2.0.downsample.1"].figures.tolist()
    assert backward["layer1.0.add:shortcut"].title == "∂L/∂a(l)"
    assert backward["layer1.0.add"].title == "∂L/∂(z(l+2) + a(l))"
    assert backward["layer1.0.add:branch"].figures.tolist() == backward["layer1.0.add"].figures.tolist()
    # What comes through the branch is added to what comes through the shortcut.
    assert backward["layer1.0.add:shortcut"].figures[4] != backward["layer1.0.add"].figures[4]


def test_gradients_come_in_the_order_in_which_they_are_computed_with_those_of_the_parameters() -> None:
    subject = network("resnet18")
    forward, backward = recorded(subject)
    names = [name for name in backward if name in forward]
    assert names == list(forward)[::-1]
    listed = list(backward)
    assert listed[:3] == ["fc", "fc.weight", "fc.bias"]
    assert listed[-2:] == ["conv1", "conv1.weight"]
    for name, parameter in subject.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(backward[name].figures, five(parameter.grad), rtol=2e-4, atol=1e-6, err_msg=name)


def test_the_scale_of_float16_is_taken_back() -> None:
    _, once = recorded(network("resnet18"))
    _, scaled = recorded(network("resnet18"), scale=1024.0)
    for name in ("conv1", "conv1.weight", "fc.bias"):
        np.testing.assert_allclose(scaled[name].figures, once[name].figures, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("arch", ["resnet18", pytest.param("googlenet", marks=pytest.mark.slow)])
def test_recording_changes_no_bit(arch: str) -> None:
    plain, watched = network(arch), network(arch)
    torch.manual_seed(2)
    functional.cross_entropy(logits_of(plain(IMAGES)), LABELS).backward()  # type: ignore[no-untyped-call]
    recorded(watched)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or other.grad is None or torch.equal(one.grad, other.grad)


@pytest.mark.parametrize(
    ("arch", "path", "formula"),
    [
        ("resnet18", "layer2.0", "a(l+2) = σ(z(l+2) + W a(l))"),
        ("resnet50", "layer1.1", "a(l+3) = σ(z(l+3) + a(l))"),
        ("mobilenet_v3_small", "features.3", "a(l+3) = z(l+3) + a(l)"),
        ("googlenet", "inception3a", "the maps of its branches, one behind the other"),
    ],
)
def test_blocks_say_what_they_compute(arch: str, path: str, formula: str) -> None:
    blocks: dict[str, Block] = blocks_of(network(arch))
    assert blocks[path].formula == formula


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (lambda: torch.ones(4, 300, 200), (4, 100, 67), "all, means of 3 × 3 pixels"),
        (lambda: torch.ones(1000, 513), (1, 250, 257), "all, one row of 4 and one column of 2"),
        (lambda: torch.ones(9000), (3000,), "all, one value of 3"),
    ],
)
def test_what_is_large_is_made_smaller_and_it_is_said(
    make: Callable[[], Tensor], shape: tuple[int, ...], words: str
) -> None:
    drawn = draw(keep(make(), "all"))
    assert (drawn.tiles.shape if drawn.tiles.size else drawn.values.shape) == shape
    assert drawn.part == words


def test_few_extremes_do_not_darken_the_rest_and_nothing_breaks_a_picture() -> None:
    values = torch.linspace(-1, 1, 10_000).reshape(1, 100, 100)
    values[0, 0, 0] = -1000
    drawn = draw(keep(values, ""))
    assert drawn.high == pytest.approx(1, abs=1)
    assert (drawn.low, drawn.tiles[0, 0, 0]) == (-drawn.high, 1)
    broken = draw(keep(torch.tensor([[float("nan"), float("inf")], [0.0, 1.0]]), ""))
    assert np.isfinite(broken.high)
    assert draw(keep(torch.zeros(2, 4, 4), "")).high == 0.0
