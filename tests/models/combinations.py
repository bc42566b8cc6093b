"""Which combinations of switches the tests of all architectures go through, and which of them by night or when slow."""

from itertools import product
from typing import Any, Literal, get_args

import pytest

from cnnstudio.core.config import Head, ModelConfig, Padding
from cnnstudio.models.registry import cards

SIBLINGS = {"vgg13", "vgg16", "vgg19", "fcn_vgg16", "resnet34", "resnet101", "mobilenet_v3_large"}
"""Architectures whose code is that of a smaller one."""
QUICK = {"nin", "resnet18", "googlenet", "efficientnet_lite0", "mobilenet_v3_small"}
"""Architectures that take a step in a fraction of a second."""

LIGHT_HEADED = {"vgg11", "vgg13", "vgg19"}
"""Architectures that go without their hundred million fully connected weights, which are also VGG-16's."""
QUICKLY_TRIED = {("same", False, 0.0), ("reflect", True, 0.3), ("replicate", False, 0.3), ("circular", True, 0.0)}
"""Their padding, BatchNorm and Dropout2d in the tests by default, beside the usual ones."""


def _marks(*, slow: bool) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if slow else []


def _families() -> list[Any]:
    return [pytest.param(each.name, marks=_marks(slow=each.name in SIBLINGS)) for each in cards()]


def _padded() -> list[Any]:
    """Return every architecture with every padding; where the code is the same, one of them is enough by default."""
    usual = {("resnet18", "valid"), ("googlenet", "valid"), ("efficientnet_lite0", "circular")}
    found = []
    for arch, padding in product(cards(), get_args(Padding)):
        quick = arch.name == "compact" or (arch.name, padding) in usual or padding == "same"
        found.append(pytest.param(arch.name, padding, marks=_marks(slow=not quick or arch.name in SIBLINGS)))
    return found


ARCHITECTURES = pytest.mark.parametrize("arch", [each.name for each in cards()])
FAMILIES = pytest.mark.parametrize("arch", _families())
PADDED = pytest.mark.parametrize(("arch", "padding"), _padded())


def switched(*, native: bool) -> list[Any]:
    """Return every architecture with every padding, BatchNorm on and off, without and with Dropout2d.

    Args:
        native: Whether they are for images of the architecture's own size, on which every step takes its time.
    """
    passed = SIBLINGS | {"inception_v3"} if native else set()  # which takes no image that is smaller than its own size
    found = []
    for arch, padding, batchnorm, dropout2d in product(cards(), get_args(Padding), (True, False), (0.0, 0.3)):
        head: Head | Literal["auto"] = "global_average" if arch.name in LIGHT_HEADED else "auto"
        model = ModelConfig(arch=arch.name, padding=padding, batchnorm=batchnorm, dropout2d=dropout2d, head=head)
        usual = (padding, batchnorm, dropout2d) == ("same", True, 0.3) and arch.name not in passed
        quick = not native and arch.name in QUICK and (padding, batchnorm, dropout2d) in QUICKLY_TRIED
        norm = "batchnorm" if batchnorm else "plain"
        by_night = not (usual or quick or arch.name == "compact")  # six hundred of them take most of an hour
        marks = [pytest.mark.nightly] if by_night else []
        found.append(pytest.param(model, id=f"{arch.name}-{padding}-{norm}-{dropout2d:g}", marks=marks))
    return found
