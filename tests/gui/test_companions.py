import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.config import Config
from cnnstudio.gui.companions import with_architecture
from cnnstudio.models import registry

PADDINGS = st.sampled_from(["same", "valid", "reflect", "replicate", "circular"])
MODES = st.sampled_from(["scratch", "freeze", "finetune", "freeze_then_finetune"])


@given(
    arch=st.sampled_from(registry.cards()), padding=PADDINGS, mode=MODES, batchnorm=st.booleans(), weights=st.booleans()
)
def test_any_choice_leads_to_settings_that_can_stand(
    arch: registry.ArchCard, padding: str, mode: str, batchnorm: bool, weights: bool
) -> None:
    before = (
        Config()
        .replace("model.padding", padding)
        .replace("transfer.mode", mode)
        .replace("model.batchnorm", batchnorm)
        .replace("model.pretrained", weights)
        .replace("transfer.train_last", 9)
    )
    after, note = with_architecture(before, arch)
    registry.check(after)
    assert (after.model.arch, after.transfer.train_last) == (arch.name, 1)
    unexpected = (before.transfer.mode, before.model.batchnorm) != (after.transfer.mode, after.model.batchnorm)
    assert bool(note) == unexpected
    assert (after.data, after.train, after.compute) == (before.data, before.train, before.compute)


@pytest.mark.parametrize(
    ("arch", "mode", "expected", "note"),
    [
        (
            "efficientnet_lite0",
            "scratch",
            "freeze",
            "Transfer is now Freeze: EfficientNet-Lite0 starts from its pretrained weights.",
        ),
        ("efficientnet_lite0", "finetune", "finetune", ""),
        ("resnet18", "finetune", "finetune", ""),
        ("nin", "finetune", "scratch", "Transfer is now From scratch: Network in Network has no pretrained weights."),
        ("resnet18", "scratch", "scratch", ""),
    ],
)
def test_transfer_goes_with_the_weights(arch: str, mode: str, expected: str, note: str) -> None:
    after, said = with_architecture(Config().replace("transfer.mode", mode), registry.card(arch))
    assert (after.transfer.mode, said) == (expected, note)


def test_a_refused_switch_goes_back_and_says_so() -> None:
    before = Config().replace("model.arch", "googlenet").replace("model.aux", 0.5).replace("transfer.mode", "finetune")
    after, said = with_architecture(before, registry.card("efficientnet_lite0"))
    assert after.model.aux == 0.3
    assert said == "Auxiliary loss is back at its default: EfficientNet-Lite0 allows no other."
