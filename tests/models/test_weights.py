"""Where the weights of a configuration are, and the account of which of them a network took."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config, ModelConfig, load_config
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.models.registry import build
from cnnstudio.models.weight_sources import begun
from cnnstudio.models.weights import (
    LoadReport,
    classes_of,
    download,
    fetch,
    has_batchnorm,
    load_state,
    locate,
    wanted,
)
from tests.models.downloads import offered, saved
from tests.models.loopback import Answer

FILE = saved({"conv1.weight": torch.ones(64, 3, 7, 7)})


def _config(*settings: str) -> Config:
    return load_config(None, ["transfer.mode=finetune", *settings])


def _small(**switches: int | bool | str) -> ModelConfig:
    return ModelConfig.model_validate({"depth": 2, "width": 4, **switches})


def _state(model: ModelConfig, classes: int = 3) -> dict[str, Tensor]:
    return {key: torch.rand(value.shape) for key, value in build(model, classes=classes).state_dict().items()}


# The account


def test_everything_that_fits_is_loaded_and_said() -> None:
    network, state = build(_small(), classes=3), _state(_small())
    report = load_state(network, state, "weights.pth")
    assert report.loaded == tuple(state)
    assert report.missing == report.skipped == ()
    assert report.sentence() == f"weights.pth: all {len(state)} tensors loaded"
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype)), key


def test_bundled_weights_fit_entirely() -> None:
    config = _config("model.arch=efficientnet_lite0")
    file = locate(config)
    network = build(config.model, classes=1000)
    report = load_state(network, file.read(), file.words)
    assert set(report.loaded) == set(network.state_dict())
    assert report.sentence() == f"{file.words}: all 296 tensors loaded"


def test_what_does_not_fit_is_named_and_keeps_its_random_start() -> None:
    network, state = build(_small(), classes=5), _state(_small(), classes=3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    del state["features.1.running_mean"], state["features.1.num_batches_tracked"]
    report = load_state(network, {**state, "ema.decay": torch.zeros(1)}, "weights.pth")
    assert report.skipped == ("classifier.weight", "classifier.bias", "ema.decay")
    assert set(report.missing) == {"features.1.running_mean", "classifier.weight", "classifier.bias"}
    for key in report.missing:
        assert torch.equal(network.state_dict()[key], before[key])
    assert set(report.loaded) == set(state) - set(report.skipped)


def test_a_fully_connected_layer_fits_the_convolution_that_computes_the_same() -> None:
    averaged, state = build(_small(), classes=3).eval(), _state(_small())
    convolutional = build(_small(head="convolutional"), classes=3).eval()
    for network in (averaged, convolutional):
        report = load_state(network, state, "weights.pth")
        assert report.missing == report.skipped == ()
    assert isinstance(convolutional.get_submodule("classifier"), nn.Conv2d)
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(convolutional(images), averaged(images))


@pytest.mark.parametrize("shape", [(3, 4, 2), (8, 3), (3, 8, 2, 2), (24,)])
def test_as_many_numbers_in_another_shape_do_not_fit(shape: tuple[int, ...]) -> None:
    network, state = build(_small(), classes=3), _state(_small())
    report = load_state(network, state | {"classifier.weight": torch.zeros(shape)}, "weights.pth")
    assert report.skipped == report.missing == ("classifier.weight",)


@pytest.mark.parametrize(
    "state", [{}, {"conv1.weight": torch.zeros(64, 3, 7, 7)}, {"features.1.num_batches_tracked": torch.tensor(3)}]
)
def test_weights_of_another_network_are_refused(state: dict[str, Tensor]) -> None:
    with pytest.raises(InputError) as caught:
        load_state(build(_small(), classes=3), state, "weights.pth")
    assert caught.value.one_line() == (
        "no tensor of weights.pth fits this network [model.pretrained]: "
        "choose the architecture that the weights were made for"
    )


def test_sentence_names_what_is_left_over_and_what_is_missing() -> None:
    report = LoadReport("VGG-16", loaded=("a",), missing=("b", "c"), skipped=tuple("defghi"))
    assert report.sentence() == (
        "VGG-16: 1 of 7 tensors loaded; not used: d, e, f, g and 2 more; random, as the file has none: b, c"
    )


def test_weights_tell_their_batchnorm() -> None:
    assert has_batchnorm(_state(_small(batchnorm=True)))
    assert not has_batchnorm(_state(_small(batchnorm=False)))


@pytest.mark.parametrize("head", ["global_average", "convolutional", "fully_connected"])
def test_weights_tell_for_how_many_classes_they_were_made(head: str) -> None:
    with torch.device("meta"):
        network = build(_small(head=head), classes=1000)
    state = _state(_small(head=head), classes=7)
    assert classes_of(state, network) == 7
    del state[f"{network.head}.weight"]
    assert classes_of(state, network) is None
    assert classes_of({f"{network.head}.weight": torch.zeros(7, 13)}, network) is None
    assert classes_of({f"{network.head}.weight": torch.zeros(7)}, network) is None


# Where they are


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["transfer.mode=scratch"], False),
        (["transfer.mode=freeze"], True),
        (["model.pretrained=false"], False),
        (["model.pretrained='weights.pth'"], True),
        (["transfer.mode=scratch", "model.pretrained='weights.pth'"], False),
    ],
)
def test_which_runs_start_from_weights(settings: list[str], expected: bool) -> None:
    assert wanted(_config(*settings)) == expected


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        (["model.arch=resnet18"], "resnet18"),
        (["model.arch=resnet18", "model.batchnorm=false"], "resnet18"),
        (["model.arch=vgg16"], "vgg16"),
        (["model.arch=vgg16", "model.batchnorm=true"], "vgg16_bn"),
        (["model.arch=fcn_vgg16"], "vgg16"),
        (["model.arch=googlenet", "model.aux=0"], "googlenet"),
        (["model.arch=efficientnet_lite0"], None),
        (["model.arch=resnet18", "transfer.mode=scratch"], None),
        (["model.arch=resnet18", "model.pretrained=false"], None),
        (["model.arch=resnet18", "model.pretrained='weights.pth'"], None),
    ],
)
def test_what_there_is_to_download(settings: list[str], model: str | None) -> None:
    source = download(_config(*settings))
    assert (source and source.model) == model


def test_weights_are_downloaded_once_and_found_from_then_on() -> None:
    config = _config("model.arch=resnet18")
    reports: list[tuple[int, int | None]] = []
    with offered("resnet18", FILE) as (source, server):
        with pytest.raises(InputError) as caught:
            locate(config)
        assert caught.value.where == "model.pretrained"
        assert "are not on this machine yet" in caught.value.what
        assert download(config) == source
        for _ in range(2):
            fetch(config, lambda *progress: reports.append(progress), lambda: False)
        assert download(config) is None
        file = locate(config)
        assert file.path.read_bytes() == FILE
        assert file.words == "Some network, ImageNet (torchvision, V1)"
        assert torch.equal(file.read()["conv1.weight"], torch.ones(64, 3, 7, 7))
        assert server.ranges == [""]
    assert reports[-1] == (len(FILE), len(FILE))


def test_nothing_is_downloaded_where_nothing_is_missing() -> None:
    for settings in (["model.arch=efficientnet_lite0"], ["model.arch=resnet18", "transfer.mode=scratch"]):
        with offered("resnet18", FILE) as (_, server):
            fetch(_config(*settings), lambda *_: pytest.fail("there is nothing to report"), lambda: False)
            assert server.ranges == []


def test_a_cancelled_download_goes_on_where_it_was() -> None:
    config, half = _config("model.arch=resnet18"), len(FILE) // 2
    with offered("resnet18", FILE, Answer(hang=half), Answer()) as (source, server):
        with pytest.raises(StopRun):
            fetch(config, lambda *_: None, lambda: begun(source) == half)
        server.released.set()
        fetch(config, lambda *_: None, lambda: False)
        assert server.ranges == ["", f"bytes={half}-"]
        assert locate(config).path.read_bytes() == FILE


def test_a_file_of_ones_own_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.pth").write_bytes(FILE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in (str(tmp_path / "mine.pth"), "~/mine.pth"):
        file = locate(_config("model.arch=resnet18").replace("model.pretrained", name))
        assert (file.words, file.path) == ("mine.pth", tmp_path / "mine.pth")
        assert set(file.read()) == {"conv1.weight"}


def test_a_file_that_is_not_there_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    config = _config("model.arch=resnet18").replace("model.pretrained", str(path))
    with pytest.raises(InputError) as caught:
        locate(config)
    assert caught.value.one_line() == f"there is no such file of weights [{path}]: check model.pretrained"
    path.write_bytes(FILE[:1000])
    with pytest.raises(InputError, match=r"the weights cannot be read.*choose another file") as caught:
        locate(config).read()
    assert caught.value.where == str(path)
