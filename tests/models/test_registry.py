"""The cards tell the truth, and a configuration that does not suit them is refused in a sentence."""

import subprocess
import sys
from typing import Literal, get_args

import pytest
import torch

from cnnstudio.core.config import Config, Head, ModelConfig, TransferMode
from cnnstudio.core.errors import InputError
from cnnstudio.models.registry import ArchCard, build, card, cards, check, resolved
from cnnstudio.models.summary import summarise

CARDS = pytest.mark.parametrize("arch", cards(), ids=lambda arch: str(arch.name))


def test_cards_need_no_torch() -> None:
    code = "import sys; from cnnstudio.models.registry import cards; cards(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_unique() -> None:
    assert len({each.name for each in cards()}) == len(cards())
    assert {"compact", "vgg16", "resnet18", "inception_v3", "nin", "fcn_vgg16", "efficientnet_lite0"} <= {
        each.name for each in cards()
    }


@CARDS
def test_card_counts_the_parameters_of_a_thousand_classes(arch: ArchCard) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch.name), classes=1000)
    assert sum(each.numel() for each in network.parameters()) == arch.parameters


@CARDS
def test_card_counts_the_work_for_one_image(arch: ArchCard) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch.name), classes=1000)
    assert summarise(network, image_size=arch.image_size).flops == arch.flops


@CARDS
def test_card_is_found_by_name_and_reads_well(arch: ArchCard) -> None:
    assert card(arch.name) is arch
    assert arch.idea.endswith(".")
    assert len(arch.idea) < 120
    assert all(0 < each < 1 for each in (*arch.preprocessing.mean, *arch.preprocessing.std))


@CARDS
def test_refused_switches_exist_and_are_refused_with_the_reason(arch: ArchCard) -> None:
    others: dict[str, object] = {"model.aux": 0.5, "model.depth": 2, "model.width": 16, "model.kernel": 5}
    others["model.head"] = next((head for head in get_args(Head) if head not in arch.heads), "")
    for key, reason in arch.refusals().items():
        config = Config(model=ModelConfig(arch=arch.name)).replace(key, others[key])
        with pytest.raises(InputError, match="refuses") as caught:
            check(config)
        assert reason in caught.value.what
        assert caught.value.where == key
        with pytest.raises(InputError, match="refuses"):
            build(config.model, classes=2)


def test_which_switches_an_architecture_refuses() -> None:
    sizes = {"model.depth", "model.width", "model.kernel"}
    assert set(card("compact").refusals()) == {"model.aux"}
    assert set(card("vgg16").refusals()) == {"model.aux"} | sizes
    assert set(card("googlenet").refusals()) == {"model.head"} | sizes
    assert set(card("resnet18").refusals()) == {"model.aux", "model.head"} | sizes


@CARDS
@pytest.mark.parametrize("batchnorm", [True, False, "auto"])
def test_auto_is_the_architectures_own_way(arch: ArchCard, batchnorm: bool | Literal["auto"]) -> None:
    model = resolved(ModelConfig(arch=arch.name, batchnorm=batchnorm))
    assert model.head == arch.heads[0]
    assert model.batchnorm == (arch.batchnorm if batchnorm == "auto" else batchnorm)
    assert resolved(model) == model
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch.name, batchnorm=batchnorm), classes=2)
    assert network.model == model
    assert any(isinstance(each, torch.nn.BatchNorm2d) for each in network.modules()) == model.batchnorm


def test_unknown_architecture_suggests_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        check(Config(model=ModelConfig(arch="resnet81")))
    assert caught.value.one_line() == "unknown architecture resnet81 [model.arch]: did you mean resnet18?"


@pytest.mark.parametrize("mode", ["freeze", "finetune", "freeze_then_finetune"])
def test_transfer_needs_weights(mode: TransferMode) -> None:
    config = Config().replace("transfer.mode", mode)
    with pytest.raises(InputError) as caught:
        check(config)
    assert caught.value.one_line() == (
        "Compact CNN has no pretrained weights [transfer.mode]: "
        "set transfer.mode=scratch, model.pretrained to a file of weights, or model.arch=efficientnet_lite0"
    )
    check(config.replace("model.pretrained", value=False))
    check(config.replace("model.pretrained", "weights.pth"))
    check(config.replace("model.arch", "efficientnet_lite0"))
