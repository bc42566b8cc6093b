"""Dropout2d that comes later is where it would have been from the beginning."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models import registry
from cnnstudio.models.dropping import drops, set_dropout2d
from cnnstudio.models.network import Network
from cnnstudio.models.split import split_network

ALL = tuple(card.name for card in registry.cards())


def build(arch: str, p: float) -> Network:
    model = registry.resolved(ModelConfig(arch=arch)).model_copy(update={"dropout2d": p})
    return registry.build(model, classes=3)


def layers(network: nn.Module) -> list[tuple[str, str, float | None]]:
    return [
        (path, type(each).__name__, each.p if isinstance(each, nn.Dropout2d) else None)
        for path, each in network.named_modules()
    ]


@pytest.mark.parametrize("arch", ALL)
def test_a_network_becomes_the_one_that_was_built_with_it(arch: str) -> None:
    with torch.device("meta"):
        with_it, without = build(arch, 0.3), build(arch, 0.0)
    keys = list(without.state_dict())
    set_dropout2d(without, 0.3)
    assert layers(without) == layers(with_it)
    assert list(without.state_dict()) == keys
    set_dropout2d(without, 0.0)
    assert {p for _, _, p in layers(without) if p is not None} == {0.0}


@pytest.mark.parametrize("arch", ["compact", "resnet18", "mobilenet_v3_small"])
def test_it_drops_as_if_it_had_been_there(arch: str) -> None:
    torch.manual_seed(0)
    later = build(arch, 0.0)
    known = build(arch, 0.4)
    known.load_state_dict(later.state_dict())
    set_dropout2d(later, 0.4)
    images = torch.randn(2, 3, 64, 64)
    answers = []
    for network in (later.train(), known.train()):
        torch.manual_seed(1)
        answers.append(network(images))
    assert torch.equal(*answers)
    assert all(torch.equal(one, other) for one, other in zip(later.parameters(), known.parameters(), strict=True))


def test_frozen_stages_keep_still_and_the_upper_part_gets_what_is_its_own() -> None:
    network = build("compact", 0.0)
    network.freeze(2)
    network.train()
    parts = split_network(network)
    assert parts is not None
    for each in (network, parts.upper):
        set_dropout2d(each, 0.5)
    training = [module.training for module in network.modules() if isinstance(module, nn.Dropout2d)]
    above = [module for module in parts.upper.modules() if isinstance(module, nn.Dropout2d)]
    assert 0 < sum(training) == len(above) < len(training)
    assert drops(network)
    network.freeze(1)
    assert not drops(network)
