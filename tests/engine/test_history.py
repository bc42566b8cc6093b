"""The weights of each epoch: what is kept, for how long, and that nothing which goes wrong there ends a run."""

import errno
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, RunEnded
from cnnstudio.core.history import LostEpochError, epoch_file, kept_epochs
from cnnstudio.engine import history as module
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.history import History, read_epoch, weights_of, write_weights
from tests.engine.faults import SMALL, warnings
from tests.engine.kept_runs import learn, state_of
from tests.engine.resumed_runs import resume, run

Configure = Callable[..., Config]


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 2))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_the_first_epoch_is_kept_whole_and_the_others_as_far_as_they_differ(network: nn.Module, tmp_path: Path) -> None:
    history = History(tmp_path)
    first = state_of(network, 0)
    history.keep(first)
    learn(network, "2.")
    second = state_of(network, 1, best=1)
    history.keep(second)
    history.keep(state_of(network, 2, batch=3))  # within an epoch
    assert kept_epochs(tmp_path) == (0, 1)
    assert read_epoch(tmp_path, 1).keys == {"2.weight", "2.bias"}
    assert (read_epoch(tmp_path, 1).step, read_epoch(tmp_path, 1).base) == (10, 0)
    assert same(weights_of(tmp_path, 0), first["network"])
    assert same(weights_of(tmp_path, 1), second["network"])
    assert history.trouble() is None


def test_of_what_comes_as_the_same_object_again_nothing_is_read_or_compared(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path)
    first = state_of(network, 0)
    history.keep(first)
    compared: list[torch.Tensor] = []
    digest = module._digest

    def noted(each: torch.Tensor) -> bytes:
        compared.append(each)
        return digest(each)

    monkeypatch.setattr(module, "_digest", noted)
    state = first
    for epoch, digests in ((1, 4), (2, 2)):  # those of the first epoch are read once
        learn(network, "2.")
        compared.clear()
        learnt = state_of(network, epoch)
        state = {**learnt, "network": {**state["network"], **{k: learnt["network"][k] for k in ("2.weight", "2.bias")}}}
        history.keep(state)
        assert same(weights_of(tmp_path, epoch), state["network"])
        assert read_epoch(tmp_path, epoch).keys == {"2.weight", "2.bias"}
        assert len(compared) == digests
        assert {each.shape for each in compared} == {state["network"][key].shape for key in ("2.weight", "2.bias")}
    assert {id(each) for each in compared} == {id(state["network"][key]) for key in ("2.weight", "2.bias")}


def test_where_an_average_is_validated_it_is_kept(network: nn.Module, tmp_path: Path) -> None:
    state = state_of(network, 1)
    state["average"] = {"weights": {"2.bias": torch.tensor([5.0, 6.0])}}
    History(tmp_path).keep(state)
    assert weights_of(tmp_path, 1)["2.bias"].tolist() == [5.0, 6.0]
    assert torch.equal(weights_of(tmp_path, 1)["2.weight"], state["network"]["2.weight"])


def test_within_the_budget_every_epoch_stays_and_beyond_it_every_other_one_goes(
    network: nn.Module, tmp_path: Path
) -> None:
    whole = History(tmp_path / "probe")
    (tmp_path / "probe").mkdir()
    (tmp_path / "thin").mkdir()
    for epoch in range(2):
        learn(network, seed=epoch)
        whole.keep(state_of(network, epoch))
    size = epoch_file(tmp_path / "probe", 1).stat().st_size
    history = History(tmp_path / "thin", budget=5 * size + 100)
    seen = []
    for epoch in range(13):
        learn(network, seed=epoch)
        history.keep(state_of(network, epoch, best=min(epoch, 3) or None))
        seen.append(kept_epochs(tmp_path / "thin"))
        beside = [epoch_file(tmp_path / "thin", each).stat().st_size for each in seen[-1][1:]]
        assert sum(beside) <= 5 * size + 100
    assert seen[5] == (0, 1, 2, 3, 4, 5)
    assert seen[6] == (0, 2, 3, 4, 6)
    assert seen[12] == (0, 3, 4, 8, 10, 12)
    for epoch in seen[12]:
        weights_of(tmp_path / "thin", epoch)  # all can be read, the first one being there


def test_first_best_and_last_stay_whatever_their_size(network: nn.Module, tmp_path: Path) -> None:
    history = History(tmp_path, budget=1)
    for epoch in range(6):
        learn(network, seed=epoch)
        history.keep(state_of(network, epoch, best=min(epoch, 2) or None))
    assert kept_epochs(tmp_path) == (0, 2, 5)


def test_a_run_that_goes_on_from_before_forgets_what_came_later(network: nn.Module, tmp_path: Path) -> None:
    for epoch in range(5):
        learn(network, seed=epoch)
        History(tmp_path).keep(state_of(network, epoch))
    History(tmp_path).keep(state_of(network, 2))
    assert kept_epochs(tmp_path) == (0, 1, 2)


