from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import ComputeConfig, Config, ModelConfig
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Event, RunStarted, Warned
from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.engine.batchnorm_probe import BINS, BatchNormProbe, fixed_batch, norms_of
from cnnstudio.engine.device import resolve
from cnnstudio.engine.prepare import prepare
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.trainer import train
from cnnstudio.models import registry
from cnnstudio.models.network import Network

Configure = Callable[..., Config]
MEAN, STD = torch.full((3, 1, 1), 0.45), torch.full((3, 1, 1), 0.22)
COMPUTE = resolve(ComputeConfig(device="cpu", precision="float32"))


class Kept(nn.BatchNorm2d):
    """Stays in evaluation mode whatever `train()` says, as those in frozen stages of a network do."""

    def train(self, mode: bool = True) -> Self:
        return super().train(mode=False)


class Traps(nn.Module):
    """A BatchNorm whose input was added to in place, and whose output a ReLU overwrites; another one before it."""

    def __init__(self, norm: type[nn.BatchNorm2d] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.Dropout2d(0.4))
        self.conv = nn.Conv2d(4, 5, 3)
        self.norm = norm(5, eps=1e-3, momentum=0.2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 2)
        with torch.no_grad():
            self.norm.weight.copy_(torch.tensor([1.0, -0.5, 2.0, 0.0, 0.1]))
            self.norm.bias.uniform_(-1, 1)

    def entering(self, images: Tensor) -> Tensor:
        maps: Tensor = self.conv(self.before(images))
        maps += 0.5
        return maps

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.norm(self.entering(images))).mean((2, 3)))
        return logits


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "china.png"
    Image.fromarray(load_sample_image("china.jpg")[:64, :64]).save(path)
    return path


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(6, 3, 64, 64)


@pytest.fixture
def network() -> Traps:
    return Traps().train()


def probe_of(network: nn.Module, photo: Path, batch: Tensor) -> BatchNormProbe:
    return BatchNormProbe(network, COMPUTE, PreviewImages(COMPUTE, MEAN, STD, size=64, default=photo), lambda: batch)


@torch.no_grad()
def entering(network: Traps, batch: Tensor) -> Tensor:
    """Return what comes into the BatchNorm, with the masks that the probe draws."""
    torch.manual_seed(0)
    running = [buffer.clone() for buffer in network.buffers()]
    result = network.entering(batch)
    for buffer, before in zip(network.buffers(), running, strict=True):
        buffer.copy_(before)
    return result


def edges(low: float, high: float) -> NDArray[np.float64]:
    return np.linspace(low, high, BINS + 1)


# Values


