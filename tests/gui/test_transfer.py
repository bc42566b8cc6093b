"""The boundary between frozen and learning stages as settings, and settings as stages."""

import pytest

from cnnstudio.core.config import Config
from cnnstudio.gui.transfer import boundary_refusal, stage_items, with_boundary, with_multiplier
from cnnstudio.models.create import outline
from cnnstudio.models.summary import summarise


def configured(arch: str = "resnet18", **transfer: object) -> Config:
    config = Config().replace("model.arch", arch)
    for key, value in transfer.items():
        config = config.replace(f"transfer.{key}", value)
    return config


def items(config: Config) -> dict[str, tuple[str, bool, float, bool]]:
    summary = summarise(outline(config, 6), image_size=64)
    return {each.name: (each.note, each.frozen, each.multiplier, each.by_hand) for each in stage_items(summary, config)}


def test_stages_with_the_replaced_last_layer() -> None:
    found = items(configured(mode="freeze", train_last=2))
    assert found["layer3"] == ("", True, 1.0, False)
    assert found["layer4"] == ("", False, 1.0, False)
    assert found["head"] == ("1000 → 6 classes", False, 1.0, False)


def test_stages_with_their_learning_rates() -> None:
    found = items(configured(mode="finetune", lr_decay=0.5, lr_multipliers={"stem": 0.0, "unknown": 1.0}))
    assert [each[2] for each in found.values()] == [0.0, 0.0625, 0.125, 0.25, 0.5, 1.0]
    assert [each[3] for each in found.values()] == [True] + 5 * [False]


@pytest.mark.parametrize(
    ("mode", "learning", "expected"),
    [
        ("freeze", 3, ("freeze", 3)),
        ("freeze_then_finetune", 2, ("freeze_then_finetune", 2)),
        ("finetune", 2, ("freeze", 2)),
        ("scratch", 1, ("freeze", 1)),
        ("freeze", 6, ("finetune", 1)),
        ("freeze_then_finetune", 6, ("finetune", 1)),
        ("scratch", 6, ("scratch", 1)),
    ],
)
def test_moving_the_boundary(mode: str, learning: int, expected: tuple[str, int]) -> None:
    changed = with_boundary(configured(mode=mode), learning, 6)
    assert (changed.transfer.mode, changed.transfer.train_last) == expected


def test_freezing_begins_with_pretrained_weights() -> None:
    config = configured(mode="finetune").replace("model.pretrained", False)
    assert with_boundary(config, 2, 6).model.pretrained is True
    own = configured().replace("model.pretrained", "my.pth")
    assert with_boundary(own, 2, 6).model.pretrained == "my.pth"


def test_without_weights_nothing_can_be_frozen() -> None:
    assert boundary_refusal(configured("compact")) == (
        "Compact CNN learns from scratch: without pretrained weights there is nothing worth freezing."
    )
    assert boundary_refusal(configured("compact").replace("model.pretrained", "my.pth")) == ""
    assert boundary_refusal(configured("resnet18")) == ""


def test_a_learning_rate_by_hand_and_back() -> None:
    config = with_multiplier(configured(mode="finetune"), "layer1", 0.1)
    config = with_multiplier(config, "stem", 0.0)
    assert config.transfer.lr_multipliers == {"layer1": 0.1, "stem": 0.0}
    assert with_multiplier(config, "layer1", None).transfer.lr_multipliers == {"stem": 0.0}
    assert with_multiplier(config, "layer2", None) == config
