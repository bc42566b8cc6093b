"""What a switch does to the feature maps of an image, against direct forward passes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.engine import variants
from cnnstudio.engine.consequence import Consequences, Maps, side_by_side
from cnnstudio.models import registry
from cnnstudio.models.create import create
from cnnstudio.models.network import Network
from cnnstudio.models.steady import steady_weights

PHOTO = np.ascontiguousarray(load_sample_image("china.jpg")[100:164, 100:164])
LARGE = np.ascontiguousarray(load_sample_image("china.jpg")[:224, :224])


@pytest.fixture(scope="module")
def source() -> Consequences:
    return Consequences()


def config(arch: str = "compact", **switches: Any) -> Config:
    made = Config().replace("model.arch", arch)
    for name, value in switches.items():
        made = made.replace(f"transfer.{name}" if name == "mode" else f"model.{name}", value)
    return made


def images(arch: str, pixels: NDArray[np.uint8] = PHOTO) -> Tensor:
    """Return an image as the architecture's card wants it, computed by hand."""
    how = registry.card(arch).preprocessing
    scaled = (pixels / 255.0 - np.array(how.mean)) / np.array(how.std)
    return torch.from_numpy(scaled.astype(np.float32).transpose(2, 0, 1))[None]


@torch.no_grad()
def direct(network: Network, layer: str, batch: Tensor) -> NDArray[np.float32]:
    """Return the output of a layer in an ordinary forward pass, copied before anything works on it in place."""
    seen: list[Tensor] = []
    network.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: seen.append(output.clone()))
    network(batch)
    values: NDArray[np.float32] = seen[0][0].numpy()
    return values


# Values


@pytest.mark.parametrize("layer", ["features.0.0", "features.0.1", "features.2.1.block.1", "features.2.1.add"])
def test_pretrained_maps_are_those_of_the_network_of_a_run(source: Consequences, layer: str) -> None:
    lite = config("efficientnet_lite0", mode="freeze")
    found = source.maps_of(lite, 6, layer, PHOTO)
    network, _ = create(lite, 6)
    np.testing.assert_allclose(
        found.values, direct(network.eval(), layer, images("efficientnet_lite0")), rtol=1e-3, atol=1e-4
    )
    assert (found.layer, found.random) == (layer, False)
    assert found.weights.startswith("EfficientNet-Lite0")


@pytest.mark.parametrize("layer", ["conv1", "bn1", "act1", "layer1.0.conv2", "layer1.0.relu", "layer2", "layer3.1.bn2"])
def test_random_batchnorm_normalises_by_the_image_as_while_training(source: Consequences, layer: str) -> None:
    network = registry.build(config("resnet18").model, classes=6)
    network.load_state_dict(steady_weights(config("resnet18"), 6).state, strict=False)
    wanted = direct(network.train(), layer, images("resnet18"))
    np.testing.assert_allclose(
        source.maps_of(config("resnet18"), 6, layer, PHOTO).values, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max()
    )


