import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event, Pulse, StepEnded
from cnnstudio.engine.losses import losses
from cnnstudio.engine.pulse import Gauge, Reading, _sample
from cnnstudio.engine.trainer import train
from cnnstudio.models import registry

Configure = Callable[..., Config]


def small() -> nn.Sequential:
    """Return a network whose second rectifier has three dead channels of four."""
    conv = nn.Conv2d(4, 4, 3)
    with torch.no_grad():
        assert conv.bias is not None
        conv.bias[1:] = -100.0
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), conv, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 2))


def measured(
    network: nn.Module, images: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer, *, parts: int = 1
) -> Reading:
    with Gauge().at(network, optimizer, batch=1, batches=1, every=1) as measurement:
        optimizer.zero_grad()
        for image, label in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            torch.autograd.backward(functional.cross_entropy(network(image), label) / parts)
        optimizer.step()
    return measurement.read()


@pytest.mark.parametrize("parts", [1, 3])
def test_a_pulse_is_what_autograd_says_by_hand(parts: int) -> None:
    network = small()
    images, labels = torch.randn(6, 3, 8, 8), torch.randint(0, 2, (6,))
    weights = [network.get_parameter(f"{index}.weight") for index in (0, 2, 5)]
    everything = list(network.parameters())
    gradients = torch.autograd.grad(functional.cross_entropy(network(images), labels), everything)
    before = [each.detach().clone() for each in weights]
    seen = nn.Sequential(*list(network)[:4])(images)

    reading = measured(network, images, labels, torch.optim.SGD(everything, lr=0.1), parts=parts)

    total = math.sqrt(sum(float((each**2).sum()) for each in gradients))
    assert reading.gradient_norm == pytest.approx(total, rel=1e-5)
    of = {id(each): gradient for each, gradient in zip(everything, gradients, strict=True)}
    assert [each.path for each in reading.layers] == ["0", "2", "5"]
    for told, weight, old in zip(reading.layers, weights, before, strict=True):
        gradient = float(of[id(weight)].norm())
        assert told.gradient == pytest.approx(gradient, rel=1e-4)
        assert told.weight == pytest.approx(float(old.norm()), rel=1e-4)
        assert told.update == pytest.approx(0.1 * gradient / float(old.norm()), rel=1e-3)
    assert [each.dead for each in reading.layers] == [0.0, 0.75, None]
    assert float((seen == 0).all(3).all(2).all(0).float().mean()) == 0.75


def test_nothing_is_left_in_network_and_optimizer() -> None:
    network = small()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    measured(network, torch.randn(2, 3, 8, 8), torch.tensor([0, 1]), optimizer)
    assert not any(each._forward_hooks for each in network.modules())
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_a_step_that_the_scaler_leaves_out_has_no_pulse() -> None:
    network = small()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    with Gauge().at(network, optimizer, batch=1, batches=1, every=1) as measurement:
        network(torch.randn(2, 3, 8, 8)).sum().backward()
    assert measurement.read() == Reading()
    assert list(Reading().pulse(step=1, epoch=0.5)) == []


def test_what_is_not_finite_is_not_told() -> None:
    network = small()
    reading = measured(
        network,
        torch.full((2, 3, 8, 8), math.nan),
        torch.tensor([0, 1]),
        torch.optim.SGD(network.parameters(), lr=0.1),
    )
    assert reading == Reading()


def test_layers_and_activations_that_do_not_learn_are_left_out() -> None:
    network = small()
    network[0].requires_grad_(False)
    network[:2].eval()
    optimizer = torch.optim.SGD(network[2:].parameters(), lr=0.1)
    reading = measured(network, torch.randn(2, 3, 8, 8), torch.tensor([0, 1]), optimizer)
    assert [each.path for each in reading.layers] == ["2", "5"]
    assert reading.layers[0].dead in {0.75, 1.0}


@pytest.mark.parametrize("channels_last", [False, True])
def test_of_a_large_layer_a_sample_stands_for_all(channels_last: bool) -> None:
    weight = torch.randn(256, 128, 3, 3) * torch.linspace(0.1, 3, 9).reshape(3, 3)
    if channels_last:
        weight = weight.to(memory_format=torch.channels_last)
    sample = _sample(weight)
    assert 2**15 < len(sample) <= 2**16
    assert float(sample.norm() ** 2 / len(sample)) == pytest.approx(
        float(weight.norm() ** 2 / weight.numel()), rel=0.03
    )
    assert _sample(weight[:8]).sort().values.tolist() == weight[:8].flatten().sort().values.tolist()


def test_auxiliary_heads_and_skip_connections_are_told_apart_by_their_paths() -> None:
    network = registry.build(ModelConfig(arch="googlenet", batchnorm=True), classes=2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    labels = torch.tensor([0, 1])
    with Gauge().at(network, optimizer, batch=1, batches=1, every=1) as measurement:
        losses(network(torch.randn(2, 3, 64, 64)), labels, Config()).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    paths = [each.path for each in measurement.read().layers]
    assert paths == [name for name, each in network.named_modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    assert {path.partition(".")[0] for path in paths} >= {"aux1", "aux2", "conv1", "inception5b", "fc"}


def test_pulses_are_few_and_affordable() -> None:
    network, optimizer = nn.Sequential(), torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)

    def taken(gauge: Gauge, batches: int, every: int) -> list[int]:
        steps = range(1, batches + 1)
        found = [gauge.at(network, optimizer, batch=step, batches=batches, every=every) for step in steps]
        return [step for step, each in zip(steps, found, strict=True) if each._module is not None]

    assert taken(Gauge(), 3, 1) == [1, 2, 3]
    assert taken(Gauge(), 25, 1) == [5, 10, 15, 20, 25]
    assert taken(Gauge(), 260, 11) == [55, 110, 165, 220]
    gauge = Gauge()
    gauge.spent(10.0)
    assert taken(gauge, 25, 1) == []


def test_measuring_changes_no_weight(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure("data.augment=true", "model.dropout2d=0.2", "model.width=8", "train.epochs=1")
    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setattr(Gauge, "spent", lambda *_: None)  # so that there is a pulse in each step
        train(config, events.append, Control(), out=tmp_path / "measured")
    with monkeypatch.context() as patch:
        blind = Gauge().at(nn.Sequential(), torch.optim.SGD([torch.zeros(1)], lr=1.0), batch=1, batches=9, every=9)
        patch.setattr(Gauge, "at", lambda *_, **__: blind)
        train(config, lambda _event: None, Control(), out=tmp_path / "blind")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("measured", "blind"))
    assert all(torch.equal(one[name], other[name]) for name in one)

    steps = [event for event in events if isinstance(event, StepEnded)]
    pulses = [event for event in events if isinstance(event, Pulse)]
    assert [each.step for each in pulses] == [1, 2, 3, 4, 5]
    assert {each.phase for each in steps} == {"all layers"}
    for step, pulse in zip(steps, pulses, strict=True):
        assert step.gradient_norm is not None
        assert 0 < math.hypot(*(each.gradient for each in pulse.layers)) <= step.gradient_norm * 1.001
        assert pulse.epoch == step.epoch
        assert all(0 < each.update < 1 for each in pulse.layers)
        assert all(0 <= each.dead <= 1 for each in pulse.layers if each.dead is not None)
    assert [each.path for each in pulses[0].layers][-1] == "classifier"
