"""What pretrained weights would do, found out without reading their numbers: the same as when they are loaded."""

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import Config, ModelConfig, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.models.create import create, rehearse
from cnnstudio.models.state_files import read_state
from tests.models.made_weights import KINDS, Kind, written, zeros


def starting_from(path: Path | None, *settings: str) -> Config:
    config = load_config(None, ("transfer.mode=finetune", *settings))
    return config if path is None else config.replace("model.pretrained", str(path))


def assert_as_created(config: Config, classes: int = 6) -> None:
    network, report = rehearse(config, classes)
    made, expected = create(config, classes)
    assert report == expected
    assert all(each.is_meta for each in network.state_dict().values())
    assert {key: each.shape for key, each in network.state_dict().items()} == {
        key: each.shape for key, each in made.state_dict().items()
    }
    assert network.last_layers == made.last_layers
    assert network.notes.keys() == made.notes.keys()


@pytest.mark.parametrize(
    "settings",
    [(), ("model.batchnorm=false",), ("model.padding=reflect", "model.dropout2d=0.1"), ("transfer.mode=freeze",)],
)
@pytest.mark.parametrize("arch", ["resnet18", "efficientnet_lite0"])
def test_the_report_is_that_of_the_run(arch: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    file = None
    if arch == "resnet18":
        file = written(tmp_path / "weights.pth", zeros(ModelConfig(arch=arch)))
    assert_as_created(starting_from(file, f"model.arch={arch}", *settings))


def test_auxiliary_heads_end_in_new_layers_too(tmp_path: Path) -> None:
    file = written(tmp_path / "weights.pth", zeros(ModelConfig(arch="googlenet")))
    for settings in ((), ("model.aux=0",)):
        assert_as_created(starting_from(file, "model.arch=googlenet", *settings))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["global_average", "convolutional", "fully_connected"])
def test_another_head_takes_what_fits(head: str, kind: Kind, tmp_path: Path) -> None:
    small = ModelConfig(depth=2, width=8)
    state = zeros(small.model_copy(update={"head": "fully_connected"}), classes=10)
    file = written(tmp_path / "weights", state | {"ema.decay": torch.zeros(3)}, kind)
    config = starting_from(file, f"model.head={head}", "model.depth=2", "model.width=8")
    assert_as_created(config)
    network, report = rehearse(config, 6)
    assert "ema.decay" in report.skipped
    assert network.notes[network.head] == ("10 → 6 classes" if head == "fully_connected" else "new, 6 classes")


def test_weights_that_lack_some_tensors_say_which(tmp_path: Path) -> None:
    state = zeros(ModelConfig(arch="resnet18"))
    lacking = {key: each for key, each in state.items() if not key.startswith(("layer4.1.", "fc."))}
    config = starting_from(written(tmp_path / "weights.pth", lacking), "model.arch=resnet18")
    assert_as_created(config)
    assert set(rehearse(config, 6)[1].missing) == {
        key for key in state if key.startswith("layer4.1.") and not key.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_those_of_the_tensors_and_take_no_room(kind: Kind, tmp_path: Path) -> None:
    state = {"a": torch.zeros(2, 3), "b": torch.tensor(3), "c": torch.zeros(4, dtype=torch.bfloat16)}
    path = written(tmp_path / "weights", {f"module.{key}": each for key, each in state.items()}, kind)
    found = read_state(path, shapes_only=True)
    assert {key: (each.shape, each.dtype, each.device.type) for key, each in found.items()} == {
        key: (each.shape, each.dtype, "meta") for key, each in state.items()
    }
    path.write_bytes(b"")  # nothing of it is held


class _Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("before_1_6", [False, True])
def test_code_is_not_run(before_1_6: bool, tmp_path: Path) -> None:
    trap, path = tmp_path / "ran", tmp_path / "weights.pth"
    tree = {"state_dict": {"a": torch.zeros(1)}, "hook": [_Trap(trap)]}
    torch.save(tree, path, _use_new_zipfile_serialization=not before_1_6)
    with pytest.raises(InputError, match="which is code and could do anything") as caught:
        read_state(path, shapes_only=True)
    assert caught.value.where == str(path)
    assert not trap.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_short_is_refused_although_its_numbers_are_not_read(kind: Kind, tmp_path: Path) -> None:
    path = written(tmp_path / "weights", {"a": torch.zeros(500), "b": torch.zeros(3)}, kind)
    whole = path.read_bytes()
    for length in range(20, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="the weights cannot be read: it"):
            read_state(path, shapes_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_said_and_never_a_traceback(kind: Kind, tmp_path: Path) -> None:
    path = written(tmp_path / "weights", {"conv.weight": torch.arange(4.0), "bn.bias": torch.zeros(2)}, kind)
    whole, rng = path.read_bytes(), random.Random(5)
    refused: set[str] = set()
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(16, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_state(path, shapes_only=True)
        except InputError as error:
            refused.add(error.where)
    assert refused == {str(path)}


def test_keys_of_two_kinds_are_said(tmp_path: Path) -> None:
    state = {"_conv_stem.weight": torch.zeros(32, 3, 3, 3), "fc.weight": torch.zeros(2, 2)}
    config = starting_from(written(tmp_path / "weights.pth", state), "model.arch=efficientnet_lite0")
    for make in (create, rehearse):
        with pytest.raises(InputError, match="some of their keys are EfficientNet-Lite's and others are not"):
            make(config, 6)


@pytest.mark.parametrize("state", [{"a": torch.zeros(1)}, {"conv1.weight": torch.zeros(1, 2, 3, 4)}])
def test_weights_of_another_network_are_refused_alike(state: dict[str, Tensor], tmp_path: Path) -> None:
    config = starting_from(written(tmp_path / "weights.pth", state), "model.arch=resnet18")
    for make in (create, rehearse):
        with pytest.raises(InputError, match=r"no tensor of weights\.pth fits this network"):
            make(config, 6)
