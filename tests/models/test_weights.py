"""Loading pretrained weights, and the account of it."""

from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import ModelConfig
from cnnstudio.core.errors import InputError
from cnnstudio.models import weights
from cnnstudio.models.registry import build, cards
from cnnstudio.models.weights import LoadReport, load_pretrained

PRETRAINED = [each.name for each in cards() if each.pretrained]


@pytest.mark.parametrize("arch", PRETRAINED)
def test_every_tensor_is_loaded(arch: str) -> None:
    network = build(ModelConfig(arch=arch), classes=1000)
    report = load_pretrained(network, arch)
    assert set(report.loaded) == set(network.state_dict())
    assert report.missing == report.skipped == ()
    assert report.sentence() == f"{report.source}: all {len(report.loaded)} tensors loaded"


@pytest.mark.parametrize("arch", PRETRAINED)
def test_a_network_of_another_kind_takes_nothing_silently(arch: str) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_pretrained(build(ModelConfig(arch=arch), classes=10), arch)


def test_sentence_names_what_is_left_over_and_what_is_missing() -> None:
    report = LoadReport("VGG-16", loaded=("a",), missing=("b", "c"), skipped=tuple("defghi"))
    assert report.sentence() == (
        "VGG-16: 1 of 7 tensors loaded; not used: d, e, f, g and 2 more; random, as the file has none: b, c"
    )


class _Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "code"])
def test_weights_that_cannot_be_read_are_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, trap = tmp_path / "weights.pth", tmp_path / "ran"
    torch.save({"_fc.bias": _Trap(trap)} if damage == "code" else {"_fc.bias": torch.zeros(1000)}, path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "missing":
        path.unlink()
    monkeypatch.setitem(weights._SOURCES, "efficientnet_lite0", _pointing_at(path))
    network = build(ModelConfig(arch="efficientnet_lite0"), classes=1000)
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_pretrained(network, "efficientnet_lite0")
    assert caught.value.where == str(path)
    assert not trap.exists()


def _pointing_at(path: Path) -> weights._Source:
    return weights._Source("some weights", lambda: str(path), dict)
