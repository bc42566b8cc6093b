import numpy as np

from cnnstudio.data.row_store import key_of
from cnnstudio.data.twins import twins


def test_only_images_that_are_the_same_in_every_pixel_are_twins() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)
    pixels[3] = pixels[0]
    pixels[4] = pixels[1]
    pixels[4, 39, 39, 2] ^= 1
    pixels[5] = pixels[3]  # both are validation images
    digests = [key_of(each.data) for each in pixels]
    assert twins(digests, (0, 1, 2), (3, 4)) == (3,)
    assert twins(digests, (0, 1, 2), (3, 4, 5)) == (3, 5)
    assert twins(digests, (1, 2), (3, 5)) == ()
