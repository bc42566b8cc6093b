"""Where pretrained weights come from: the same as in torchvision, and kept where torch keeps them."""

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision

from cnnstudio.core.errors import StopRun
from cnnstudio.models import weight_sources
from cnnstudio.models.state_files import read_state
from cnnstudio.models.weight_sources import (
    SOURCES,
    WeightSource,
    available,
    begun,
    cache_folder,
    obtain,
    weight_source,
)
from tests.models.loopback import Answer, loopback
from tests.test_architecture import TORCH, first_to_load


@pytest.fixture(autouse=True)
def _no_torch_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)


@pytest.fixture
def weights(tmp_path: Path) -> tuple[WeightSource, bytes]:
    """Return small weights and their file."""
    torch.save({"weight": torch.arange(1000.0)}, tmp_path / "weights.pth")
    file = (tmp_path / "weights.pth").read_bytes()
    name = f"tiny-{hashlib.sha256(file).hexdigest()[:8]}.pth"
    return WeightSource("tiny", "Tiny", "V1", name, round(len(file) / 2**20, 3)), file


def serve_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_sources, "_SERVER", url.rpartition("/")[0] + "/")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.model)
def test_sources_are_torchvisions(source: WeightSource) -> None:
    weights = torchvision.models.get_model_weights(source.model).DEFAULT
    assert source.url == weights.url
    assert source.version == weights.name
    assert source.mebibytes == weights.meta["_file_size"]
    assert weights.meta["categories"] is not None
    assert len(weights.meta["categories"]) == 1000
    found = torch.hub.HASH_REGEX.search(source.filename)
    assert found is not None
    assert source.sha256_prefix == found[1]
    assert len(source.sha256_prefix) == 8
    # float32 takes four bytes; names and the auxiliary heads of GoogLeNet come on top
    assert 1.0 < source.size / (4 * weights.meta["num_params"]) < 2.0


@pytest.mark.parametrize(
    ("arch", "batchnorm", "model"),
    [
        ("vgg11", False, "vgg11"),
        ("vgg16", True, "vgg16_bn"),
        ("fcn_vgg16", False, "vgg16"),
        ("fcn_vgg16", True, "vgg16_bn"),
        ("resnet50", True, "resnet50"),
        ("resnet50", False, "resnet50"),
        ("mobilenet_v3_small", True, "mobilenet_v3_small"),
        ("nin", True, None),
        ("compact", False, None),
        ("efficientnet_lite0", True, None),
    ],
)
def test_the_switch_chooses_between_two_kinds_of_vgg(arch: str, batchnorm: bool, model: str | None) -> None:
    source = weight_source(arch, batchnorm=batchnorm)
    assert (source and source.model) == model


def test_a_source_in_words() -> None:
    source = weight_source("resnet18", batchnorm=True)
    assert source is not None
    assert source.words == "ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)"
    assert f"{source.megabytes:.1f}" == "46.8"
    assert abs(source.size - 46_830_571) < 1000


@pytest.mark.parametrize(
    "home",
    [
        {},
        {"TORCH_HOME": "/elsewhere"},
        {"TORCH_HOME": "~/elsewhere"},
        {"XDG_CACHE_HOME": "/elsewhere"},
        {"XDG_CACHE_HOME": None},
        {"XDG_CACHE_HOME": None, "TORCH_HOME": ""},
        {"XDG_CACHE_HOME": "~/caches"},
    ],
)
def test_the_cache_is_torchs(home: dict[str, str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in home.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    assert cache_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_torch_takes_what_we_have_fetched(
    weights: tuple[WeightSource, bytes], user_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, file = weights
    reports: list[tuple[int, int | None]] = []
    with loopback(file) as server:
        serve_at(server.url, monkeypatch)
        assert available(source) is None
        path = obtain(source, report=lambda *each: reports.append(each), cancelled=lambda: False)
        assert available(source) == path
        assert path.is_relative_to(user_home)
        state = torch.hub.load_state_dict_from_url(source.url, progress=False, check_hash=True, weights_only=True)
        assert len(server.ranges) == 1
    assert torch.equal(state["weight"], torch.arange(1000.0))
    assert reports[-1] == (len(file), len(file))


def test_we_take_what_torch_has_fetched(weights: tuple[WeightSource, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    source, file = weights
    with loopback(file) as server:
        serve_at(server.url, monkeypatch)
        torch.hub.load_state_dict_from_url(source.url, progress=False, check_hash=True, weights_only=True)
        path = obtain(source, report=lambda *_: pytest.fail("downloads"), cancelled=lambda: False)
        assert len(server.ranges) == 1
    assert path == available(source)
    assert torch.equal(read_state(path)["weight"], torch.arange(1000.0))


def test_an_incomplete_download_is_known(
    weights: tuple[WeightSource, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, file = weights
    folder = tmp_path / "folder"
    done = 0

    def report(count: int, _: int | None) -> None:
        nonlocal done
        done = count

    with loopback(file, Answer(hang=2048), Answer()) as server:
        serve_at(server.url, monkeypatch)
        assert begun(source, folder=folder) == 0
        with pytest.raises(StopRun):
            obtain(source, report=report, cancelled=lambda: begun(source, folder=folder) == 2048, folder=folder)
        assert begun(source, folder=folder) == 2048
        assert available(source, folder=folder) is None
        path = obtain(source, report=report, cancelled=lambda: False, folder=folder)
    assert available(source, folder=folder) == path
    assert begun(source, folder=folder) == 0
    assert done == len(file)
    assert [each.name for each in folder.iterdir()] == [source.filename]


def test_a_download_that_ends_while_somebody_looks_is_none_to_go_on_from(
    weights: tuple[WeightSource, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window looks many times a second: between two questions the file may have got its final name."""
    source, _ = weights
    monkeypatch.setattr(Path, "is_file", lambda _: True)  # as it was a moment ago
    assert begun(source, folder=tmp_path / "folder") == 0
    assert available(source, folder=tmp_path / "folder") is None


def test_a_truncated_file_is_not_available(weights: tuple[WeightSource, bytes], tmp_path: Path) -> None:
    source, file = weights
    for content in (b"", file[:-2000]):
        (tmp_path / source.filename).write_bytes(content)
        assert available(source, folder=tmp_path) is None
    (tmp_path / source.filename).write_bytes(file)
    assert available(source, folder=tmp_path) == tmp_path / source.filename


def test_the_window_can_state_sizes_before_torch_is_loaded() -> None:
    assert first_to_load(TORCH, ["cnnstudio.models.weight_sources", "cnnstudio.models.download"]) == ""
