"""What is settled before the first step: size and normalisation by the weights, and that the weights are there."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import Phase
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.models.catalogue import IMAGENET, TENSORFLOW
from cnnstudio.models.registry import card
from tests.models.downloads import offered, saved
from tests.models.loopback import Answer
from tests.models.made_weights import zeros

Configure = Callable[..., Config]
RESNET = ("model.arch=resnet18", "transfer.mode=finetune")


def prepared(config: Config, phases: list[Phase] | None = None, control: Control | None = None) -> Prepared:
    return prepare(config, (phases if phases is not None else []).append, control or Control())


def weights() -> bytes:
    state = zeros(ModelConfig(arch="resnet18"))
    return saved(state | {"conv1.weight": torch.full((), 0.5).expand(64, 3, 7, 7)})


@pytest.mark.parametrize(
    ("settings", "side", "mean", "std"),
    [
        (["model.arch=efficientnet_lite0", "transfer.mode=freeze"], 224, (127 / 255,) * 3, (128 / 255,) * 3),
        (["model.arch=inception_v3"], 299, TENSORFLOW.mean, TENSORFLOW.std),
        (["model.arch=resnet18"], 224, IMAGENET.mean, IMAGENET.std),
        (["model.arch=compact"], 96, IMAGENET.mean, IMAGENET.std),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_size_and_normalisation_are_those_of_the_weights(
    configure: Configure, settings: list[str], side: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    run = prepared(configure("data.image_size=auto", "compute.precision=float32", *settings))
    assert run.config.data.image_size == card(run.config.model.arch).image_size == side
    assert run.store.pixels.shape[1:] == (side, side, 3)
    assert run.mean.flatten().tolist() == pytest.approx(mean)
    assert run.std.flatten().tolist() == pytest.approx(std)
    pixels = torch.from_numpy(run.store.pixels[:2])
    images = run.compute.images(pixels, run.mean, run.std)
    for channel in range(3):
        expected = (pixels[..., channel] / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(images[:, channel], expected, rtol=1e-5, atol=1e-5)


def test_a_size_of_ones_own_holds(configure: Configure) -> None:
    run = prepared(configure("model.arch=efficientnet_lite0", "transfer.mode=freeze", "data.image_size=64"))
    assert run.config.data.image_size == 64


def test_what_was_left_open_is_settled(configure: Configure) -> None:
    settings = ("model.arch=vgg11", "model.head=global_average", "train.lr=auto", "data.image_size=32")
    config = prepared(configure(*settings)).config
    assert (config.model.batchnorm, config.model.head) == (False, "global_average")
    assert config.train.lr == 3e-3
    assert config.transfer.lr_decay == 1.0
    assert "auto" not in config.model_dump_json()


def test_weights_are_downloaded_before_the_images_are_read(configure: Configure) -> None:
    phases: list[Phase] = []
    with offered("resnet18", weights()) as (_, server):
        run = prepared(configure(*RESNET), phases)
        again = prepared(configure(*RESNET))
        assert server.ranges == [""]
    texts = [phase.text for phase in phases]
    downloading = [index for index, text in enumerate(texts) if text.startswith("Downloading weights, ")]
    reading = next(index for index, text in enumerate(texts) if text.startswith("Reading"))
    assert downloading
    assert max(downloading) < reading
    assert phases[downloading[-1]].done == 1.0
    for each in (run, again):
        assert torch.all(each.network.get_parameter("conv1.weight") == 0.5)
        assert each.network.notes == {"fc": "1000 → 2 classes"}
        assert each.loaded is not None
        told = each.weights_told()
        assert told["weights_missing"] == ()
        assert told["weights_skipped"] == ("fc.weight", "fc.bias")
        assert told["weights_loaded"] == len(each.loaded.loaded) == 120


def test_weights_that_cannot_be_had_end_it_before_anything_is_read(configure: Configure) -> None:
    phases: list[Phase] = []
    with (
        offered("resnet18", weights(), Answer(status=404)) as (source, _),
        pytest.raises(InputError, match="the server answers 404") as caught,
    ):
        prepared(configure(*RESNET), phases)
    assert caught.value.where.endswith(f"/{source.filename}")
    assert source.filename in caught.value.remedy
    assert not any(phase.text.startswith("Reading") for phase in phases)


def test_a_download_is_given_up_on_request(configure: Configure) -> None:
    control = Control()
    control.stop()
    with offered("resnet18", weights(), Answer(silent=True)), pytest.raises(StopRun):
        prepared(configure(*RESNET), control=control)


def test_weights_of_ones_own_need_no_network(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(weights())
    with offered("resnet18", b"") as (_, server):
        run = prepared(configure(*RESNET).replace("model.pretrained", str(tmp_path / "mine.pth")))
        assert server.ranges == []
    assert run.weights_told()["weights"].startswith("mine.pth: 120 of 122 tensors loaded")


def test_random_weights_are_said_to_be_random(configure: Configure) -> None:
    assert prepared(configure()).weights_told() == {"weights": "random initial weights"}


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (["transfer.mode=freeze", "model.pretrained=false", "transfer.train_last=9"], "transfer.train_last"),
        (["model.arch=inception_v3", "data.image_size=128"], "data.image_size"),
        (["model.arch=resnet18", "model.kernel=5"], "model.kernel"),
        (["transfer.mode=freeze_then_finetune", "model.pretrained=false", "train.epochs=1"], "train.epochs"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_downloaded_or_read(
    configure: Configure, settings: list[str], where: str
) -> None:
    phases: list[Phase] = []
    with offered("resnet18", b"") as (_, server), pytest.raises(InputError) as caught:
        prepared(configure(*settings), phases)
    assert caught.value.where == where
    assert server.ranges == []
    assert not any(phase.text.startswith(("Reading", "Downloading")) for phase in phases)


def test_a_stage_that_does_not_exist_is_named(configure: Configure) -> None:
    with pytest.raises(InputError, match="there is no stage layer1") as caught:
        prepared(configure().replace("transfer.lr_multipliers", {"layer1": 0.1}))
    assert caught.value.where == "transfer.lr_multipliers"
