import numpy as np

from cnnstudio.data.twins import twins


def test_only_images_that_are_the_same_in_every_pixel_are_twins() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)
    pixels[3] = pixels[0]
    pixels[4] = pixels[1]
    pixels[4, 39, 39, 2] ^= 1  # between the pixels that are looked at first
    pixels[5] = pixels[3]  # both are validation images
    assert twins(pixels, (0, 1, 2), (3, 4)) == (3,)
    assert twins(pixels, (0, 1, 2), (3, 4, 5)) == (3, 5)
    assert twins(pixels, (1, 2), (3, 5)) == ()


def test_small_images_are_compared_too() -> None:
    pixels = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    pixels[1, 0, 0, 0] = 1
    assert twins(pixels, (0,), (1, 2)) == (2,)
