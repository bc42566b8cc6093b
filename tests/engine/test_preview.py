import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cnnstudio.core.config import ComputeConfig, Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.events import Event, RunStarted, Warned
from cnnstudio.core.pictures import BatchNormScope, DropoutMasks, FeatureMaps, FeatureRows, Filters, Picture
from cnnstudio.engine.batchnorm_probe import BatchNormProbe
from cnnstudio.engine.device import resolve
from cnnstudio.engine.dropout_masks import DropoutLook
from cnnstudio.engine.filters import FilterProbe
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.probes import FeatureMapProbe, FeatureRowsProbe
from cnnstudio.engine.trainer import train
from tests.pictures import feature_maps
from tests.watches import everything

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


def test_a_look_is_paid_for_before_the_next_one(
    preview: Preview, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0

    def look(watch: Watch, step: int) -> FeatureMaps:
        nonlocal now
        now += 0.1
        return drawn(watch, step)

    drawn = painter.look
    monkeypatch.setattr(painter, "look", look)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for watch, wait in ((Watch("conv"), 0.1 / 0.026), (Watch("conv", dropout="*"), 0.2 / 0.026)):
        list(preview.look(watch, step=1))
        now += wait - 0.01
        assert not preview.due(watch)
        now += 0.02
        assert preview.due(watch)


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


KINDS = {
    "layer": FeatureMaps,
    "layers": FeatureRows,
    "batchnorm": BatchNormScope,
    "filters": Filters,
    "dropout": DropoutMasks,
    "": None,
}
SMALL = (
    "model.arch=compact",
    "model.batchnorm=true",
    "model.dropout2d=0.2",
    "model.pretrained=false",
    "train.epochs=1",
)


@pytest.mark.parametrize("field", KINDS)
def test_a_run_computes_what_is_watched_and_nothing_else(
    field: str, configure: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    probes = (FeatureMapProbe, FeatureRowsProbe, BatchNormProbe, FilterProbe)
    for owner, name in (*((probe, "look") for probe in probes), (DropoutLook, "_picture")):
        plain = getattr(owner, name)

        def spied(
            *arguments: object, owner: type = owner, plain: Callable[..., object] = plain, **named: object
        ) -> object:
            looks.append(owner.__name__)
            return plain(*arguments, **named)

        monkeypatch.setattr(owner, name, spied)
    control = Control()
    seen: set[type[Event]] = set()

    def sink(event: Event) -> None:
        if isinstance(event, RunStarted):
            wanted = everything(event)
            control.watch(replace(Watch(), **{field: getattr(wanted, field)}) if field else Watch())
        if isinstance(event, Picture):
            seen.add(type(event))

    train(configure("transfer.mode=scratch", "train.epochs=1", *SMALL), sink, control, out=tmp_path / "run")
    kind = KINDS[field]
    assert seen == ({kind} if kind else set())
    assert len(set(looks)) == len(seen)