def test_without_a_first_epoch_that_can_be_read_the_next_ones_are_whole(network: nn.Module, tmp_path: Path) -> None:
    History(tmp_path).keep(state_of(network, 4))
    assert read_epoch(tmp_path, 4).base is None
    epoch_file(tmp_path, 4).write_bytes(b"nonsense")
    History(tmp_path).keep(state_of(network, 5))
    assert same(weights_of(tmp_path, 5), state_of(network, 5)["network"])


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_epoch_is_named(network: nn.Module, tmp_path: Path, content: bytes | None) -> None:
    for epoch in range(3):
        learn(network, seed=epoch)
        History(tmp_path).keep(state_of(network, epoch))
    path = epoch_file(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(LostEpochError, match="the weights of epoch 1 are damaged") as told:
        weights_of(tmp_path, 1)
    assert told.value.where == str(path)
    assert weights_of(tmp_path, 2)
    with pytest.raises(LostEpochError, match="the weights of epoch 7 are not kept"):
        weights_of(tmp_path, 7)


def test_a_full_disk_is_told_once_and_leaves_what_was_kept(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path)
    history.keep(state_of(network, 0))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_file", full)
        history.keep(state_of(network, 1))
        trouble = history.trouble()
        history.keep(state_of(network, 2))
    assert trouble is not None
    assert trouble.text == "the weights of epoch 1 are not kept for the time machine: no space left on device"
    assert trouble.path == str(tmp_path / "history")
    assert history.trouble() is None
    history.keep(state_of(network, 3))  # there is room again
    assert kept_epochs(tmp_path) == (0, 3)


def test_the_room_for_checkpoints_is_left_alone(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "last.ckpt").write_bytes(bytes(5000))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10_000, 4_000, 6_000))
    history = History(tmp_path)
    history.keep(state_of(network, 0))
    trouble = history.trouble()
    assert trouble is not None
    assert trouble.text.endswith("the disk has room for checkpoints only")
    assert kept_epochs(tmp_path) == ()


def test_an_epoch_becomes_a_file_of_weights(network: nn.Module, tmp_path: Path) -> None:
    for epoch in range(2):
        learn(network, "2.", seed=epoch)
        History(tmp_path).keep(state_of(network, epoch))
    write_weights(tmp_path, 1, tmp_path / "one.safetensors")
    assert same(load_file(tmp_path / "one.safetensors"), weights_of(tmp_path, 1))
    with pytest.raises(InputError, match="the weights cannot be written"):
        write_weights(tmp_path, 1, tmp_path / "missing" / "one.safetensors")


# In a run


def epochs_of(events: list[Event]) -> list[EpochEnded]:
    return [event for event in events if isinstance(event, EpochEnded)]


def test_a_run_keeps_what_it_has_validated_and_a_resumed_one_goes_on_to_the_same(
    configure: Configure, tmp_path: Path
) -> None:
    config = configure(*SMALL, "train.epochs=3", "train.ema=0.5", "model.dropout2d=0.2")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    events = run(config, whole)
    assert kept_epochs(whole) == (0, 1, 2, 3)
    best = next(epoch.epoch for epoch in reversed(epochs_of(events)) if epoch.best)
    assert same(weights_of(whole, best), load_file(whole / "model.safetensors"))
    assert [read_epoch(whole, epoch, ()).step for epoch in range(4)] == [0, 5, 10, 15]

    run(config, parts, stop_at=7)
    assert kept_epochs(parts) == (0, 1)
    resume(parts)
    assert kept_epochs(parts) == (0, 1, 2, 3)
    for epoch in range(4):
        assert same(weights_of(parts, epoch), weights_of(whole, epoch))


def test_of_a_frozen_network_only_the_head_is_kept_and_any_epoch_can_be_asked(
    configure: Configure, tmp_path: Path
) -> None:
    config = configure(*SMALL, "transfer.mode=freeze", "model.pretrained=false")
    run(config, tmp_path / "run")
    assert {key.partition(".")[0] for key in read_epoch(tmp_path / "run", 2).keys} == {"classifier"}
    model = load_model(tmp_path / "run", device="cpu", epoch=1)
    assert same(dict(model.network.state_dict()), weights_of(tmp_path / "run", 1))
    with pytest.raises(LostEpochError):
        load_model(tmp_path / "run", epoch=9)


def test_a_run_goes_on_without_its_history(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "write_file", full)
    events = run(configure(*SMALL), tmp_path / "run")
    assert len([text for text in warnings(events) if "time machine" in text]) == 1
    last = events[-1]
    assert isinstance(last, RunEnded)
    assert last.reason == "finished"
    assert kept_epochs(tmp_path / "run") == ()
