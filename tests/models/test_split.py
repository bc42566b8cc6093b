"""A network in two parts computes what the whole one does."""

import pytest
import torch
from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.models.network import Network, Outputs
from cnnstudio.models.registry import build, card
from cnnstudio.models.split import Lower, split_network
from cnnstudio.models.summary import minimum_size
from tests.models.combinations import FAMILIES


def _network(arch: str, **switches: object) -> Network:
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate({"arch": arch, **switches}), classes=4)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.1)
    return network


@FAMILIES
def test_the_parts_give_the_logits_of_the_whole_at_every_boundary(arch: str) -> None:
    network = _network(arch).eval()
    side = max(minimum_size(network), 64)
    images = torch.rand(2, 3, side, side)
    count = len(network.stages)
    for train_last in {1, 2, count // 2, count - 1}:
        network.freeze(train_last)
        parts = split_network(network)
        assert parts is not None
        with torch.inference_mode():
            expected = network.eval()(images)
            features = Lower(network, parts.boundary)(images)
            torch.testing.assert_close(parts.upper.eval()(features), expected, rtol=1e-3, atol=1e-4)


def test_nothing_frozen_means_no_parts() -> None:
    assert split_network(_network("compact")) is None


def test_pooling_has_nothing_to_learn_and_lies_below() -> None:
    network = _network("resnet18")
    network.freeze(1)
    parts = split_network(network)
    assert parts is not None
    assert parts.boundary == "avgpool"
    assert Lower(network, parts.boundary)(torch.rand(2, 3, 64, 64)).shape == (2, 512, 1, 1)


@pytest.mark.parametrize("arch", ["resnet18", "googlenet", "vgg11"])
def test_a_step_on_the_upper_part_is_a_step_on_the_network(arch: str) -> None:
    switches = {"batchnorm": True, "head": "global_average"} if arch == "vgg11" else {}
    whole, halved = (_network(arch, **switches) for _ in range(2))
    images, labels = torch.rand(4, 3, 64, 64), torch.tensor([0, 1, 2, 3])
    for network in (whole, halved):
        network.freeze(2)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    parts = split_network(halved)
    assert parts is not None
    features = Lower(halved, parts.boundary, folded=False)(images)
    for network, inputs in ((whole, images), (parts.upper, features)):
        optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.1)
        answer = network.train()(inputs)
        logits = answer.logits if isinstance(answer, Outputs) else answer
        torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
        optimizer.step()
    state = halved.state_dict()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(state[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_the_network_keeps_its_weights_and_its_norms() -> None:
    network = _network("resnet18")
    network.freeze(1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    Lower(network, "avgpool")(torch.rand(1, 3, 64, 64))
    assert any(isinstance(each, nn.BatchNorm2d) for each in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert card("resnet18").batchnorm
