import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config, ModelConfig, load_config
from cnnstudio.engine.losses import losses
from cnnstudio.models.network import Outputs
from cnnstudio.models.registry import build

LABELS = torch.tensor([0, 2, 1, 2])


def logits() -> Tensor:
    return torch.randn(4, 3, requires_grad=True)


def test_without_auxiliary_heads_the_loss_is_cross_entropy() -> None:
    answer = logits()
    found = losses(answer, LABELS, Config())
    expected = -answer.log_softmax(1)[torch.arange(4), LABELS].mean()
    torch.testing.assert_close(found.main, expected)
    assert found.total is found.main
    assert found.aux == {}
    assert found.logits is answer


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_auxiliary_losses_count_with_their_weight(weight: float) -> None:
    """The sum that Szegedy et al. (2015) minimise: main + 0.3 · (aux1 + aux2)."""
    main, first, second = logits(), logits(), logits()
    config = Config().replace("model.aux", weight)
    found = losses(Outputs(main, {"aux1": first, "aux2": second}), LABELS, config)
    expected = [functional.cross_entropy(each, LABELS) for each in (main, first, second)]
    torch.testing.assert_close([found.main, *found.aux.values()], expected)
    torch.testing.assert_close(found.total, expected[0] + weight * (expected[1] + expected[2]))
    torch.autograd.backward(found.total)
    assert main.grad is not None
    assert first.grad is not None
    torch.testing.assert_close(first.grad, weight * (first.detach().softmax(1) - functional.one_hot(LABELS, 3)) / 4)


def test_labels_are_smoothed_for_all_heads() -> None:
    """A share ε of the target is spread over all classes (Szegedy et al., 2016)."""
    certain = 100.0 * functional.one_hot(LABELS, 3).float()
    found = losses(Outputs(certain, {"aux": certain}), LABELS, load_config(None, ["train.label_smoothing=0.3"]))
    assert found.main.item() == found.aux["aux"].item() == pytest.approx(0.3 * 2 / 3 * 100)


@pytest.mark.parametrize(("arch", "heads"), [("googlenet", ["aux1", "aux2"]), ("resnet18", [])])
def test_a_new_network_guesses_with_every_head(arch: str, heads: list[str]) -> None:
    network = build(ModelConfig(arch=arch), classes=10).train()
    found = losses(network(torch.randn(8, 3, 64, 64)), torch.arange(8), Config())
    assert list(found.aux) == heads
    for loss in (found.main, *found.aux.values()):
        assert loss.item() == pytest.approx(math.log(10), abs=1.0)
