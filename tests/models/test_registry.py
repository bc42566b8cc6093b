"""The cards tell the truth, and a configuration that does not suit them is refused in a sentence."""

import subprocess
import sys

import pytest

from cnnstudio.core.config import Config, ModelConfig, TransferMode
from cnnstudio.core.errors import InputError
from cnnstudio.models.registry import ArchCard, build, card, cards, check

CARDS = pytest.mark.parametrize("arch", cards(), ids=lambda arch: str(arch.name))


def test_cards_need_no_torch() -> None:
    code = "import sys; from cnnstudio.models.registry import cards; cards(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_unique() -> None:
    assert len({each.name for each in cards()}) == len(cards())
    assert {"compact", "resnet18", "efficientnet_lite0"} <= {each.name for each in cards()}


@CARDS
def test_card_counts_the_parameters_of_a_thousand_classes(arch: ArchCard) -> None:
    network = build(ModelConfig(arch=arch.name), classes=1000)
    assert sum(each.numel() for each in network.parameters()) == arch.parameters


@CARDS
def test_card_is_found_by_name_and_reads_well(arch: ArchCard) -> None:
    assert card(arch.name) is arch
    assert arch.idea.endswith(".")
    assert len(arch.idea) < 120
    assert all(0 < each < 1 for each in (*arch.preprocessing.mean, *arch.preprocessing.std))


@CARDS
def test_refused_switches_exist_and_are_refused_with_the_reason(arch: ArchCard) -> None:
    other = {"model.padding": "valid", "model.dropout2d": 0.5, "model.batchnorm": False}
    for key, reason in arch.refuses.items():
        config = Config(model=ModelConfig(arch=arch.name)).replace(key, other[key])
        with pytest.raises(InputError, match="refuses") as caught:
            check(config)
        assert reason in caught.value.what
        assert caught.value.where == key
        with pytest.raises(InputError, match="refuses"):
            build(config.model, classes=2)


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
        "set transfer.mode=scratch, or model.arch=efficientnet_lite0"
    )
    check(config.replace("model.pretrained", value=False))
    check(config.replace("model.arch", "efficientnet_lite0"))
