from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.control import MEAN_OF_INPUTS, STRONGEST_INPUT, Control, Watch
from cnnstudio.core.events import Event, StepEnded
from cnnstudio.core.history import epoch_file
from cnnstudio.core.pictures import Filters
from cnnstudio.engine.filters import FilterProbe, StartWeights
from cnnstudio.engine.history import read_epoch
from cnnstudio.engine.trainer import train
from cnnstudio.models import registry


class Some(nn.Module):
    """One convolution of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, (5, 7))
        self.deep = nn.Conv2d(4, 5, 3)
        self.grouped = nn.Conv2d(6, 4, 3, groups=2)
        self.depthwise = nn.Conv2d(5, 10, 3, groups=5)
        self.mixing = nn.Conv2d(10, 7, 1)
        self.head = nn.Linear(7, 2)


@pytest.fixture
def some() -> Some:
    torch.manual_seed(0)
    return Some()


def weight(layer: nn.Conv2d) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return layer.weight.detach().numpy().copy()


def test_kernels_over_the_colours_are_shown_whole(some: Some) -> None:
    found = FilterProbe(some).look(Watch(filters="first"), step=7)
    assert (found.kind, found.shape, found.step, found.frozen) == ("color", (4, 3, 5, 7), 7, False)
    np.testing.assert_array_equal(found.values, weight(some.first))
    assert found.start.size == found.change.size == 0  # nobody has said what they were


def test_one_input_the_mean_and_the_strongest_are_taken_from_deeper_layers(some: Some) -> None:
    probe, whole = FilterProbe(some), weight(some.deep)
    one = probe.look(Watch(filters="deep", map_in=2), step=0)
    assert (one.kind, one.map_in, one.inputs.tolist()) == ("kernels", 2, [2] * 5)
    np.testing.assert_array_equal(one.values, whole[:, 2])
    beyond = probe.look(Watch(filters="deep", map_in=99), step=0)
    assert (beyond.map_in, beyond.inputs.tolist()) == (3, [3] * 5)
    mean = probe.look(Watch(filters="deep", map_in=MEAN_OF_INPUTS), step=0)
    np.testing.assert_allclose(mean.values, whole.mean(1), rtol=1e-5)
    assert mean.inputs.tolist() == [-1] * 5
    strongest = probe.look(Watch(filters="deep", map_in=STRONGEST_INPUT), step=0)
    best = np.linalg.norm(whole.reshape(5, 4, 9), axis=2).argmax(1)
    assert strongest.inputs.tolist() == best.tolist()
    assert len(set(best)) > 1
    np.testing.assert_array_equal(strongest.values, whole[np.arange(5), best])


def test_inputs_are_counted_over_all_groups(some: Some) -> None:
    probe, whole = FilterProbe(some), weight(some.grouped)
    one = probe.look(Watch(filters="grouped", map_in=1), step=0)
    assert (one.shape, one.inputs.tolist()) == ((4, 3, 3, 3), [1, 1, 4, 4])
    np.testing.assert_array_equal(one.values, whole[:, 1])
    depthwise = probe.look(Watch(filters="depthwise", map_in=3), step=0)
    assert (depthwise.kind, depthwise.inputs.tolist()) == ("depthwise", [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    np.testing.assert_array_equal(depthwise.values, weight(some.depthwise)[:, 0])


def test_kernels_of_one_pixel_are_a_matrix(some: Some) -> None:
    found = FilterProbe(some).look(Watch(filters="mixing"), step=0)
    assert (found.kind, found.values.shape, found.inputs.tolist()) == ("mixing", (7, 10), [0] * 7)
    np.testing.assert_array_equal(found.values, weight(some.mixing)[:, :, 0, 0])


@pytest.mark.parametrize("path", ["nowhere", "head", ""])
def test_what_is_no_convolution_cannot_be_found(some: Some, path: str) -> None:
    with pytest.raises(LookupError):
        FilterProbe(some).look(Watch(filters=path), step=0)


def test_only_a_layer_that_is_named_is_wanted(some: Some) -> None:
    assert not FilterProbe(some).wanted(Watch("deep", map_in=3))
    assert FilterProbe(some).wanted(Watch(filters="deep"))


# Change


def test_the_change_is_that_of_the_whole_filter_since_the_start(some: Some) -> None:
    probe, before = FilterProbe(some, StartWeights.of(some, step=40)), weight(some.deep)
    with torch.no_grad():
        some.deep.weight[3] *= 1.25
        some.deep.weight[1, 0] += 1.0  # one kernel of it
    found = probe.look(Watch(filters="deep", map_in=2), step=60)
    changed = np.linalg.norm((weight(some.deep) - before).reshape(5, -1), axis=1)
    np.testing.assert_allclose(found.change, changed / np.linalg.norm(before.reshape(5, -1), axis=1), rtol=1e-5)
    assert (found.change > 0).tolist() == [False, True, False, True, False]
    assert found.change[3] == pytest.approx(0.25, rel=1e-5)
    np.testing.assert_array_equal(found.start, before[:, 2])
    np.testing.assert_array_equal(found.values, weight(some.deep)[:, 2])
    assert (found.start_step, found.step) == (40, 60)


def test_the_strongest_kernel_is_compared_with_the_same_one_at_the_start(some: Some) -> None:
    probe, before = FilterProbe(some, StartWeights.of(some)), weight(some.deep)
    with torch.no_grad():
        some.deep.weight[:, 3] *= 20
    found = probe.look(Watch(filters="deep", map_in=STRONGEST_INPUT), step=1)
    assert found.inputs.tolist() == [3] * 5
    np.testing.assert_array_equal(found.start, before[:, 3])


def test_the_memory_for_the_start_is_bounded(some: Some) -> None:
    layers = {path: each for path, each in some.named_modules() if isinstance(each, nn.Conv2d)}
    numbers = sum(each.weight.numel() for each in layers.values())
    exact, half, part = (StartWeights.of(some, room=room) for room in (4 * numbers, 2 * numbers, 2 * numbers - 1))
    assert {each.dtype for each in exact.weights.values()} == {torch.float32}
    assert {each.dtype for each in half.weights.values()} == {torch.float16}
    assert set(exact.weights) == set(half.weights) == set(layers)
    assert set(layers) - set(part.weights) == {"first"}  # the largest
    found = FilterProbe(some, part).look(Watch(filters="first"), step=1)
    assert found.start.size == found.change.size == 0


@pytest.mark.parametrize("map_in", [0, STRONGEST_INPUT, MEAN_OF_INPUTS])
def test_what_has_not_changed_has_not_changed_in_half_precision_either(some: Some, map_in: int) -> None:
    start = StartWeights.of(some, room=2 * sum(each.numel() for each in some.parameters()))
    assert start.weights["deep"].dtype == torch.float16
    with torch.no_grad():
        some.deep.weight[4] *= 1.5
    found = FilterProbe(some, start).look(Watch(filters="deep", map_in=map_in), step=1)
    np.testing.assert_array_equal(found.start[:4], found.values[:4])
    assert found.change[:4].tolist() == [0] * 4
    assert found.change[4] == pytest.approx(0.5, rel=1e-3)
    np.testing.assert_allclose(1.5 * found.start[4], found.values[4], rtol=1e-3, atol=1e-6)


def test_a_run_that_goes_on_is_compared_with_its_first_weights_where_they_are_kept(some: Some, tmp_path: Path) -> None:
    file = epoch_file(tmp_path, 0)
    file.parent.mkdir()
    first = {name: each.detach().clone() for name, each in some.state_dict().items()}
    save_file(first, file, {"epoch": "0", "step": "0"})
    with torch.no_grad():
        some.deep.weight += 1
    kept = StartWeights.of_run(some, 40, tmp_path)
    assert kept.step == 0
    assert all(torch.equal(each, first[f"{path}.weight"]) for path, each in kept.weights.items())
    assert StartWeights.of_run(some, 0, tmp_path).weights["deep"].equal(some.deep.weight)  # it begins with these
    file.write_bytes(b"damaged")
    now = StartWeights.of_run(some, 40, tmp_path)
    assert now.step == 40
    assert now.weights["deep"].equal(some.deep.weight)


# A real network


def test_weights_are_those_of_that_step_value_by_value_and_looking_leaves_no_trace() -> None:
    torch.manual_seed(1)
    network = registry.build(ModelConfig(arch="compact"), classes=3).to(memory_format=torch.channels_last)
    probe = FilterProbe(network, StartWeights.of(network))
    layer = network.get_submodule("features.4")
    assert isinstance(layer, nn.Conv2d)
    before = weight(layer)
    looked = [probe.look(Watch(filters="features.4", map_in=5), step=0)]
    for step in (1, 2):
        network.zero_grad()
        network(torch.randn(2, 3, 32, 32)).square().sum().backward()
        with torch.no_grad():
            for each in network.parameters():
                assert each.grad is not None
                each.sub_(0.01 * each.grad)
        random, state = torch.get_rng_state(), {key: each.clone() for key, each in network.state_dict().items()}
        looked.append(probe.look(Watch(filters="features.4", map_in=5), step=step))
        now = state["features.4.weight"].contiguous().numpy()
        np.testing.assert_array_equal(looked[-1].values, now[:, 5])
        np.testing.assert_array_equal(looked[-1].start, before[:, 5])
        assert torch.equal(random, torch.get_rng_state())
        assert network.training
        assert all(torch.equal(state[key], each) for key, each in network.state_dict().items())
    np.testing.assert_array_equal(looked[0].values, before[:, 5])  # a copy: later steps do not reach it
    assert (looked[0].values != looked[1].values).any()
    assert looked[0].change.max() == 0 < looked[1].change.min()


def test_frozen_layers_are_told_as_such() -> None:
    network = registry.build(ModelConfig(arch="resnet18"), classes=3)
    network.freeze(1)
    assert FilterProbe(network).look(Watch(filters="conv1"), step=0).frozen
    network.freeze(None)
    assert not FilterProbe(network).look(Watch(filters="conv1"), step=0).frozen


def test_a_run_shows_its_filters_from_the_first_step_on(configure: Callable[..., Config], tmp_path: Path) -> None:
    control, seen = Control(), list[Filters]()

    def sink(event: Event) -> None:
        if isinstance(event, Filters):
            seen.append(event)
        if isinstance(event, StepEnded):  # at once before the next step
            control.watch(replace(control.watched, map_in=event.step % 3))

    control.watch(Watch(filters="features.0"))
    train(configure("train.epochs=1"), sink, control, out=tmp_path / "run")
    assert [each.step for each in seen[:3]] == [0, 1, 2]
    first, last = (read_epoch(tmp_path / "run", epoch).tensors["features.0.weight"].numpy() for epoch in (0, 1))
    np.testing.assert_array_equal(seen[0].values, first)
    for each in seen:
        np.testing.assert_array_equal(each.start, first)
        assert (each.start_step, each.frozen) == (0, False)
    assert seen[-1].step == 5  # it is looked at while the epoch is validated, too
    np.testing.assert_array_equal(seen[-1].values, last)
    assert seen[0].change.max() == 0 < seen[1].change.min()
