import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cnnstudio.core.changes import DROPOUT
from cnnstudio.core.config import Config
from cnnstudio.core.control import ANY_DROPOUT, Change, Control, Watch
from cnnstudio.core.events import Event, StepEnded, Warned
from cnnstudio.core.pictures import DropoutMasks
from cnnstudio.engine import dropout_masks
from cnnstudio.engine.dropout_masks import DropoutGauge, dropout_layers
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.probes import to_tiles
from cnnstudio.engine.resume import LAST
from cnnstudio.engine.trainer import train
from cnnstudio.models.network import Network

Configure = Callable[..., Config]


def prepared_for(configure: Configure, *changes: str) -> Prepared:
    prepared = prepare(configure("model.pretrained=false", *changes), lambda _phase: None, Control())
    prepared.network.train()
    return prepared


def looking_at(layer: str) -> Control:
    control = Control()
    control.watch(Watch(dropout=layer))
    return control


def images(prepared: Prepared, count: int = 4) -> Tensor:
    pixels = torch.from_numpy(prepared.store.pixels[:count])
    return prepared.compute.images(pixels, prepared.mean, prepared.std)


def seen(gauge: DropoutGauge, module: nn.Module, inputs: Tensor, *, step: int = 7) -> list[DropoutMasks | Warned]:
    with gauge.at(module, inputs) as look:
        module(inputs)
    return list(look.pictures(3, mixed=False, step=step))


def picture(gauge: DropoutGauge, module: nn.Module, inputs: Tensor, *, step: int = 7) -> DropoutMasks:
    (found,) = seen(gauge, module, inputs, step=step)
    assert isinstance(found, DropoutMasks)
    return found