def test_maps_before_a_relu_in_place_keep_their_negative_values(source: Consequences) -> None:
    plain = config(batchnorm=False)
    weights = steady_weights(plain, 6).state
    convolved = nn.functional.conv2d(
        images("compact"), weights["features.0.weight"], weights["features.0.bias"], padding=1
    )
    found = source.maps_of(plain, 6, "features.0", PHOTO)
    assert found.values.min() < 0
    np.testing.assert_allclose(found.values, convolved[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(
        source.maps_of(plain, 6, "features.1", PHOTO).values, convolved[0].relu().numpy(), atol=1e-5
    )


def test_maps_are_not_flat_however_deep_a_random_network_is(source: Consequences) -> None:
    deep = source.maps_of(config("resnet34"), 6, "layer4", LARGE)
    assert deep.shape == (512, 7, 7)
    assert (deep.values.std((1, 2)) > 0).mean() > 0.95


def test_looking_leaves_no_trace_in_torchs_random_numbers(source: Consequences) -> None:
    before = torch.get_rng_state()
    source.compare(config(), config(dropout2d=0.4), 6, "features.2", PHOTO)
    assert torch.equal(torch.get_rng_state(), before)


# Switches


def test_padding_changes_the_border_most(source: Consequences) -> None:
    found = source.compare(config(), config(padding="reflect"), 6, "features.4", PHOTO)  # the second convolution
    assert found.before is not None
    difference = np.abs(found.after.values - found.before.values).mean(0)
    centre = difference[4:-4, 4:-4].mean()
    border = np.concatenate([difference[0], difference[-1], difference[:, 0], difference[:, -1]]).mean()
    assert border > 20 * centre
    assert found.change is not None
    assert 0 < found.change < 0.5


def test_without_padding_maps_shrink_and_their_middle_stays(source: Consequences) -> None:
    found = source.compare(config(batchnorm=False), config(batchnorm=False, padding="valid"), 6, "features.0", PHOTO)
    assert found.before is not None
    assert (found.before.shape, found.after.shape) == ((32, 64, 64), (32, 62, 62))
    np.testing.assert_allclose(found.after.values, found.before.values[:, 1:-1, 1:-1], atol=1e-5)
    assert found.change == pytest.approx(0, abs=1e-5)


def test_batchnorm_that_is_folded_changes_nothing(source: Consequences) -> None:
    lite = config("efficientnet_lite0", mode="freeze")
    found = source.compare(lite, lite.replace("model.batchnorm", False), 6, "features.3.1", LARGE)
    assert found.before is not None
    assert np.abs(found.after.values - found.before.values).max() <= 1e-3 * np.abs(found.before.values).max()
    assert found.change is not None
    assert found.change < 1e-4
    assert found.after.weights.endswith("BatchNorm folded into the convolutions")


def test_batchnorm_of_random_weights_changes_the_values(source: Consequences) -> None:
    found = source.compare(config("resnet18"), config("resnet18", batchnorm=False), 6, "layer2", PHOTO)
    assert found.before is not None
    assert found.change is not None
    assert found.change > 0.2


@pytest.mark.parametrize("batchnorm", [True, False])
def test_dropout_drops_its_share_of_channels(source: Consequences, batchnorm: bool) -> None:
    without = config("resnet18", batchnorm=batchnorm)
    found = source.compare(without, without.replace("model.dropout2d", 0.3), 6, "act1.1", PHOTO)
    assert found.before is not None
    assert (found.before.layer, found.after.layer) == ("act1", "act1.1")
    dropped = ~found.after.values.any((1, 2)) & found.before.values.any((1, 2))
    assert 0.15 < dropped.mean() < 0.45
    assert not found.tiles_after[dropped].any()
    np.testing.assert_allclose(found.after.values[~dropped], found.before.values[~dropped] / 0.7, rtol=1e-4, atol=1e-6)


def test_dropout_drops_the_same_channels_again_and_more_with_a_higher_share() -> None:
    def dropped(p: float) -> NDArray[np.bool_]:
        maps = Consequences().maps_of(config(dropout2d=p), 6, "features.2.1", PHOTO)
        return np.asarray(~maps.values.any((1, 2)))

    assert np.array_equal(dropped(0.3), dropped(0.3))
    assert not (dropped(0.3) & ~dropped(0.6)).any()


@pytest.mark.parametrize(("arch", "mode"), [("resnet18", "scratch"), ("efficientnet_lite0", "freeze")])
def test_dropout_does_not_blow_deep_maps_up(source: Consequences, arch: str, mode: str) -> None:
    layer = {"resnet18": "layer4", "efficientnet_lite0": "features.7"}[arch]
    without = config(arch, mode=mode)
    found = source.compare(without, without.replace("model.dropout2d", 0.3), 6, layer, LARGE)
    assert found.before is not None
    assert 0.5 < found.after.values.std() / found.before.values.std() < 2


def test_a_head_changes_nothing_before_it(source: Consequences) -> None:
    found = source.compare(config(), config(head="convolutional"), 6, "features.12", PHOTO)
    assert found.change == pytest.approx(0, abs=1e-6)
    assert found.after.values.any()


def test_another_seed_has_other_weights(source: Consequences) -> None:
    one, other = (source.maps_of(config().replace("train.seed", seed), 6, "features.0", PHOTO) for seed in (0, 1))
    assert not np.allclose(one.values, other.values)


# Layers


@pytest.mark.parametrize(
    ("layer", "then"),
    [
        ("features.4", "features.3"),  # the second convolution
        ("features.5", "features.3"),  # its BatchNorm, which was not there
        ("features.6", "features.4"),
        ("features.8", "features.6"),
    ],
)
def test_positions_that_shift_are_matched(source: Consequences, layer: str, then: str) -> None:
    found = source.compare(config("vgg11", batchnorm=False), config("vgg11", batchnorm=True), 6, layer, PHOTO)
    assert found.before is not None
    assert (found.before.layer, found.after.layer) == (then, layer)
    assert found.before.shape == found.after.shape


def test_a_layer_that_has_vanished_is_shown_as_it_was(source: Consequences) -> None:
    found = source.compare(config("resnet18"), config("resnet18", batchnorm=False), 6, "layer1.0.bn1", PHOTO)
    assert found.before is not None
    assert (found.before.layer, found.after.layer) == ("layer1.0.bn1", "layer1.0.conv1")


@pytest.mark.parametrize(
    ("arch", "layer", "shown"),
    [
        ("resnet18", "fc", "layer4.1.relu"),
        ("resnet18", "avgpool", "layer4.1.relu"),
        ("vgg11", "classifier.3", "avgpool"),
        ("googlenet", "aux1.fc1", "inception4a.concat"),
        ("mobilenet_v3_small", "features.1.block.1.fc1", "features.1.block.0.2"),
    ],
)
def test_a_layer_without_maps_gives_way_to_the_one_before(
    source: Consequences, arch: str, layer: str, shown: str
) -> None:
    assert source.maps_of(config(arch), 6, layer, LARGE).layer == shown


def test_where_the_image_ends_the_last_layer_that_it_reaches_is_compared(source: Consequences) -> None:
    found = source.compare(config("resnet18"), config("resnet18", padding="valid"), 6, "layer4", LARGE)
    assert found.before is not None
    assert found.after.layer == found.before.layer
    assert found.after.layer.startswith("layer3")
    assert found.before.shape[1:] == (14, 14)


def test_a_layer_that_is_nowhere_is_refused_or_taken_for_the_first(source: Consequences) -> None:
    with pytest.raises(InputError, match="there is no layer conv9"):
        source.maps_of(config(), 6, "conv9", PHOTO)
    assert source.compare(None, config(), 6, "conv9", PHOTO).after.layer == "features.0"


def test_what_cannot_be_is_said(source: Consequences) -> None:
    with pytest.raises(InputError, match="has no pretrained weights"):
        source.compare(config(), config(mode="finetune"), 6, "features.0", PHOTO)
    with pytest.raises(InputError, match="too few"):
        source.maps_of(config("nin", padding="valid"), 6, "features.0", PHOTO[:8, :8].copy())
    assert source.compare(config(mode="finetune"), config(), 6, "features.0", PHOTO).before is None


# On the screen


def maps(values: Any) -> Maps:
    return Maps("conv", np.asarray(values, np.float32), "random weights", random=True)


def test_both_sides_of_a_channel_are_scaled_alike() -> None:
    before = maps([[[0.0, 2.0]], [[-1.0, 1.0]]])
    after = maps([[[1.0, 4.0]], [[0.0, 1.0]]])
    found = side_by_side(before, after)
    assert found.tiles_before is not None
    assert found.tiles_before.tolist() == [[[0, 128]], [[0, 255]]]
    assert found.tiles_after.tolist() == [[[64, 255]], [[128, 255]]]
    assert found.change == pytest.approx((1 + 2 + 1 + 0) / (0 + 2 + 1 + 1))


def test_a_channel_that_is_dropped_is_dark_even_where_values_have_signs() -> None:
    found = side_by_side(maps([[[-1.0, 1.0]]]), maps([[[0.0, 0.0]]]))
    assert found.tiles_after.tolist() == [[[0, 0]]]
    assert found.change == 1


def test_other_channels_are_scaled_on_their_own() -> None:
    found = side_by_side(maps([[[0.0, 2.0]]]), maps([[[0.0, 4.0]], [[1.0, 2.0]]]))
    assert found.tiles_before is not None
    assert (found.tiles_before.tolist(), found.tiles_after.tolist()) == ([[[0, 255]]], [[[0, 255]], [[0, 255]]])
    assert found.change is None


def test_smaller_maps_are_compared_with_the_middle() -> None:
    whole = np.arange(16.0).reshape(1, 4, 4)
    assert side_by_side(maps(whole), maps(whole[:, 1:3, 1:3])).change == 0
    assert side_by_side(maps(whole * 0), maps(whole * 0)).change == 0
    assert side_by_side(maps(whole * 0), maps(whole)).change is None  # a share of nothing


def test_alone_maps_are_scaled_on_their_own() -> None:
    found = side_by_side(None, maps([[[3.0, 5.0]]]))
    assert (found.before, found.tiles_before, found.change) == (None, None, None)
    assert found.tiles_after.tolist() == [[[0, 255]]]


# Time


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the layers up to which forward passes have gone."""
    gone: list[str] = []
    run = variants._run_to

    def counting(network: Network, layer: str, batch: Tensor) -> Tensor:
        gone.append(layer)
        return run(network, layer, batch)

    monkeypatch.setattr(variants, "_run_to", counting)
    return gone


def test_a_turn_costs_one_pass_up_to_the_layer_and_the_way_back_none(passes: list[str]) -> None:
    source = Consequences()
    source.compare(None, config(), 6, "features.4", PHOTO)
    assert passes == ["features.19", "features.4"]  # the statistics of BatchNorm, once for an image
    source.compare(config(), config(padding="valid"), 6, "features.4", PHOTO)
    assert passes[2:] == ["features.4"]
    source.compare(config(padding="valid"), config(), 6, "features.4", PHOTO)
    assert passes[3:] == []
    source.compare(None, config(), 6, "features.0", PHOTO)
    assert passes[3:] == ["features.0"]


def test_nothing_behind_the_layer_is_computed(source: Consequences) -> None:
    ran: list[str] = []
    pixels = PHOTO[::-1].copy()  # not seen yet
    variant = source._variants.variant(config("resnet18", padding="circular"), 6, 64)
    for path, module in variant.network.named_modules():
        module.register_forward_pre_hook(lambda _module, _inputs, path=path: ran.append(path))
    source.maps_of(config("resnet18", padding="circular"), 6, "layer1.0.conv1", pixels)
    assert ran[-1] == "layer1.0.conv1"


def test_between_two_steps_it_can_be_given_up(passes: list[str]) -> None:
    def give_up_after(steps: int) -> Callable[[], None]:
        left = iter(range(steps))

        def check() -> None:
            if next(left, None) is None:
                raise InterruptedError

        return check

    for steps, gone in ((0, 0), (1, 0), (2, 2)):
        passes.clear()
        source = Consequences()
        with pytest.raises(InterruptedError):
            source.compare(config(), config(padding="valid"), 6, "features.0", PHOTO, give_up_after(steps))
        assert len(passes) == gone
        assert source.maps_of(config(), 6, "features.0", PHOTO).shape == (32, 64, 64)


def test_threads_wait_for_each_other() -> None:
    source = Consequences()
    settings = [config(padding=padding, dropout2d=p) for padding in ("same", "reflect") for p in (0.0, 0.5)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda each: source.maps_of(each, 6, "features.6", PHOTO).values, settings))
    for each, values in zip(settings, together, strict=True):
        np.testing.assert_array_equal(values, Consequences().maps_of(each, 6, "features.6", PHOTO).values)
