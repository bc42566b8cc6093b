"""What the samples are drawn with: colours, noise, edges and light, in numpy alone.

Everything is float64: the last digit of a sine differs between processors, and in float64 that digit never reaches a
pixel. Lengths are in pixels, angles in radians, colours in sRGB from 0 to 1.
"""

import math

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]  # one value a pixel, (H, W)
Picture = NDArray[np.float64]  # (3, H, W), or (3, 1, 1) for a plain colour
Pixels = NDArray[np.uint8]  # (H, W, 3)


def grid(width: int, height: int) -> tuple[Field, Field]:
    """Return x, (1, width), and y, (height, 1), of the pixels' centres, counted from the middle of the image."""
    x, y = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    return (x - (width - 1) / 2)[None, :], (y - (height - 1) / 2)[:, None]


def around(x: Field, y: Field, reach: float) -> tuple[slice, slice]:
    """Return the rows and columns of a grid that lie within `reach` of its origin."""
    left, right = np.searchsorted(x[0], (-reach, reach))
    top, bottom = np.searchsorted(y[:, 0], (-reach, reach))
    return slice(top, bottom), slice(left, right)


def turn(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    """Return the coordinates in a system that is turned by `angle`."""
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def colour(lightness: float, chroma: float, hue: float) -> Picture:
    """Return the sRGB colour, (3, 1, 1), of an OKLCH one.

    OKLCH is Oklab in polar coordinates (Ottosson, "A perceptual color space for image processing", 2020): equal steps
    of lightness look equal, so that colours drawn at random still give calm pictures.

    Args:
        lightness: From 0, black, to 1, white.
        chroma: From 0, grey, to about 0.3; colours that no screen shows are clipped.
        hue: In radians.
    """
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return np.array([[[_encoded(red)]], [[_encoded(green)]], [[_encoded(blue)]]])


def _encoded(linear: float) -> float:
    """Return light as sRGB stores it (IEC 61966-2-1)."""
    linear = min(max(linear, 0.0), 1.0)
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * math.pow(linear, 1 / 2.4) - 0.055


def cover(distance: Field, softness: float = 1.0) -> Field:
    """Return how much of each pixel lies inside a figure, given the signed distance to its edge (negative inside)."""
    return (0.5 - distance / softness).clip(0, 1)


def paint(picture: Picture, ink: Picture, coverage: Field) -> None:
    """Lay a colour or another picture over `picture`, in place, where `coverage` is above 0."""
    change = ink - picture
    change *= coverage
    picture += change


def blend(first: Picture, second: Picture, share: Field) -> Picture:
    """Return a picture that passes from the first colour, where `share` is 0, to the second, where it is 1."""
    return first + share.clip(0, 1) * (second - first)


def wave(position: Field, period: float, share: float = 0.5) -> Field:
    """Return bands across `position`: 1 on the given share of each period, 0 elsewhere, with smooth edges."""
    phase = position / period
    inside = np.abs(phase - np.floor(phase) - 0.5) - share / 2
    return cover(inside * period)


def noise(random: np.random.Generator, x: Field, y: Field, scale: float) -> Field:
    """Return value noise from -1 to 1 whose bumps are about `scale` pixels wide, sampled at any coordinates."""
    lattice = random.uniform(-1, 1, 32 * 32)
    u, v = x / scale, y / scale
    column, row = np.floor(u), np.floor(v)
    u, v = u - column, v - row
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    left, top = column.astype(np.intp) & 31, (row.astype(np.intp) & 31) * 32
    right, bottom = (left + 1) & 31, (top + 32) & 1023
    upper, lower = lattice.take(top + left), lattice.take(bottom + left)
    upper += u * (lattice.take(top + right) - upper)
    lower += u * (lattice.take(bottom + right) - lower)
    return upper + v * (lower - upper)


def clouds(random: np.random.Generator, x: Field, y: Field, scale: float, octaves: int = 3) -> Field:
    """Return fractal noise, about -1 to 1: each octave has half the width and half the height of the one before."""
    total = noise(random, x, y, scale)
    for octave in range(1, octaves):
        total += noise(random, x, y, scale / 2**octave) / 2**octave
    return total


def lit(random: np.random.Generator, picture: Picture, grain: float) -> Pixels:
    """Return the picture under a light from one side, with the grain of a camera, as pixels.

    Args:
        random: Decides where the light comes from, how strong it is, and the grain.
        picture: (3, H, W).
        grain: Largest deviation of a pixel, in brightness.
    """
    height, width = picture.shape[-2:]
    along, _ = turn(*grid(width, height), random.uniform(0, 2 * math.pi))
    light = 1 + random.uniform(0.02, 0.16) * along / width
    speckle = random.uniform(-grain, grain, (height, width))
    bright = picture * light
    bright += speckle
    bright *= 255
    return np.ascontiguousarray(np.rint(bright.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0))
