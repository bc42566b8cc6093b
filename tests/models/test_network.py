"""Stages, and what it means that some of them are frozen."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.core.errors import InputError
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, cards

ARCHITECTURES = pytest.mark.parametrize("arch", [each.name for each in cards()])


def _build(arch: str) -> Network:
    return build(ModelConfig(arch=arch, dropout2d=0.2), classes=3)


def _step(network: Network, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    network.train()(torch.rand(4, 3, 64, 64)).square().mean().backward()
    optimizer.step()


@ARCHITECTURES
def test_every_layer_belongs_to_exactly_one_stage(arch: str) -> None:
    network = _build(arch)
    stages = [
        {id(each) for path in stage.modules for each in network.get_submodule(path).modules()}
        for stage in network.stages
    ]
    leaves = [each for each in network.modules() if next(each.children(), None) is None]
    assert all(sum(id(leaf) in stage for stage in stages) == 1 for leaf in leaves)
    assert len({stage.name for stage in network.stages}) == len(network.stages)
    head = network.get_submodule(network.head)
    assert isinstance(head, nn.Linear)
    assert id(head) in stages[-1]


@ARCHITECTURES
@pytest.mark.parametrize("train_last", [1, 2])
def test_what_is_frozen_stays_bit_identical(arch: str, train_last: int) -> None:
    network = _build(arch)
    frozen = network.freeze(train_last)
    assert frozen == network.frozen_stages == tuple(stage.name for stage in network.stages[:-train_last])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    # Weight decay would move whatever the optimizer holds, gradient or not.
    optimizer = torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], weight_decay=0.1)
    for _ in range(2):
        _step(network, optimizer)
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    learning = tuple(path for stage in network.stages[-train_last:] for path in stage.modules)
    assert changed == {key for key in before if key.startswith(tuple(f"{path}." for path in learning))}
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == (name in changed)


@ARCHITECTURES
def test_frozen_stages_stay_in_evaluation_mode(arch: str) -> None:
    network = _build(arch)
    network.train()
    network.freeze(1)
    modes = {
        stage.name: {each.training for path in stage.modules for each in network.get_submodule(path).modules()}
        for stage in network.stages
    }
    assert all(modes[name] == {False} for name in network.frozen_stages)
    assert modes[network.stages[-1].name] == {True}
    network.eval()
    assert not any(each.training for each in network.modules())
    network.freeze(None)
    assert not any(each.training for each in network.modules())


@ARCHITECTURES
def test_thawing_lets_everything_learn_again(arch: str) -> None:
    network = _build(arch)
    network.freeze(1)
    assert network.freeze(None) == ()
    assert all(each.requires_grad for each in network.parameters())
    network.train()
    assert all(each.training for each in network.modules())
    assert network.freeze(len(network.stages)) == ()


@ARCHITECTURES
@pytest.mark.parametrize("wrong", [0, 99])
def test_more_stages_than_there_are(arch: str, wrong: int) -> None:
    network = _build(arch)
    count = len(network.stages)
    with pytest.raises(InputError) as caught:
        network.freeze(wrong)
    assert caught.value.one_line() == (
        f"{wrong} stages cannot learn in a network of {count} [transfer.train_last]: set it from 1 to {count}"
    )
    assert network.frozen_stages == ()
