"""The average of the weights: by the formula, above what is frozen, and as what is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.events import EpochEnded, RunEnded
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.resume import read_checkpoint
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build
from cnnstudio.models.split import split_network
from tests.engine.resumed_runs import run

Configure = Callable[..., Config]


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build(ModelConfig(depth=2, width=4), classes=2)


def shake(network: Network) -> None:
    """Change all that learns, as a step does."""
    with torch.no_grad():
        for each in network.parameters():
            if each.requires_grad:
                each.add_(torch.randn_like(each))


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_it_follows_the_formula(network: Network, decay: float) -> None:
    average = Average(network, network, decay)
    weight = network.get_parameter(f"{network.head}.weight")
    expected = weight.detach().double().clone()
    for step in range(1, 40):
        shake(network)
        average.follow()
        present = min(decay, (1 + step) / (10 + step))
        expected = present * expected + (1 - present) * weight.detach().double()
    found = average.network.get_parameter(f"{network.head}.weight")
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    assert average.module is average.network


def test_the_network_is_left_alone_and_shares_its_statistics(network: Network) -> None:
    average = Average(network, network, 0.9)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    average.follow()
    assert all(torch.equal(each, network.state_dict()[name]) for name, each in before.items())
    network.train()
    network(torch.randn(4, 3, 16, 16))
    names = [name for name, _ in network.named_buffers()]
    assert names
    assert all(torch.equal(network.get_buffer(name), average.network.get_buffer(name)) for name in names)
    assert not torch.equal(network.get_buffer(names[0]), before[names[0]])
    assert not average.network.training
    assert all(each.requires_grad for each in network.parameters())


def test_what_is_frozen_is_not_copied(network: Network) -> None:
    network.freeze(1)
    parts = split_network(network)
    assert parts is not None
    average = Average(network, parts.upper, 0.9)
    own = {name: each.data_ptr() for name, each in network.named_parameters()}
    twins = {name: each.data_ptr() for name, each in average.network.named_parameters()}
    assert {name for name in own if own[name] != twins[name]} == {f"{network.head}.weight", f"{network.head}.bias"}
    assert list(average.state_dict()["weights"]) == [f"{network.head}.weight", f"{network.head}.bias"]
    shake(network)
    average.follow()
    images = torch.randn(2, 3, 16, 16)
    network.eval()
    features = torch.randn(2, 8, 1, 1)
    reached = average.network.get_parameter(f"{network.head}.weight")
    above = average.module.get_parameter(f"{network.head}.weight")
    assert above is reached
    expected = features.flatten(1) @ reached.T + average.network.get_parameter(f"{network.head}.bias")
    torch.testing.assert_close(average.module(features), expected)
    assert not torch.equal(average.network(images), network(images))


def test_without_a_decay_it_is_the_network_itself(network: Network) -> None:
    average = Average(network, network, 0)
    average.follow()
    assert average.network is average.module is network
    assert average.state_dict() == {"steps": 0, "weights": {}}


@pytest.mark.parametrize("mode", ["scratch", "freeze"])
def test_the_average_is_validated_and_kept(configure: Configure, tmp_path: Path, mode: str) -> None:
    config = configure(f"transfer.mode={mode}", "model.pretrained=false", "model.width=8", "train.epochs=3")
    plain = run(config, tmp_path / "plain")
    events = run(config.replace("train.ema", 0.95), tmp_path / "run")
    ended, epochs = events[-1], [event for event in events if isinstance(event, EpochEnded)]
    without = [event for event in plain if isinstance(event, EpochEnded)]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "finished"
    assert [each.train_loss for each in epochs] == [each.train_loss for each in without]
    assert [each.val_loss for each in epochs] != [each.val_loss for each in without]
    checkpoint, _ = read_checkpoint(tmp_path / "run")
    averaged = checkpoint.learning["average"]["weights"]
    assert checkpoint.learning["average"]["steps"] == 15
    kept = load_file(tmp_path / "run" / "model.safetensors")
    assert set(kept) == set(checkpoint.network)
    if ended.best_epoch == 3:
        assert all(torch.equal(kept[name], averaged.get(name, each)) for name, each in checkpoint.network.items())
    assert any(not torch.equal(averaged[name], checkpoint.network[name]) for name in averaged)


def test_the_checkpoint_goes_on_from_the_weights_and_not_their_average(configure: Configure, tmp_path: Path) -> None:
    config = configure("train.ema=0.9", "train.epochs=1")
    run(config, tmp_path / "whole")
    run(config.replace("train.ema", 0.0), tmp_path / "plain")
    with_average, without = (read_checkpoint(tmp_path / name)[0].network for name in ("whole", "plain"))
    assert all(torch.equal(each, without[name]) for name, each in with_average.items())
