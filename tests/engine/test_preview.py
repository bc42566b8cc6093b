from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import ComputeConfig
from cnnstudio.core.control import Watch
from cnnstudio.core.events import Warned
from cnnstudio.core.pictures import FeatureMaps
from cnnstudio.engine.device import resolve
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.preview_images import PreviewImages
from tests.pictures import feature_maps

ONES = torch.ones(3, 1, 1)


class Painter:
    """A probe that can be told to fail."""

    subject = "feature maps"

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.looks = 0

    def wanted(self, watch: Watch) -> bool:
        return bool(watch.layer)

    def look(self, watch: Watch, step: int) -> FeatureMaps:
        self.looks += 1
        if self.fails is not None:
            raise self.fails
        return feature_maps(watch.layer, image=watch.image, step=step)


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def preview(painter: Painter) -> Preview:
    compute = resolve(ComputeConfig(device="cpu", precision="float32"))
    return Preview(PreviewImages(compute, ONES, ONES, size=8, default=Path("first.png")), [painter])


def test_it_looks_at_once_when_the_wish_changes_and_else_within_its_budget(preview: Preview) -> None:
    assert not preview.due(Watch())
    assert preview.due(Watch("conv"))
    (maps,) = preview.look(Watch("conv"), step=7)
    assert isinstance(maps, FeatureMaps)
    assert (maps.layer, maps.step) == ("conv", 7)
    assert not preview.due(Watch("conv"))
    assert preview.due(Watch("conv", "another.png"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("conv"), "there is no layer conv to show"),
        (RuntimeError("mat1 and mat2\nand more"), "the feature maps of conv cannot be shown: mat1 and mat2"),
        (RuntimeError(), "the feature maps of conv cannot be shown: RuntimeError"),
    ],
)
def test_what_cannot_be_shown_is_said_once(preview: Preview, painter: Painter, error: Exception, text: str) -> None:
    painter.fails = error
    assert list(preview.look(Watch("conv"), step=1)) == [Warned(text=text)]
    assert list(preview.look(Watch("conv"), step=2)) == []
    assert not preview.due(Watch("conv"))
    assert painter.looks == 1

    painter.fails = None
    assert len(list(preview.look(Watch("other"), step=3))) == 1


def test_what_nobody_watches_is_not_computed(preview: Preview, painter: Painter) -> None:
    assert list(preview.look(Watch(), step=1)) == []
    assert painter.looks == 0