def test_figures_are_those_of_torchs_own_batch_norm_channel_by_channel(
    network: Traps, photo: Path, batch: Tensor
) -> None:
    maps = entering(network, batch)
    scope = probe_of(network, photo, batch).look(Watch(batchnorm="norm"), step=7)
    var, mean = torch.var_mean(maps, (0, 2, 3), correction=0)
    np.testing.assert_allclose(scope.mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scope.var, var, rtol=1e-5)
    np.testing.assert_array_equal(scope.weight, network.norm.weight.detach())
    np.testing.assert_array_equal(scope.bias, network.norm.bias.detach())
    np.testing.assert_array_equal(scope.running_mean, np.zeros(5))
    np.testing.assert_array_equal(scope.running_var, np.ones(5))
    assert (scope.eps, scope.momentum, scope.step, scope.frozen) == (1e-3, 0.2, 7, False)
    assert (scope.images, scope.image, scope.values) == (6, "", maps.numel() // 5)
    for channel in range(5):  # as the layer in training mode answers
        answer = functional.batch_norm(maps, None, None, training=True, eps=1e-3)[:, channel].numpy()
        np.testing.assert_allclose(scope.normalised(channel, maps[:, channel].numpy()), answer, rtol=1e-4, atol=1e-5)


def test_a_step_of_torch_moves_the_running_statistics_by_what_is_shown(
    network: Traps, photo: Path, batch: Tensor
) -> None:
    scope = probe_of(network, photo, batch).look(Watch(batchnorm="norm"), step=0)
    network.norm(entering(network, batch))
    moved = scope.running_mean + scope.momentum * scope.shift * scope.deviation
    assert network.norm.running_mean is not None
    np.testing.assert_allclose(network.norm.running_mean, moved, rtol=1e-4, atol=1e-6)


def test_a_frozen_layer_normalises_with_what_it_remembers(photo: Path, batch: Tensor) -> None:
    network = Traps(Kept).train()
    assert network.norm.running_mean is not None
    assert network.norm.running_var is not None
    network.norm.running_mean.uniform_(-1, 1)
    network.norm.running_var.uniform_(0.5, 2)
    maps = entering(network, batch)
    scope = probe_of(network, photo, batch).look(Watch(batchnorm="norm"), step=0)
    assert scope.frozen
    norm = network.norm
    answer = functional.batch_norm(maps, norm.running_mean, norm.running_var, training=False, eps=1e-3)
    for channel in range(5):
        values = maps[:, channel].numpy()
        np.testing.assert_allclose(scope.normalised(channel, values), answer[:, channel], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scope.mean, maps.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)  # still those of the batch
    whole = functional.batch_norm(maps, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-3)
    assert scope.ends[2] == pytest.approx([whole.min().item(), whole.max().item()], rel=1e-4)


def test_values_are_sorted_into_bins_before_and_after(network: Traps, photo: Path, batch: Tensor) -> None:
    maps = entering(network, batch)
    scope = probe_of(network, photo, batch).look(Watch(batchnorm="norm"), step=0)
    assert scope.values <= 4096  # so all of them
    for channel in range(5):
        values = maps[:, channel].numpy().ravel()
        assert (scope.low[channel], scope.high[channel]) == (values.min(), values.max())
        expected, _ = np.histogram(values, edges(values.min(), values.max()))
        assert np.abs(scope.counts[channel].astype(int) - expected).sum() <= 4  # rounding at the edges
        assert scope.counts[channel].sum() == scope.values
    after = functional.batch_norm(maps, None, None, network.norm.weight, network.norm.bias, training=True, eps=1e-3)
    normalised = functional.batch_norm(maps, None, None, training=True, eps=1e-3)
    for row, answer in enumerate((maps, normalised, after)):
        low, high = scope.ends[row]
        assert (low, high) == pytest.approx((answer.min().item(), answer.max().item()), rel=1e-4)
        expected, _ = np.histogram(answer.detach().numpy(), edges(low, high))
        assert np.abs(scope.pooled[row] - expected).sum() <= 0.01 * answer.numel()


def test_of_large_maps_a_part_of_the_values_stands_for_all(photo: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    batch = torch.linspace(-1, 1, 64).expand(8, 3, 64, 64)  # differs from column to column only
    scope = probe_of(network, photo, batch).look(Watch(batchnorm="1"), step=0)
    assert scope.values == 8 * 64 * 64
    assert 3000 < scope.counts[0].sum() <= 4096
    full = network[0](batch)[:, 0].detach().numpy()
    assert (scope.low[0], scope.high[0]) == pytest.approx((full.min(), full.max()), rel=1e-4)
    assert scope.counts[0].min() > 30  # all columns were met alike


# A batch of one


def test_a_batch_of_one_is_the_preview_image_alone(network: Traps, photo: Path, batch: Tensor) -> None:
    probe = probe_of(network, photo, batch)
    scope = probe.look(Watch(batchnorm="norm", batchnorm_alone=True), step=0)
    image = COMPUTE.images(torch.from_numpy(np.asarray(Image.open(photo)).copy())[None], MEAN, STD)
    maps = entering(network, image)
    assert (scope.images, scope.image, scope.values) == (1, str(photo), maps.shape[2] * maps.shape[3])
    np.testing.assert_allclose(scope.var, maps.var((0, 2, 3), correction=0), rtol=1e-4)
    np.testing.assert_allclose(scope.mean, maps.mean((0, 2, 3)), rtol=1e-4, atol=1e-6)


def test_one_value_a_channel_has_no_variance_and_leaves_only_beta(photo: Path) -> None:
    norm = nn.BatchNorm2d(4)
    nn.init.uniform_(norm.bias, -1, 1)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 4, 1), norm, nn.BatchNorm2d(4))
    probe = probe_of(network.train(), photo, torch.randn(2, 3, 8, 8))
    scope = probe.look(Watch(batchnorm="2", batchnorm_alone=True), step=0)
    assert scope.values == 1
    np.testing.assert_array_equal(scope.var, np.zeros(4))
    np.testing.assert_array_equal(scope.ends[1], [0, 0])
    assert scope.ends[2] == pytest.approx([norm.bias.min().item(), norm.bias.max().item()])
    behind = probe.look(Watch(batchnorm="3", batchnorm_alone=True), step=0)  # torch refuses in the layer before it
    assert behind.values == 0
    assert np.isnan(behind.mean).all()
    assert behind.counts.sum() == behind.pooled.sum() == 0
    assert probe.look(Watch(batchnorm="3"), step=0).values == 2


