"""Weights from files that somebody else made."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from cnnstudio.core.errors import InputError
from cnnstudio.models.state_files import read_state

STATE = {"conv.weight": torch.arange(4.0), "bn.num_batches_tracked": torch.tensor(3)}


def written(path: Path, tree: object, *, before_1_6: bool = False) -> Path:
    torch.save(tree, path, _use_new_zipfile_serialization=not before_1_6)
    return path


def assert_is_state(state: dict[str, Tensor]) -> None:
    assert set(state) == set(STATE)
    for key, tensor in state.items():
        assert torch.equal(tensor, STATE[key])
        assert not tensor.requires_grad


@pytest.mark.parametrize("before_1_6", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda state: {"model_state_dict": state},
        lambda state: {"model": state, "args": None},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"module._orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}},
        lambda state: state | {"conv.weight": nn.Parameter(state["conv.weight"])},
    ],
)
def test_a_torch_file_is_read_whatever_is_wrapped_around(
    wrap: Callable[[dict[str, Tensor]], object], before_1_6: bool, tmp_path: Path
) -> None:
    assert_is_state(read_state(written(tmp_path / "weights.pth", wrap(STATE), before_1_6=before_1_6)))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_safetensors_file_is_read_and_let_go(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(to_safetensors(STATE))
    state = read_state(path)
    path.write_bytes(b"")  # a file that is mapped would take its tensors with it
    assert_is_state(state)


def test_a_prefix_that_not_all_share_stays(tmp_path: Path) -> None:
    state = {"module.weight": torch.zeros(1), "head.weight": torch.zeros(1)}
    assert set(read_state(written(tmp_path / "weights.pth", state))) == set(state)


def test_our_own_best_weights_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    path.write_bytes(to_safetensors(network.state_dict()))
    network.load_state_dict(read_state(path), strict=True)


class _Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("before_1_6", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_code_is_not_run(deep: bool, before_1_6: bool, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    tree = {"state_dict": STATE, "hook": [_Trap(trap)]} if deep else _Trap(trap)
    path = written(tmp_path / "weights.pth", tree, before_1_6=before_1_6)
    with pytest.raises(InputError, match="which is code and could do anything") as caught:
        read_state(path)
    assert caught.value.where == str(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (nn.Linear(2, 2), "it holds torch.nn.modules.linear.Linear, which is code"),
        ([torch.zeros(1)], "of type list, which is no state dict"),
        (torch.zeros(1), "of type Tensor, which is no state dict"),
        ({}, "it holds no tensors"),
        ({"state_dict": {}}, "it holds no tensors"),
        ({"epoch": 3}, "'epoch' is of type int and no tensor"),
        ({1: torch.zeros(1)}, "its entry 1 is"),
        ({"a": torch.zeros(1, device="meta")}, "tensor a is sparse, quantised or without content"),
    ],
)
def test_what_is_no_state_dict_is_refused(tree: object, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path / "weights.pth", tree)
    with pytest.raises(InputError, match=reason) as caught:
        read_state(path)
    assert caught.value.where == str(path)
    assert "state_dict()" in caught.value.remedy


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0 a photograph", b"<html>", b"x", b"PK\x03\x04", b"12345678{"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match="the weights cannot be read: it is"):
        read_state(path)


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "absent", "no such file"),
        (tmp_path / "empty", "the file is empty"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            read_state(path, remedy="install it again")
        assert caught.value.where == str(path)
        assert caught.value.remedy == "install it again"


@pytest.mark.parametrize("kind", ["zip", "before_1_6", "safetensors"])
def test_damage_is_said_and_never_a_traceback(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path / "weights.pth", STATE, before_1_6=kind == "before_1_6")
    whole = to_safetensors(STATE) if kind == "safetensors" else path.read_bytes()
    rng = random.Random(5)
    refused: list[str] = []
    for number in range(200):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(16, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged[: rng.randrange(20, len(damaged))] if number % 2 else damaged)
        try:
            read_state(path)
        except InputError as error:
            refused.append(error.where)
    assert set(refused) == {str(path)}
    assert len(refused) >= 100  # all that were cut short; changed numbers go unseen


def test_a_type_of_numbers_that_torch_does_not_know_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F128", "shape": [1], "data_offsets": [0, 16]}}).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(InputError, match="damaged, or holds no weights"):
        read_state(path)
