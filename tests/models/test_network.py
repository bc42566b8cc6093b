"""Stages, and what it means that some of them are frozen."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.core.errors import InputError
from cnnstudio.models.network import Network, Outputs
from cnnstudio.models.registry import build, card
from tests.models.combinations import ARCHITECTURES, FAMILIES
from tests.models.random_weights import blank, random_network

SIZES = {"inception_v3": 75, "fcn_vgg16": 224}  # the smallest where 64 pixels are too few


def _outline(arch: str) -> Network:
    with torch.device("meta"):
        return build(ModelConfig(arch=arch, dropout2d=0.2), classes=3)


@ARCHITECTURES
def test_every_layer_belongs_to_exactly_one_stage(arch: str) -> None:
    network = _outline(arch)
    stages = [
        {id(each) for path in stage.modules for each in network.get_submodule(path).modules()}
        for stage in network.stages
    ]
    leaves = [each for each in network.modules() if next(each.children(), None) is None]
    assert all(sum(id(leaf) in stage for stage in stages) == 1 for leaf in leaves)
    assert len({stage.name for stage in network.stages}) == len(network.stages)
    assert id(network.get_submodule(network.head)) in stages[-1]
    assert len(network.last_layers) == 1 + card(arch).auxiliary
    for path in network.last_layers:
        layer = network.get_submodule(path)
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        assert len(layer.weight) == 3
        assert network.stage_of(f"{path}.weight") is network.stage_of(path)
    for aux, last in network.aux.items():
        assert last.startswith(f"{aux}.")


@FAMILIES
@pytest.mark.parametrize("train_last", [1, 2])
def test_what_is_frozen_stays_bit_identical(arch: str, train_last: int) -> None:
    size = SIZES.get(arch, 64)
    network = random_network(
        size if arch != "inception_v3" else 299,
        classes=3,
        arch=arch,
        dropout2d=0.2,
        head="global_average" if "global_average" in card(arch).heads else "auto",
    )
    frozen = network.freeze(train_last)
    assert frozen == network.frozen_stages == tuple(stage.name for stage in network.stages[:-train_last])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    # Weight decay would move whatever the optimizer holds, gradient or not.
    optimizer = torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        logits = network.train()(torch.rand(2, 3, size, size))  # all auxiliary heads are frozen
        logits.square().mean().backward()
        optimizer.step()
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    learning = tuple(path for stage in network.stages[-train_last:] for path in stage.modules)
    assert changed == {key for key in before if key.startswith(tuple(f"{path}." for path in learning))}
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == (name in changed)


@pytest.mark.parametrize(
    ("arch", "train_last", "heads"),
    [
        ("googlenet", None, {"aux1", "aux2"}),
        ("googlenet", 3, {"aux1", "aux2"}),
        ("googlenet", 2, set()),
        ("inception_v3", 3, {"AuxLogits"}),
        ("inception_v3", 2, set()),
        ("resnet18", None, set()),
    ],
)
def test_auxiliary_heads_answer_while_their_stage_learns(arch: str, train_last: int | None, heads: set[str]) -> None:
    network = blank(arch=arch)
    network.freeze(train_last)
    assert network.listening == heads
    size = 299 if arch == "inception_v3" and heads else 75
    images = torch.zeros(2, 3, size, size)
    answer = network.train()(images)
    assert isinstance(answer, Outputs) == bool(heads)
    if isinstance(answer, Outputs):
        assert set(answer.aux) == heads
        assert {logits.shape for logits in (answer.logits, *answer.aux.values())} == {(2, 3)}
    assert isinstance(network.eval()(images), torch.Tensor)


@pytest.mark.parametrize(("arch", "heads"), [("googlenet", 2), ("inception_v3", 1)])
def test_a_weight_of_zero_leaves_auxiliary_heads_out(arch: str, heads: int) -> None:
    with torch.device("meta"):
        whole = build(ModelConfig(arch=arch), classes=3)
        without = build(ModelConfig(arch=arch, aux=0), classes=3)
    assert (len(whole.aux), without.aux) == (heads, {})
    left_out = set(whole.state_dict()) - set(without.state_dict())
    assert left_out == {key for key in whole.state_dict() if key.partition(".")[0] in whole.aux}
    assert isinstance(blank(arch=arch, aux=0).train()(torch.zeros(2, 3, 75, 75)), torch.Tensor)


@ARCHITECTURES
def test_frozen_stages_stay_in_evaluation_mode(arch: str) -> None:
    network = _outline(arch)
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
    network = _outline(arch)
    network.freeze(1)
    assert network.freeze(None) == ()
    assert all(each.requires_grad for each in network.parameters())
    network.train()
    assert all(each.training for each in network.modules())
    assert network.freeze(len(network.stages)) == ()


@ARCHITECTURES
@pytest.mark.parametrize("wrong", [0, 99])
def test_more_stages_than_there_are(arch: str, wrong: int) -> None:
    network = _outline(arch)
    count = len(network.stages)
    with pytest.raises(InputError) as caught:
        network.freeze(wrong)
    assert caught.value.one_line() == (
        f"{wrong} stages cannot learn in a network of {count} [transfer.train_last]: set it from 1 to {count}"
    )
    assert network.frozen_stages == ()
