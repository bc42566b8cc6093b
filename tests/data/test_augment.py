import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnstudio.data.augment import SHIFT_FRACTION, Augmentation
from cnnstudio.data.images import Pixels


def pictures(count: int, side: int) -> torch.Tensor:
    """Return `(count, side, side, 3)` of noise, so that no two pixels are the same."""
    generator = np.random.default_rng(count * 1000 + side)
    return torch.from_numpy(generator.integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def explanation(picture: Pixels, result: Pixels) -> tuple[int, int, bool]:
    """Find the one shift and mirror that turn a picture into the result, with numpy's own reflection."""
    side, reach = len(picture), len(picture) // SHIFT_FRACTION
    wide = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    found = []
    for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
        window = wide[reach + down : reach + down + side, reach + right : reach + right + side]
        found += [(down, right, False)] * np.array_equal(window, result)
        found += [(down, right, True)] * np.array_equal(window[:, ::-1], result)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("side", [8, 15, 16, 17, 48, 64])
def test_each_result_is_a_shift_and_a_mirror(side: int) -> None:
    images = pictures(60, side)
    results = Augmentation(60, side, seed=3, epoch=1)(images, torch.arange(60))
    assert results.shape == images.shape
    assert results.dtype == torch.uint8
    found = [explanation(picture, result) for picture, result in zip(images.numpy(), results.numpy(), strict=True)]
    reach = side // SHIFT_FRACTION
    for axis in (0, 1):
        assert {each[axis] for each in found} <= set(range(-reach, reach + 1))
        assert {-reach, reach} <= {each[axis] for each in found}  # as far as it may
    assert 15 <= sum(mirrored for *_, mirrored in found) <= 45  # half of them, four standard deviations


def test_shifts_are_even_and_independent() -> None:
    count, side = 2000, 32
    line = torch.arange(side, dtype=torch.uint8)
    images = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=2).expand(count, -1, -1, -1)
    centre = Augmentation(count, side, seed=0, epoch=0)(images, torch.arange(count))[:, 8, 8].int()
    down = centre[:, 0] - 8
    column = centre[:, 1]
    mirrored = column > 15
    right = torch.where(mirrored, 23 - column, column - 8)
    for shift in (down, right):
        shares = torch.bincount(shift + 2, minlength=5) / count
        assert shares.tolist() == pytest.approx([0.2] * 5, abs=0.04)
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.05)
    together = torch.corrcoef(torch.stack([down.float(), right.float(), mirrored.float()]))
    assert float((together - torch.eye(3)).abs().max()) < 0.1


@pytest.mark.parametrize("side", [1, 2, 8, 15])
def test_small_pictures_are_mirrored_only(side: int) -> None:
    images = pictures(30, side)
    results = Augmentation(30, side, seed=0, epoch=0)(images, torch.arange(30))
    for picture, result in zip(images, results, strict=True):
        assert torch.equal(result, picture) or torch.equal(result, picture.flip(1))


@given(
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 100_000),
    indices=st.lists(st.integers(0, 39), min_size=1, max_size=50),
)
@settings(max_examples=40)
def test_result_depends_on_seed_epoch_and_image_alone(seed: int, epoch: int, indices: list[int]) -> None:
    images = pictures(40, 16)
    whole = Augmentation(40, 16, seed=seed, epoch=epoch)(images, torch.arange(40))
    chosen = torch.tensor(indices)
    assert torch.equal(Augmentation(40, 16, seed=seed, epoch=epoch)(images[chosen], chosen), whole[chosen])


def test_epochs_and_seeds_differ() -> None:
    images, indices = pictures(40, 32), torch.arange(40)
    results = [
        Augmentation(40, 32, seed=seed, epoch=epoch)(images, indices).numpy().tobytes()
        for seed in range(3)
        for epoch in range(5)
    ]
    assert len(set(results)) == 15


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_gpu_gives_the_same_pixels() -> None:
    images, indices = pictures(40, 32), torch.arange(40)
    expected = Augmentation(40, 32, seed=3, epoch=2)(images, indices)
    device = torch.device("cuda")
    found = Augmentation(40, 32, seed=3, epoch=2).on(device)(images.to(device), indices.to(device))
    assert torch.equal(found.cpu(), expected)


def test_given_pixels_are_left_alone() -> None:
    images = pictures(10, 32)
    before = images.clone()
    random = torch.get_rng_state()
    results = Augmentation(10, 32, seed=0, epoch=0)(images, torch.arange(10))
    results.zero_()
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), random)  # nor does it draw from anybody else's numbers
