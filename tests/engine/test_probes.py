from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

from cnnstudio.core.config import ComputeConfig, ModelConfig
from cnnstudio.core.control import Watch
from cnnstudio.engine.device import resolve
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.probes import FeatureMapProbe, to_tiles
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
    assert maps.step == 3


def test_looking_leaves_no_trace_in_the_network(photo: Path) -> None:
    torch.manual_seed(0)
    network = registry.build(ModelConfig(arch="resnet18", dropout2d=0.3), classes=3)
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random_state = torch.get_rng_state()
    FeatureMapProbe(network, COMPUTE, images_of(photo)).look(Watch("layer1"), step=0)

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