# No trace


@pytest.mark.parametrize("layer", ["bn1", "layer2.0.downsample.1", "layer4.1.bn2"])
@pytest.mark.parametrize("training", [True, False])
def test_looking_leaves_no_trace_in_the_network(layer: str, training: bool, photo: Path, batch: Tensor) -> None:
    network = registry.build(ModelConfig(arch="resnet18", dropout2d=0.3), classes=3)
    network.freeze(2)
    network.train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    random_state = torch.get_rng_state()
    probe = probe_of(network, photo, batch)
    for alone in (False, True):
        scope = probe.look(Watch(batchnorm=layer, batchnorm_alone=alone), step=0)
        assert scope.frozen == (not layer.startswith("layer4"))
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(each.grad is None and not each.is_inference() for each in network.parameters())


def test_the_same_batch_gives_the_same_picture(network: Traps, photo: Path, batch: Tensor) -> None:
    probe = probe_of(network, photo, batch)
    first, second = (probe.look(Watch(batchnorm="norm"), step=0) for _ in range(2))
    np.testing.assert_array_equal(first.mean, second.mean)  # though Dropout lies before


def test_what_is_no_batch_norm_is_not_there(network: Traps, photo: Path, batch: Tensor) -> None:
    for path in ("conv", "norms"):
        with pytest.raises(LookupError):
            probe_of(network, photo, batch).look(Watch(batchnorm=path), step=0)
    network.conv.weight.data[0, 0, 0, 0] = torch.inf
    with pytest.raises(RuntimeError, match="not finite"):
        probe_of(network, photo, batch).look(Watch(batchnorm="norm"), step=0)
    assert not network.norm._forward_pre_hooks


# In a run


def built(**switches: object) -> Network:
    return registry.build(ModelConfig.model_validate(switches), classes=2)


def test_every_convolution_leads_to_the_batch_norm_behind_it() -> None:
    norms = norms_of(built(arch="resnet18"))
    assert len(norms) == 20
    assert norms["layer2.0.downsample.0"] == "layer2.0.downsample.1"
    assert norms["conv1"] == "bn1"
    assert norms_of(built(arch="vgg16", batchnorm=True))["features.0"] == "features.1"
    assert norms_of(built(arch="resnet18", batchnorm=False)) == {}


def test_the_batch_of_a_run_has_images_of_all_its_classes(configure: Configure) -> None:
    prepared = prepare(configure(), lambda _phase: None, Control())
    batch = fixed_batch(prepared)()
    assert batch.shape == (8, 3, 32, 32)
    assert torch.equal(batch, fixed_batch(prepared)())
    train, labels = np.array(prepared.split.train), prepared.store.labels
    chosen = train[np.linspace(0, len(train) - 1, 8).round().astype(int)]
    assert sorted(labels[chosen]) == [0, 0, 0, 0, 1, 1, 1, 1]
    direct = prepared.compute.images(torch.from_numpy(prepared.store.pixels[chosen]), prepared.mean, prepared.std)
    assert torch.equal(batch, direct)


@pytest.mark.parametrize("mode", ["scratch", "freeze"])
def test_a_run_shows_its_batch_norm_and_ends_with_the_same_weights(
    mode: str, configure: Configure, tmp_path: Path
) -> None:
    config = configure(
        "model.arch=compact",
        "model.batchnorm=true",
        "model.pretrained=false",
        f"transfer.mode={mode}",
        "transfer.train_last=1",
        "compute.deterministic=true",
        "compute.device=cpu",
        "compute.precision=float32",
    )
    control = Control()
    scopes: list[BatchNormScope] = []

    def watching(event: Event) -> None:
        assert not isinstance(event, Warned) or not event.path, event
        if isinstance(event, RunStarted):
            control.watch(Watch(batchnorm=next(iter(event.norms.values()))))
        if isinstance(event, BatchNormScope):
            scopes.append(event)
            control.watch(replace(control.watched, batchnorm_alone=not control.watched.batchnorm_alone))

    train(config, watching, control, out=tmp_path / "watched")
    train(config, lambda _event: None, Control(), out=tmp_path / "unseen")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("watched", "unseen")]
    assert weights[0] == weights[1]
    assert {scope.images for scope in scopes} == {1, 8}
    assert {scope.frozen for scope in scopes} == {mode == "freeze"}
    assert bool(np.ptp([scope.weight[0] for scope in scopes])) == (mode == "scratch")
