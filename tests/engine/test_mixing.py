"""Mixtures of images: what is mixed, with which labels, and by which numbers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.events import EpochEnded, Event, RunEnded, StepEnded, Warned
from cnnstudio.engine.losses import losses
from cnnstudio.engine.mixing import Mixture, draw_mixture
from cnnstudio.models.network import Outputs
from tests.engine.resumed_runs import run

Configure = Callable[..., Config]
MIXUP, CUTMIX = (load_config(None, [f"train.mix={mix}"]) for mix in ("mixup", "cutmix"))
IMAGES = torch.rand(6, 3, 20, 20, generator=torch.Generator().manual_seed(0))


def drawn(config: Config, epoch: int = 1, batch: int = 1, inputs: torch.Tensor = IMAGES) -> Mixture:
    mixture = draw_mixture(config, inputs, epoch=epoch, batch=batch)
    assert mixture is not None
    return mixture


def test_nothing_is_mixed_unless_asked() -> None:
    assert draw_mixture(load_config(), IMAGES, epoch=1, batch=1) is None


@pytest.mark.parametrize("shape", [(6, 3, 20, 20), (6, 32)])
def test_mixup_blends_images_and_features(shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    before = inputs.clone()
    mixture = drawn(MIXUP, batch=3, inputs=inputs)
    mixed = mixture(inputs)
    expected = mixture.share * inputs + (1 - mixture.share) * inputs[mixture.partners]
    torch.testing.assert_close(mixed, expected)
    assert torch.equal(inputs, before)


@pytest.mark.parametrize("batch", range(1, 30))
def test_cutmix_cuts_a_box_and_its_share_is_its_area(batch: int) -> None:
    mixture = drawn(CUTMIX, batch=batch)
    marks = torch.arange(6.0).reshape(6, 1, 1, 1).expand(6, 3, 20, 20)
    mixed = mixture(marks)
    assert 0 <= mixture.share <= 1
    for image, partner in enumerate(mixture.partners.tolist()):
        if partner != image:
            assert float((mixed[image] == image).float().mean()) == pytest.approx(mixture.share)
            assert set(mixed[image].flatten().tolist()) <= {float(image), float(partner)}


@pytest.mark.parametrize(("config", "alpha"), [(MIXUP, 0.2), (CUTMIX, None)])
def test_shares_are_spread_as_published(config: Config, alpha: float | None) -> None:
    shares = torch.tensor([drawn(config, epoch, batch).share for epoch in range(1, 21) for batch in range(40)])
    if alpha is not None:  # mean and variance of Beta(α, α)
        assert float(shares.mean()) == pytest.approx(0.5, abs=0.04)
        assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.02)
    else:  # boxes are cut off at the border, so that more than a half is an image's own
        assert 0.5 < float(shares.mean()) < 0.7


def test_seed_epoch_and_batch_decide_and_the_global_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    first = drawn(CUTMIX, 2, 5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(123)
    again = drawn(CUTMIX, 2, 5)
    assert torch.equal(first.partners, again.partners)
    assert (first.share, first.box) == (again.share, again.box)
    others = [drawn(CUTMIX, 3, 5), drawn(CUTMIX, 2, 6), drawn(CUTMIX.replace("train.seed", 1), 2, 5)]
    assert len({first.share, *(each.share for each in others)}) == 4


@pytest.mark.parametrize("config", [MIXUP, CUTMIX])
def test_the_memory_format_stays(config: Config) -> None:
    images = IMAGES.contiguous(memory_format=torch.channels_last)
    assert drawn(config)(images).is_contiguous(memory_format=torch.channels_last)


def test_the_loss_is_that_of_both_labels_by_their_shares() -> None:
    logits, aux = (torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    labels, partners = torch.tensor([0, 1, 2, 1]), torch.tensor([2, 0, 3, 1])
    config = load_config(None, ["train.label_smoothing=0.1", "model.aux=0.3"])
    found = losses(Outputs(logits, {"aux": aux}), labels, config, Mixture(partners, 0.7))
    soft = 0.7 * functional.one_hot(labels, 3) + 0.3 * functional.one_hot(labels[partners], 3)
    main, other = (functional.cross_entropy(each, soft, label_smoothing=0.1) for each in (logits, aux))
    torch.testing.assert_close(found.main, main)
    torch.testing.assert_close(found.total, main + 0.3 * other)


def test_the_dominant_label_is_that_of_the_larger_share() -> None:
    labels, partners = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0])
    assert Mixture(partners, 0.5).dominant(labels).tolist() == [0, 1, 2]
    assert Mixture(partners, 0.4).dominant(labels).tolist() == [1, 2, 0]


def reported(events: list[Event]) -> list[float]:
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "finished", ended.message
    return [event.loss for event in events if isinstance(event, StepEnded)]


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_run_learns_from_mixtures(configure: Configure, tmp_path: Path, mix: str) -> None:
    config = configure("train.epochs=6", "model.width=8", "train.lr=0.01")
    events = run(config.replace("train.mix", mix), tmp_path / "run")
    assert reported(events) != reported(run(config, tmp_path / "plain"))
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert max(each.val_accuracy for each in epochs) >= 0.9
    assert max(each.train_accuracy for each in epochs) >= 0.7  # of the dominant labels


def test_features_are_blended_and_never_cut(configure: Configure, tmp_path: Path) -> None:
    config = configure("transfer.mode=freeze", "model.pretrained=false", "model.width=8", "train.epochs=1")
    plain = reported(run(config, tmp_path / "plain"))
    blended = run(config.replace("train.mix", "mixup"), tmp_path / "mixup")
    assert reported(blended) != plain
    assert not [event for event in blended if isinstance(event, Warned)]
    cut = run(config.replace("train.mix", "cutmix"), tmp_path / "cutmix")
    assert reported(cut) != plain
    warned = [event.text for event in cut if isinstance(event, Warned)]
    assert warned == ["cutmix cuts images and not features, so the frozen part runs in every epoch"]
