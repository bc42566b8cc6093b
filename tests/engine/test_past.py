"""What is seen of an epoch is what its weights give in a direct forward pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import ANY_DROPOUT, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.history import LostEpochError, epoch_file
from cnnstudio.core.pictures import BatchNormScope, FeatureMaps, Filters
from cnnstudio.data.images import read_image
from cnnstudio.engine.history import History, weights_of
from cnnstudio.engine.past import Past
from cnnstudio.engine.probes import to_tiles
from cnnstudio.models import registry
from cnnstudio.models.network import Network
from tests.engine.kept_runs import SMALL, make_run, state_of

Configure = Callable[..., Config]
RESIDUAL = ("model.arch=resnet18", "data.image_size=64")  # whose ReLU works in place, and whose sums are `+=`


def direct(run: Path, config: Config, epoch: int, layer: str, image: Path) -> tuple[Tensor, Tensor]:
    """Return the maps of a layer (C, H, W) and the probabilities (classes,), by the book."""
    network = registry.build(config.model, classes=2)
    network.load_state_dict(weights_of(run, epoch))
    network.eval()
    card = registry.card(config.model.arch)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (card.preprocessing.mean, card.preprocessing.std))
    side = config.data.image_size
    assert isinstance(side, int)
    pixels = torch.from_numpy(read_image(image, side)).permute(2, 0, 1) / 255
    seen: list[Tensor] = []
    network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    with torch.no_grad():
        logits = network(((pixels - mean) / std)[None])
    return seen[0][0], logits[0].softmax(0)


@pytest.mark.parametrize(("switches", "layer"), [(SMALL, "features.7"), (RESIDUAL, "layer2.0.conv2")])
def test_maps_are_those_of_a_direct_pass(
    configure: Configure, tmp_path: Path, bright_and_dark: Path, switches: tuple[str, ...], layer: str
) -> None:
    config = configure(*switches)
    make_run(tmp_path, config, epochs=1)
    past, image = Past(tmp_path), bright_and_dark / "top" / "03.png"
    for epoch in (1, 0, 1):
        (picture,) = past.look(epoch, Watch(layer=layer, image=str(image)))
        assert isinstance(picture, FeatureMaps)
        maps, probabilities = direct(tmp_path, config, epoch, layer, image)
        assert picture.shape == tuple(maps.shape)
        assert picture.step == 10 * epoch
        np.testing.assert_allclose(picture.probabilities, probabilities, atol=1e-5)
        assert np.abs(picture.tiles.astype(int) - to_tiles(maps).astype(int)).max() <= 1


def test_filters_are_those_of_the_epoch_beside_those_of_the_start(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path, configure(*SMALL))
    (picture,) = Past(tmp_path).look(2, Watch(filters="features.0"))
    assert isinstance(picture, Filters)
    np.testing.assert_array_equal(picture.values, weights_of(tmp_path, 2)["features.0.weight"])
    np.testing.assert_array_equal(picture.start, weights_of(tmp_path, 0)["features.0.weight"])
    assert not picture.frozen


def test_statistics_of_batchnorm_are_those_of_the_epoch(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path, configure(*SMALL, "model.dropout2d=0.5"))
    path = next(key for key in weights_of(tmp_path, 0) if key.endswith("running_mean")).removesuffix(".running_mean")
    past = Past(tmp_path)
    before = torch.get_rng_state()
    (picture,) = past.look(3, Watch(batchnorm=path))
    assert isinstance(picture, BatchNormScope)
    assert torch.equal(torch.get_rng_state(), before)
    kept = weights_of(tmp_path, 3)
    np.testing.assert_array_equal(picture.running_mean, kept[f"{path}.running_mean"])
    np.testing.assert_array_equal(picture.weight, kept[f"{path}.weight"])
    assert picture.images == 8
    again = past.look(3, Watch(batchnorm=path))[0]
    assert isinstance(again, BatchNormScope)
    np.testing.assert_array_equal(again.running_mean, picture.running_mean)
    np.testing.assert_array_equal(again.mean, picture.mean)


def test_what_a_run_draws_at_random_is_not_touched(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path, configure(*SMALL))
    before = torch.get_rng_state()
    Past(tmp_path).look(1, Watch(layer="features.0"))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_that_only_lacks_what_has_not_changed_is_put_together(configure: Configure, tmp_path: Path) -> None:
    network: Network = make_run(tmp_path, configure(*SMALL), epochs=1)
    head = dict(weights_of(tmp_path, 0))
    head[f"{network.head}.bias"] = torch.tensor([7.0, -7.0])
    network.load_state_dict(head)
    History(tmp_path).keep(state_of(network, 2))  # the body is again as at the start
    past = Past(tmp_path)
    past.look(1, Watch(filters="features.0"))
    (picture,) = past.look(2, Watch(filters="features.0"))
    assert isinstance(picture, Filters)
    np.testing.assert_array_equal(picture.values, weights_of(tmp_path, 0)["features.0.weight"])
    assert picture.frozen


def test_the_first_validation_image_is_looked_at_unless_one_is_chosen(
    configure: Configure, tmp_path: Path, bright_and_dark: Path
) -> None:
    make_run(tmp_path, configure(*SMALL))
    (picture,) = Past(tmp_path).look(1, Watch(layer="features.0"))
    assert isinstance(picture, FeatureMaps)
    assert Path(picture.image).parent == bright_and_dark / "left"


def test_an_epoch_is_looked_at_anew_once_it_was_written_anew(configure: Configure, tmp_path: Path) -> None:
    network = make_run(tmp_path, configure(*SMALL), epochs=1)
    past = Past(tmp_path)
    past.look(1, Watch(filters="features.0"))
    with torch.no_grad():
        network.get_parameter("features.0.weight").zero_()
    History(tmp_path).keep(state_of(network, 1))
    (picture,) = past.look(1, Watch(filters="features.0"))
    assert isinstance(picture, Filters)
    assert not picture.values.any()


def test_what_cannot_be_seen_is_said(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path, configure(*SMALL))
    past = Past(tmp_path)
    assert past.look(1, Watch()) == ()
    assert past.look(1, Watch(dropout=ANY_DROPOUT)) == ()  # masks belong to a step
    with pytest.raises(InputError, match=r"the network of the run has no layer features\.99"):
        past.look(1, Watch(layer="features.99"))
    with pytest.raises(InputError, match="the preview image cannot be shown"):
        past.look(1, Watch(layer="features.0", image=str(tmp_path / "config.toml")))
    epoch_file(tmp_path, 2).write_bytes(b"nonsense")
    with pytest.raises(LostEpochError, match="epoch 2 are damaged"):
        past.look(2, Watch(layer="features.0"))
    assert past.look(3, Watch(layer="features.0"))


def test_weights_of_another_network_are_refused(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path / "run", configure(*SMALL))
    make_run(tmp_path / "other", configure("model.width=16", "model.depth=3", "data.image_size=32"))
    past = Past(tmp_path / "run")
    epoch_file(tmp_path / "other", 0).replace(epoch_file(tmp_path / "run", 2))
    with pytest.raises(LostEpochError, match="are of another network"):
        past.look(2, Watch(filters="features.0"))
    (picture,) = past.look(3, Watch(filters="features.0"))
    assert isinstance(picture, Filters)
    np.testing.assert_array_equal(picture.values, weights_of(tmp_path / "run", 3)["features.0.weight"])


def test_a_run_without_a_history_is_refused(configure: Configure, tmp_path: Path) -> None:
    make_run(tmp_path, configure(*SMALL), epochs=0)
    epoch_file(tmp_path, 0).unlink()
    with pytest.raises(LostEpochError, match="no weights of its epochs are kept"):
        Past(tmp_path)
