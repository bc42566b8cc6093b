from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

from cnnstudio.core.config import ComputeConfig, ModelConfig
from cnnstudio.core.control import Watch
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.engine.device import resolve
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.probes import FeatureMapProbe, FeatureRowsProbe, to_tiles
from cnnstudio.models import registry

MEAN, STD = torch.full((3, 1, 1), 0.45), torch.full((3, 1, 1), 0.22)
COMPUTE = resolve(ComputeConfig(device="cpu", precision="float32"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "china.png"
    Image.fromarray(load_sample_image("china.jpg")[:224, :224]).save(path)
    return path


def images_of(photo: Path) -> PreviewImages:
    return PreviewImages(COMPUTE, MEAN, STD, size=224, default=photo)


class Traps(nn.Module):
    """A convolution whose output is overwritten twice: by a ReLU in place and by a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.conv(images)
        maps += 1.0
        maps = self.relu(maps)
        logits: torch.Tensor = self.head(maps.mean((2, 3)))
        return logits


def test_maps_are_those_of_the_layer_itself_value_by_value(photo: Path) -> None:
    torch.manual_seed(0)
    network = Traps()
    maps = FeatureMapProbe(network, COMPUTE, images_of(photo)).look(Watch("conv"), step=3)

    pixels = np.asarray(Image.open(photo))
    images = COMPUTE.images(torch.from_numpy(pixels.copy())[None], MEAN, STD)
    direct = nn.functional.conv2d(images, network.conv.weight, network.conv.bias, padding=1)[0].detach()
    assert direct.min() < 0  # the ReLU would have hidden these
    assert maps.shape == (4, 224, 224)
    np.testing.assert_array_equal(maps.tiles, to_tiles(direct))
    np.testing.assert_array_equal(maps.ranges, torch.stack([direct.amin((1, 2)), direct.amax((1, 2))], 1))
    np.testing.assert_allclose(maps.activity, direct.abs().mean((1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(maps.pixels, pixels)
    assert maps.step == 3


def test_a_dead_channel_goes_from_zero_to_zero(photo: Path) -> None:
    torch.manual_seed(0)
    network = Traps()
    assert network.conv.bias is not None
    with torch.no_grad():
        network.conv.bias[2] = -1000.0
    maps = FeatureMapProbe(network, COMPUTE, images_of(photo)).look(Watch("relu"), step=0)
    assert maps.ranges[2].tolist() == [0, 0]
    assert maps.activity.astype(bool).tolist() == [True, True, False, True]
    assert not maps.tiles[2].any()


def test_rows_are_those_of_each_layer_value_by_value(photo: Path) -> None:
    torch.manual_seed(0)
    network = Traps()
    rows = FeatureRowsProbe(network, COMPUTE, images_of(photo)).look(Watch(layers=("conv", "relu")), step=3)

    images = COMPUTE.images(torch.from_numpy(np.asarray(Image.open(photo)).copy())[None], MEAN, STD)
    direct = nn.functional.conv2d(images, network.conv.weight, network.conv.bias, padding=1)[0].detach()
    probabilities = network(images)[0].softmax(0).detach()
    assert (rows.layers, rows.images, rows.step) == (("conv", "relu"), (str(photo),) * 2, 3)
    for row, expected in zip(rows.rows(), (direct, (direct + 1).relu()), strict=True):
        assert (row.shape, row.tiles.shape) == ((4, 224, 224), (4, 64, 64))
        assert_small(row, expected)
        np.testing.assert_allclose(row.probabilities, probabilities, atol=1e-6)


def test_rows_are_those_of_each_image_value_by_value(photo: Path) -> None:
    turned = photo.with_name("turned.png")
    Image.open(photo).transpose(Image.Transpose.ROTATE_90).save(turned)
    torch.manual_seed(0)
    network = Traps()
    watch = Watch(layers=("conv",), images=(str(turned), str(photo.with_name("missing.png")), str(photo)))
    rows = FeatureRowsProbe(network, COMPUTE, images_of(photo)).look(watch, step=3)

    assert rows.images == (str(turned), str(photo))  # what cannot be read has no row
    for row, path in zip(rows.rows(), (turned, photo), strict=True):
        pixels = np.asarray(Image.open(path)).copy()
        images = COMPUTE.images(torch.from_numpy(pixels)[None], MEAN, STD)
        assert_small(row, nn.functional.conv2d(images, network.conv.weight, network.conv.bias, padding=1)[0].detach())
        np.testing.assert_allclose(row.probabilities, network(images)[0].softmax(0).detach(), atol=1e-6)
        np.testing.assert_array_equal(row.pixels, pixels)


def test_without_any_image_that_can_be_read_there_are_no_rows(photo: Path) -> None:
    watch = Watch(layers=("conv",), images=(str(photo.with_name("missing.png")),))
    with pytest.raises(UnreadableImageError):
        FeatureRowsProbe(Traps(), COMPUTE, images_of(photo)).look(watch, step=0)


def test_a_layer_that_is_not_there_leaves_no_hook_behind(photo: Path) -> None:
    network = Traps()
    with pytest.raises(LookupError):
        FeatureRowsProbe(network, COMPUTE, images_of(photo)).look(Watch(layers=("conv", "none")), step=0)
    assert not any(module._forward_hooks for module in network.modules())


def assert_small(row: FeatureMaps, expected: torch.Tensor) -> None:
    """Compare with maps averaged down by hand, in the units of the layer."""
    low, high = expected.amin((1, 2)).numpy(), expected.amax((1, 2)).numpy()
    np.testing.assert_allclose(row.ranges, np.stack([low, high], 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(row.activity, expected.abs().mean((1, 2)), rtol=1e-4)
    small = nn.functional.adaptive_avg_pool2d(expected, 64).numpy()
    shown = low[:, None, None] + row.tiles / 255 * (high - low)[:, None, None]
    assert np.abs(shown - small).max() <= (high - low).max() / 255 * 0.51


def test_looking_leaves_no_trace_in_the_network(photo: Path) -> None:
    torch.manual_seed(0)
    network = registry.build(ModelConfig(arch="resnet18", dropout2d=0.3), classes=3)
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random_state = torch.get_rng_state()
    FeatureMapProbe(network, COMPUTE, images_of(photo)).look(Watch("layer1"), step=0)
    FeatureRowsProbe(network, COMPUTE, images_of(photo)).look(Watch(layers=("layer1", "layer2")), step=0)

    assert network.training
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_tiles_go_from_the_smallest_to_the_largest_value_of_each_map() -> None:
    ramp = torch.linspace(-3.0, 5.0, 16).view(4, 4)
    tiles = to_tiles(torch.stack([ramp, -ramp, torch.full((4, 4), 7.0)]))

    assert tiles.dtype == np.uint8
    np.testing.assert_array_equal(tiles[0].ravel(), np.round(np.linspace(0, 255, 16)))
    np.testing.assert_array_equal(tiles[1].ravel(), np.round(np.linspace(255, 0, 16)))
    np.testing.assert_array_equal(tiles[2], 0)
