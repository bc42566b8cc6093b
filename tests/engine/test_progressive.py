"""Small images first: sizes follow from the epoch alone, validation sees full size, and what makes no sense is said."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Phase
from cnnstudio.data.survey import ClassCount
from cnnstudio.engine.feed import PixelFeed
from cnnstudio.engine.preflight import examine
from cnnstudio.engine.prepare import prepare
from cnnstudio.engine.progressive import side_of
from cnnstudio.models.create import outline
from cnnstudio.models.registry import cards
from cnnstudio.models.summary import minimum_size
from tests.engine.resumed_runs import SWITCHES, assert_same_state, resume, run, told

Configure = Callable[..., Config]
SMALL_FIRST = "train.progressive=true"
COUNTS = tuple(ClassCount(name, 80, 20, 0) for name in ("owl", "wren"))


@pytest.mark.parametrize(
    ("full", "minimum", "epochs", "sides"),
    [
        (224, 32, 10, [128, 128, 160, 160, 192, 192, 224, 224, 224, 224]),
        (96, 8, 10, [48, 56, 64, 72, 80, 88, 96, 96, 96, 96]),
        (96, 16, 5, [48, 64, 80, 96, 96]),
        (299, 75, 12, [160, 160, 192, 192, 224, 224, 256, 256, 299, 299, 299, 299]),
        (128, 70, 4, [96, 96, 128, 128]),
        (32, 2, 2, [16, 32]),
        (32, 2, 1, [32]),
        (100, 97, 3, [100, 100, 100]),
        (2048, 1, 3, [1024, 1536, 2048]),
    ],
)
def test_sides_rise_in_even_steps_to_full_size(full: int, minimum: int, epochs: int, sides: list[int]) -> None:
    assert [side_of(epoch, epochs=epochs, full=full, minimum=minimum) for epoch in range(1, epochs + 1)] == sides


@pytest.mark.parametrize("arch", [card.name for card in cards()])
def test_no_side_is_smaller_than_the_network_takes(arch: str) -> None:
    minimum = minimum_size(outline(load_config(None, [f"model.arch={arch}"]), 3))
    for full in {minimum, minimum + 1, 64, 96, 224, 299}:
        sides = [side_of(epoch, epochs=30, full=full, minimum=minimum) for epoch in range(1, 31)]
        assert sides == sorted(sides)
        assert sides[20:] == [full] * 10
        assert all(min(minimum, full) <= side <= full for side in sides)
        assert all(side == full or side % (32 if full >= 128 else 8) == 0 for side in sides)


def test_training_images_are_small_and_validation_images_are_not(configure: Configure) -> None:
    changes = (SMALL_FIRST, "train.epochs=6", "data.augment=true")
    small, whole = (
        PixelFeed(prepare(configure(*options), lambda _: None, Control())) for options in (changes, changes[1:])
    )
    indices = torch.arange(5)
    seen = []
    for epoch in range(1, 7):
        words = small.begin(epoch)
        assert whole.begin(epoch) == ""
        images, full = small.training(indices), whole.training(indices)
        side = images.shape[-1]
        seen.append((side, words))
        assert images.is_contiguous(memory_format=torch.channels_last)
        expected = functional.interpolate(full, size=(side, side), mode="bilinear", antialias=True)
        torch.testing.assert_close(images, expected)
        assert torch.equal(small.validating(indices), whole.validating(indices))
    assert [side for side, _ in seen] == [16, 16, 24, 24, 32, 32]
    assert [words for _, words in seen[1:5:3]] == ["at 16 of 32 pixels", "at full size"]
    mean = [float(feed.training(indices).mean()) for feed in (small, whole)]
    assert mean[0] == mean[1]


@pytest.mark.parametrize("stop_at", [3, 7])
def test_a_stopped_run_goes_on_to_the_same_bits(configure: Configure, tmp_path: Path, stop_at: int) -> None:
    config = configure(*SWITCHES, SMALL_FIRST, "train.mix=cutmix")
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", stop_at=stop_at)
    second = resume(tmp_path / "parts")
    assert told(first, second) == told(whole)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    texts = [event.text for event in whole if isinstance(event, Phase) and event.text.startswith("Training")]
    assert [text.partition("of 4, ")[2] for text in texts] == ["at 16 of 32 pixels", "at 24 of 32 pixels"] + [
        "at full size"
    ] * 2


def test_small_images_are_learnt_from(configure: Configure, tmp_path: Path) -> None:
    accuracies = [
        each["val_accuracy"] for each in told(run(configure(SMALL_FIRST), tmp_path)) if "val_accuracy" in each
    ]
    assert max(accuracies) >= 0.8


@pytest.mark.parametrize(
    ("settings", "neighbour", "words"),
    [
        (["model.arch=efficientnet_lite0", "transfer.mode=freeze"], "transfer.mode=finetune", "what is frozen"),
        (["train.epochs=1"], "train.epochs=2", "two epochs at least"),
        (["model.padding=valid", "data.image_size=72"], "data.image_size=88", "images larger than 72 pixels"),
    ],
)
def test_what_makes_no_sense_is_refused(configure: Configure, settings: list[str], neighbour: str, words: str) -> None:
    config = configure("data.image_size=96", SMALL_FIRST, *settings)
    (found,) = (each for each in examine(config, COUNTS).findings if each.level == "stop")
    assert words in found.text
    mended = found.remedies[0].applied(config)
    assert mended == config.replace("train.progressive", False)
    for other in (mended, configure("data.image_size=96", SMALL_FIRST, *settings, neighbour)):
        assert not [each for each in examine(other, COUNTS).findings if each.level == "stop"]
    with pytest.raises(InputError, match=words) as refused:
        prepare(config, lambda _: None, Control())
    assert refused.value.where == "train.progressive"