def by_hand(network: Network, layer: str, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return what goes into and comes out of a dropout layer for the first image, in the same random state."""
    kept: list[tuple[Tensor, Tensor]] = []

    def keep(_module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        kept.append((given[0][0].detach().clone(), output[0].detach().clone()))

    with network.get_submodule(layer).register_forward_hook(keep):
        network(inputs)
    return kept[0]


@pytest.fixture
def prepared(configure: Configure) -> Prepared:
    return prepared_for(configure, "model.width=8", "model.dropout2d=0.4", "model.head='fully_connected'")


def test_what_dropout2d_removed_is_what_a_pass_by_hand_shows(prepared: Prepared) -> None:
    network, inputs = prepared.network, images(prepared)
    with torch.no_grad():  # a channel that is dead before, whatever the layer does
        for parameter, value in (("weight", 0.0), ("bias", -1.0)):
            network.get_parameter(f"features.5.{parameter}")[2] = value  # of the BatchNorm2d before its ReLU
    layer = "features.6.1"
    state = torch.get_rng_state()
    before, after = by_hand(network, layer, inputs)
    torch.set_rng_state(state)
    found = picture(DropoutGauge(prepared, looking_at(layer)), network, inputs)

    dead = (before == 0).all(2).all(1)
    removed = (after == 0).all(2).all(1) & ~dead
    assert bool(dead[2])
    assert 0 < int(removed.sum()) < len(removed)
    np.testing.assert_array_equal(found.channels, removed.numpy())
    np.testing.assert_array_equal(found.zero, dead.numpy())
    np.testing.assert_array_equal(found.tiles, to_tiles(before))
    np.testing.assert_allclose(found.mean_before, before.mean((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found.mean_after, after.mean((1, 2)), rtol=1e-6)
    stays = ~removed & ~dead
    np.testing.assert_allclose(found.mean_after[stays], found.mean_before[stays] / 0.6, rtol=1e-5)
    assert (found.layer, found.whole, found.p, found.shape) == (layer, True, 0.4, tuple(before.shape))
    assert found.nonzero == int((before != 0).sum())
    assert (found.step, found.image) == (7, str(prepared.store.catalog.images[3].path))
    np.testing.assert_array_equal(found.pixels, prepared.store.pixels[0])


def test_in_a_residual_branch_what_follows_in_place_does_not_show(configure: Configure) -> None:
    prepared = prepared_for(configure, "model.arch='resnet18'", "model.dropout2d=0.4")
    network, inputs, layer = prepared.network, images(prepared), "layer2.0.dropout"
    state = torch.get_rng_state()
    before, after = by_hand(network, layer, inputs)
    torch.set_rng_state(state)
    found = picture(DropoutGauge(prepared, looking_at(layer)), network, inputs)
    assert float(before.min()) < 0  # there is no ReLU before
    np.testing.assert_array_equal(found.tiles, to_tiles(before))
    np.testing.assert_array_equal(found.channels, (after == 0).all(2).all(1).numpy())
    np.testing.assert_allclose(found.mean_after, after.mean((1, 2)), rtol=1e-5, atol=1e-7)
    assert found.places[found.layers.index(layer)] == "behind layer2.0.conv2"


def test_element_wise_dropout_would_have_removed_single_values_that_were_not_zero(prepared: Prepared) -> None:
    gauge = DropoutGauge(prepared, looking_at("features.2.1"))
    inputs = images(prepared)
    before, _ = by_hand(prepared.network, "features.2.1", inputs)
    found = picture(gauge, prepared.network, inputs)
    assert found.values.shape == found.shape == tuple(before.shape)
    assert not found.values[(before == 0).numpy()].any()
    assert found.removed == int(found.values.sum())
    assert found.removed / found.nonzero == pytest.approx(0.4, abs=0.02)
    assert 0 < found.values[0].mean() < 1  # of each map a part


def test_of_element_wise_dropout_on_a_vector_the_values_are_shown(prepared: Prepared) -> None:
    network, inputs = prepared.network, images(prepared)
    layer = next(each.path for each in dropout_layers(network) if not each.whole)
    state = torch.get_rng_state()
    before, after = by_hand(network, layer, inputs)
    torch.set_rng_state(state)
    found = picture(DropoutGauge(prepared, looking_at(layer)), network, inputs)
    assert (found.whole, found.vector, found.p) == (False, True, 0.5)
    assert found.shape[0] == 1
    assert found.shape[1] * found.shape[2] == before.numel()
    np.testing.assert_array_equal(found.values.ravel(), ((before != 0) & (after == 0)).numpy())
    assert found.channels.tolist() == [False]
    assert 0.2 < found.values.sum() / found.nonzero < 0.8


def test_element_wise_dropout_on_maps_has_whole_channels_beside_it(configure: Configure) -> None:
    prepared = prepared_for(configure, "model.arch='nin'", "data.image_size=64")
    found = picture(DropoutGauge(prepared, looking_at("dropout")), prepared.network, images(prepared))
    assert (found.whole, found.vector, found.p) == (False, False, 0.5)
    assert found.values.sum() / found.nonzero == pytest.approx(0.5, abs=0.1)
    assert not (found.channels & found.zero).any()
    alive = int((~found.zero).sum())
    assert found.channels.sum() / alive == pytest.approx(0.5, abs=0.15)


def test_without_a_choice_a_dropout2d_that_learns_is_shown(prepared: Prepared) -> None:
    prepared.network.freeze(3)
    found = picture(DropoutGauge(prepared, looking_at(ANY_DROPOUT)), prepared.network, images(prepared))
    columns = (found.stages, found.places, found.wholes, found.learning)
    layers = {path: rest for path, *rest in zip(found.layers, *columns, strict=True)}
    assert layers["features.2.1"] == ["stage1", "behind features.0", True, False]
    assert layers["features.10.1"] == ["stage3", "behind features.8", True, True]
    assert layers[found.layers[-1]] == ["head", "before classifier.3", False, True]
    assert found.layer == next(path for path, (_, _, whole, learns) in layers.items() if whole and learns)


def test_a_frozen_layer_removes_nothing(prepared: Prepared) -> None:
    prepared.network.freeze(1)
    found = picture(DropoutGauge(prepared, looking_at("features.2.1")), prepared.network, images(prepared))
    assert (found.layer, found.shape, found.p) == ("features.2.1", (0, 0, 0), 0.0)
    assert (len(found.tiles), len(found.channels), found.nonzero) == (0, 0, 0)
    assert found.learning[found.layers.index("features.2.1")] is False


def test_a_network_without_dropout_says_so(configure: Configure) -> None:
    prepared = prepared_for(configure, "model.width=8")
    found = picture(DropoutGauge(prepared, looking_at(ANY_DROPOUT)), prepared.network, images(prepared))
    assert (found.layer, found.layers, found.shape) == ("", (), (0, 0, 0))


def test_where_memory_ran_out_the_pass_that_counted_is_shown(prepared: Prepared) -> None:
    network, inputs = prepared.network, images(prepared, 8)
    gauge = DropoutGauge(prepared, looking_at("features.2.1"))
    with gauge.at(network, inputs) as look:
        network(inputs)  # was too much
        state = torch.get_rng_state()
        network(inputs[:4])
        network(inputs[4:])
    (found,) = look.pictures(0, mixed=True, step=1)
    torch.set_rng_state(state)
    before, after = by_hand(network, "features.2.1", inputs[:4])
    assert isinstance(found, DropoutMasks)
    assert found.mixed
    removed = (before != 0).flatten(1).any(1) & (after == 0).all(2).all(1)
    np.testing.assert_array_equal(found.channels, removed.numpy())


def test_looks_are_as_seldom_as_they_can_be_read_and_leave_no_hook(prepared: Prepared) -> None:
    control = looking_at("features.2.1")
    gauge, inputs = DropoutGauge(prepared, control), images(prepared)
    assert len(seen(gauge, prepared.network, inputs)) == 1
    assert seen(gauge, prepared.network, inputs) == []
    control.watch(Watch(dropout="features.6.1"))
    assert len(seen(gauge, prepared.network, inputs)) == 1
    control.watch(Watch())
    assert seen(gauge, prepared.network, inputs) == []
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in prepared.network.modules())


def test_what_goes_wrong_is_said_once_and_costs_no_step(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_maps: Tensor) -> None:
        raise RuntimeError("no such format\nand more")

    monkeypatch.setattr(dropout_masks, "to_tiles", fails)
    monkeypatch.setattr(dropout_masks, "_SHORTEST", 0.0)
    control = looking_at("features.2.1")
    gauge, inputs = DropoutGauge(prepared, control), images(prepared)
    assert seen(gauge, prepared.network, inputs) == [
        Warned(text="what features.2.1 removes cannot be shown: no such format")
    ]
    gauge.spent(-time.monotonic())  # due again
    assert seen(gauge, prepared.network, inputs) == []


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step be looked at."""
    monkeypatch.setattr(DropoutGauge, "spent", lambda *_: None)


@pytest.mark.usefixtures("eager")
def test_a_run_that_is_watched_is_the_same_bit_by_bit(configure: Configure, tmp_path: Path) -> None:
    config = configure("data.augment=true", "model.dropout2d=0.3", "model.width=8", "model.head='fully_connected'")
    events: list[Event] = []
    plain: list[Event] = []
    train(config, events.append, looking_at(ANY_DROPOUT), out=tmp_path / "watched")
    train(config, plain.append, Control(), out=tmp_path / "alone")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("watched", "alone"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    first, second = (torch.load(tmp_path / name / LAST, weights_only=True) for name in ("watched", "alone"))
    assert all(torch.equal(first["network"][name], second["network"][name]) for name in first["network"])
    losses = [[each.loss for each in told if isinstance(each, StepEnded)] for told in (events, plain)]
    assert losses[0] == losses[1]

    pictures = [each for each in events if isinstance(each, DropoutMasks)]
    assert not [each for each in plain if isinstance(each, DropoutMasks)]
    assert [each.step for each in pictures] == list(range(1, len(pictures) + 1))
    assert len(pictures) == 2 * 5  # each step of both epochs
    assert len({each.channels.tobytes() for each in pictures}) > len(pictures) / 2  # others in each step
    assert {each.p for each in pictures} == {0.3}
    assert len({each.image for each in pictures}) > 1


@pytest.mark.usefixtures("eager")
def test_another_p_is_seen_from_the_next_step_on(configure: Configure, tmp_path: Path) -> None:
    control = looking_at(ANY_DROPOUT)
    pictures: list[DropoutMasks] = []

    def sink(event: Event) -> None:
        if isinstance(event, DropoutMasks):
            pictures.append(event)
            if event.step == 2:
                control.change(Change(DROPOUT, 0.5))

    train(configure("model.width=8", "train.epochs=1"), sink, control, out=tmp_path / "run")
    assert [(each.layer, each.p) for each in pictures] == [("", 0.0)] * 2 + [("features.2.1", 0.5)] * 3
    assert 0.1 < np.mean([each.channels.mean() for each in pictures[2:]]) < 0.9


@pytest.mark.usefixtures("eager")
def test_where_the_lower_part_runs_only_once_only_the_upper_part_drops(configure: Configure, tmp_path: Path) -> None:
    changes = ("transfer.mode='freeze'", "transfer.train_last=2", "model.dropout2d=0.3", "model.pretrained=false")
    events: list[Event] = []
    train(
        configure("model.width=8", "train.epochs=1", *changes),
        events.append,
        looking_at(ANY_DROPOUT),
        out=tmp_path / "run",
    )
    pictures = [each for each in events if isinstance(each, DropoutMasks)]
    assert pictures
    last = pictures[-1]
    assert last.pixels.shape == (0, 0, 3)
    learning = dict(zip(last.layers, last.learning, strict=True))
    assert not learning["features.2.1"]
    assert learning[last.layer]
    assert last.stages[last.layers.index(last.layer)] == "stage4"
