"""Memory and disk: what a run needs against what is free."""

from collections.abc import Callable
from types import SimpleNamespace

import psutil
import pytest
import torch

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.findings import Finding
from cnnstudio.data.survey import ClassCount
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.footprint import footprint
from cnnstudio.engine.preflight import examine
from cnnstudio.engine.tuning import Tuned
from cnnstudio.models.create import outline

COUNTS = tuple(ClassCount(name, 80, 20, 0) for name in ("owl", "wren", "finch"))


@pytest.fixture(autouse=True)
def _one_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine runs for a machine with a CPU and much memory."""
    monkeypatch.setattr("cnnstudio.engine.device.devices", lambda: (torch.device("cpu"),))
    monkeypatch.setattr("cnnstudio.engine.risks.free_memory", lambda _: 10**12)


def findings(config: Config, counts: tuple[ClassCount, ...] = COUNTS) -> tuple[Finding, ...]:
    return examine(config, counts).findings


CONFIG = load_config(
    None, ("model.arch=resnet18", "data.batch_size=100", "data.image_size=448", "compute.precision=float32")
)


@pytest.fixture
def needed() -> int:
    network = outline(CONFIG, 3)
    compute = resolve(CONFIG.compute)
    found = footprint(network, image_size=448, optimizer="adamw", compute=compute)
    return found.of(100) + 300 * 448 * 448 * 3


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_free(free: float) -> None:
        monkeypatch.setattr("cnnstudio.engine.risks.free_memory", lambda _: int(free))

    return set_free


def test_it_is_told_beyond_four_fifths_of_what_is_free(free: Callable[[float], None], needed: int) -> None:
    free(needed / 0.79)
    assert findings(CONFIG) == ()
    free(needed / 0.81)
    (found,) = findings(CONFIG)
    assert found.level == "warn"
    assert found.text == (
        f"With batches of 100 the run needs about {needed / 1e9:.1f} GB of memory, "
        f"and {needed / 0.81 / 1e9:.1f} GB are free."
    )


def test_the_largest_batch_that_fits_is_offered(free: Callable[[float], None], needed: int) -> None:
    free(needed / 0.81)
    (found,) = findings(CONFIG)
    assert [each.label for each in found.remedies] == ["Use batches of 64", "Use 224 pixels"]
    free(needed / 2)
    (found,) = findings(CONFIG)
    assert [each.label for each in found.remedies] == ["Use batches of 32", "Use 224 pixels"]
    assert [findings(each.applied(CONFIG)) for each in found.remedies] == [(), ()]


def test_where_nothing_fits_nothing_is_offered(free: Callable[[float], None]) -> None:
    free(1e6)
    (found,) = findings(CONFIG)
    assert found.remedies == ()


def test_batches_are_no_larger_than_the_images_are_many(free: Callable[[float], None], needed: int) -> None:
    free(needed / 0.81)
    assert findings(CONFIG, (ClassCount("owl", 50, 12, 0),)) == ()


def test_frozen_stages_keep_nothing(free: Callable[[float], None], needed: int) -> None:
    free(needed / 0.81)
    frozen = load_config(
        None, ("model.arch=efficientnet_lite0", "transfer.mode=freeze", "data.batch_size=100", "data.image_size=448")
    )
    assert findings(frozen) == ()


def test_a_gpu_holds_no_images(monkeypatch: pytest.MonkeyPatch, free: Callable[[float], None], needed: int) -> None:
    gpu = Compute(torch.device("cuda"), "RTX 4070", "float32", torch.channels_last)
    monkeypatch.setattr("cnnstudio.engine.preflight.resolve", lambda *_, **__: gpu)
    monkeypatch.setattr("cnnstudio.engine.preflight.remembered", lambda *_, **__: Tuned(gpu))
    found = footprint(outline(CONFIG, 3), image_size=448, optimizer="adamw", compute=gpu)
    free(found.of(100) / 0.79)
    assert findings(CONFIG) == ()
    free(found.of(100) / 0.81)
    assert "GB of GPU memory, and" in findings(CONFIG)[0].text


def test_a_device_that_does_not_tell_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnstudio.engine.risks.free_memory", lambda _: None)
    assert findings(CONFIG) == ()


def test_a_disk_that_is_too_small_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000_000))
    monkeypatch.setattr(psutil, "disk_usage", lambda _: SimpleNamespace(free=60_000_000))
    (found,) = findings(load_config(None, ("data.image_size=512",)))
    assert found.level == "stop"
    assert found.text.startswith("300 images of 512 × 512 pixels need 0.2 GB, 0.1 GB are free in ")
    assert [each.label for each in found.remedies] == ["Use 96 pixels"]
    assert findings(found.remedies[0].applied(load_config(None, ("data.image_size=512",)))) == ()
