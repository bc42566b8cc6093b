"""Each finding about a run, a neighbour without it, and what its buttons do."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cnnstudio.core.config import ComputeConfig, Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.findings import Finding
from cnnstudio.data.survey import ClassCount
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.preflight import examine
from cnnstudio.engine.prepare import prepare
from cnnstudio.models.weight_sources import cache_folder, weight_source

Counts = tuple[tuple[int, int], ...]
PLENTY: Counts = ((80, 20),) * 3
FEW: Counts = ((20, 5),) * 3
LITE = ("model.arch=efficientnet_lite0", "transfer.mode=freeze")


@pytest.fixture(autouse=True)
def _one_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine runs for a machine with a CPU and much memory."""
    monkeypatch.setattr("cnnstudio.engine.device.devices", lambda: (torch.device("cpu"),))
    monkeypatch.setattr("cnnstudio.engine.risks.free_memory", lambda _: 10**12)


def counted(counts: Counts) -> tuple[ClassCount, ...]:
    names = ("owl", "wren", "finch", "kite", "crane", "rook")
    return tuple(ClassCount(name, train, val, 0) for name, (train, val) in zip(names, counts, strict=False))


def findings(config: Config, counts: Counts = PLENTY) -> tuple[Finding, ...]:
    return examine(config, counted(counts)).findings


def about(topic: str, found: tuple[Finding, ...]) -> list[Finding]:
    return [each for each in found if topic in each.text]


@dataclass(frozen=True)
class Case:
    """A finding: words that tell it from all others, settings with and without it, and its buttons."""

    topic: str
    level: str
    there: tuple[str, ...]
    not_there: tuple[str, ...]
    labels: tuple[str, ...] = ()
    counts: Counts = PLENTY
    other_counts: Counts = PLENTY


CASES = {
    "size": Case(
        "pixels are too few",
        "stop",
        ("model.arch=resnet18", "model.padding=valid", "data.image_size=434"),
        ("model.arch=resnet18", "model.padding=valid", "data.image_size=435"),
        ("Use 435 pixels", "Pad with zeros"),
    ),
    "own size": Case(
        "pixels are too few",
        "stop",
        ("model.padding=valid", "data.image_size=16"),
        ("model.padding=same", "data.image_size=16"),
        ("Use 70 pixels", "Use 96 pixels", "Pad with zeros"),
    ),
    "auxiliary heads": Case(
        "pixels are too few",
        "stop",
        ("model.arch=inception_v3", "data.image_size=160"),
        ("model.arch=inception_v3", "data.image_size=160", "model.aux=0"),
        ("Use 299 pixels", "Leave the auxiliary heads out"),
    ),
    "unknown architecture": Case(
        "Unknown architecture",
        "stop",
        ("model.arch=vgg61",),
        ("model.arch=vgg16",),
        ("Use EfficientNet-Lite0, frozen",),
    ),
    "refused switch": Case(
        "has no auxiliary heads", "stop", ("model.aux=0.5",), ("model.aux=0.3",), ("Back to the default",)
    ),
    "refused head": Case(
        "Network in Network refuses model.head=fully_connected",
        "stop",
        ("model.arch=nin", "model.head=fully_connected"),
        ("model.arch=nin", "model.head=global_average"),
        ("Use its own head",),
    ),
    "no weights": Case(
        "Compact CNN has no pretrained weights",
        "stop",
        ("transfer.mode=finetune",),
        ("transfer.mode=scratch",),
        ("Learn from scratch", "Use EfficientNet-Lite0, frozen"),
    ),
    "stages": Case(
        "stages cannot learn",
        "stop",
        (*LITE, "transfer.train_last=11"),
        (*LITE, "transfer.train_last=10"),
        ("Let all 10 learn", "Only the last"),
    ),
    "epochs": Case(
        "two phases",
        "stop",
        ("model.arch=efficientnet_lite0", "transfer.mode=freeze_then_finetune", "train.epochs=1"),
        (*LITE, "train.epochs=1"),
        ("Train for 2 epochs",),
    ),
    "nothing learns": Case(
        "Nothing learns",
        "stop",
        (*LITE, "transfer.lr_multipliers={head=0, stem=0, top=2}"),
        (*LITE, "transfer.lr_multipliers={stem=0, top=2}"),
        ("Reset these learning rates",),
    ),
    "no such stage": Case(
        "no stage layer9",
        "stop",
        (*LITE, "transfer.lr_multipliers={layer9=2, head=3}"),
        (*LITE, "transfer.lr_multipliers={head=3}"),
        ("Reset these learning rates",),
    ),
    "device": Case(
        "No device 'tpu'", "stop", ("compute.device=tpu",), ("compute.device=cpu",), ("Choose automatically",)
    ),
    "precision": Case(
        "Float16 trains on GPUs only",
        "stop",
        ("compute.precision=float16",),
        ("compute.precision=bfloat16",),
        ("Choose automatically",),
    ),
    "weights file": Case(
        "no such file of weights: /nowhere/my.pth",
        "stop",
        ("model.arch=resnet18", "model.pretrained='/nowhere/my.pth'", "transfer.mode=freeze"),
        ("model.arch=resnet18", "model.pretrained='/nowhere/my.pth'", "transfer.mode=scratch"),
        ("Use the weights from ImageNet",),
    ),
    "weights file without others": Case(
        "no such file of weights",
        "stop",
        ("model.pretrained='/nowhere/my.pth'", "transfer.mode=freeze"),
        (),
        ("Learn from scratch",),
    ),
    "batches of one": Case(
        "batches of one image",
        "stop",
        ("data.batch_size=1",),
        (*LITE, "data.batch_size=1"),  # its BatchNorm is frozen
        ("Use batches of 2", "Turn BatchNorm off"),
    ),
    "batches of one, an odd number of images": Case(
        "batches of one image",
        "stop",
        ("data.batch_size=1",),
        ("data.batch_size=1", "model.batchnorm=false"),
        ("Use batches of 3", "Turn BatchNorm off"),
        counts=((50, 5), (51, 5)),
    ),
    "one image": Case(
        "a single training image",
        "stop",
        (),
        (),
        ("Turn BatchNorm off",),
        counts=((1, 1), (0, 1)),
        other_counts=((1, 1), (1, 1)),
    ),
    "image left over": Case(
        "Batches of 239 leave one of the 240 training images out",
        "info",
        ("data.batch_size=239",),
        ("data.batch_size=238",),
        ("Use batches of 238",),
    ),
    "image left over by frozen BatchNorm": Case(
        "leave one of",
        "info",
        ("model.arch=efficientnet_lite0", "data.batch_size=239", "transfer.mode=freeze_then_finetune"),
        (*LITE, "data.batch_size=239"),
        ("Use batches of 238",),
    ),
    "image left over by the smallest batches": Case(
        "leave one of",
        "info",
        ("data.batch_size=2",),
        ("data.batch_size=3",),
        ("Use batches of 3",),
        counts=((50, 5), (51, 5)),
        other_counts=((50, 5), (51, 5)),
    ),
    "few images": Case(
        "60 training images cannot teach 1.1 million parameters",
        "warn",
        (),
        ("model.depth=1", "model.width=4"),
        ("Use EfficientNet-Lite0, frozen",),
        counts=FEW,
        other_counts=FEW,
    ),
    "few images and weights": Case(
        "cannot teach",
        "warn",
        ("model.arch=resnet18", "model.pretrained=false"),
        ("model.arch=resnet18", "transfer.mode=freeze"),
        ("Freeze all but the last stage",),
        counts=FEW,
        other_counts=FEW,
    ),
    "as many images as it takes": Case(
        "cannot teach",
        "warn",
        ("model.arch=vgg11", "transfer.mode=finetune"),
        ("model.arch=vgg11", "transfer.mode=finetune"),
        ("Freeze all but the last stage",),
        counts=((39, 5),) * 2,
        other_counts=((40, 5),) * 2,
    ),
    "random and frozen": Case(
        "keep random weights",
        "warn",
        (*LITE, "model.pretrained=false"),
        (*LITE, "model.pretrained=false", "transfer.train_last=10"),
        ("Use the weights from ImageNet", "Learn from scratch"),
    ),
    "random and frozen without weights": Case(
        "keep random weights",
        "warn",
        ("transfer.mode=freeze_then_finetune", "model.pretrained=false"),
        ("transfer.mode=finetune", "model.pretrained=false"),
        ("Learn from scratch",),
    ),
    "lone class": Case(
        "The class wren has fewer than two training images",
        "warn",
        (),
        (),
        counts=((80, 20), (1, 1), (80, 20)),
        other_counts=((80, 20), (2, 1), (80, 20)),
    ),
    "lone classes": Case(
        "5 classes have fewer than two training images, too few to learn what they have in common: "
        "owl, wren, finch and 2 more.",
        "warn",
        (),
        (),
        counts=((0, 1), *((1, 1),) * 4, (400, 100)),
        other_counts=((2, 1),) * 6,
    ),
    "unjudged class": Case(
        "The class finch has no validation image",
        "warn",
        (),
        (),
        counts=((80, 20), (80, 20), (80, 0)),
    ),
    "unjudged classes": Case(
        "2 classes have no validation image, so their accuracy stays unknown: owl, finch.",
        "warn",
        (),
        (),
        counts=((80, 0), (80, 20), (80, 0)),
    ),
    "dropout": Case("Dropout2d drops 60 %", "info", ("model.dropout2d=0.6",), ("model.dropout2d=0.5",), ("Drop 20 %",)),
    "download": Case(
        "ResNet-18's weights (46.8 MB) are downloaded when the run starts.",
        "info",
        ("model.arch=resnet18", "transfer.mode=freeze"),
        ("model.arch=resnet18", "transfer.mode=scratch"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_finding_is_there_and_its_neighbour_is_not(case: Case) -> None:
    (found,) = about(case.topic, findings(load_config(None, case.there), case.counts))
    assert found.level == case.level
    assert not found.text[0].islower()
    assert found.text.endswith(".")
    assert tuple(each.label for each in found.remedies) == case.labels
    assert about(case.topic, findings(load_config(None, case.not_there), case.other_counts)) == []


REMEDIES = [(name, label) for name, case in CASES.items() for label in case.labels]


@pytest.mark.parametrize(("name", "label"), REMEDIES, ids=[" - ".join(each) for each in REMEDIES])
def test_each_remedy_mends_what_it_is_for(name: str, label: str) -> None:
    case = CASES[name]
    config = load_config(None, case.there)
    (found,) = about(case.topic, findings(config, case.counts))
    (remedy,) = [each for each in found.remedies if each.label == label]
    mended = remedy.applied(config)
    assert about(case.topic, findings(mended, case.counts)) == []
    assert not [each for each in findings(mended, case.counts) if each.level == "stop"]


def test_nothing_is_found_about_a_run_that_is_all_right() -> None:
    assert findings(Config()) == ()
    assert findings(load_config(None, LITE), FEW) == ()


def test_without_images_only_settings_are_judged() -> None:
    assert findings(Config(), ()) == ()
    (found,) = findings(load_config(None, ("data.batch_size=1",)), ())
    assert [each.label for each in found.remedies] == ["Use batches of 2", "Turn BatchNorm off"]


def test_the_worst_comes_first_and_one_problem_hides_no_other() -> None:
    settings = ("model.arch=efficientnet_lite0", "transfer.mode=freeze_then_finetune", "train.epochs=1")
    more = ("compute.device=tpu", "transfer.train_last=40", "model.dropout2d=0.9")
    found = findings(load_config(None, (*settings, *more)), ((80, 20), (1, 1)))
    assert [each.level for each in found] == ["stop"] * 3 + ["warn", "info"]


def test_the_layers_are_those_of_the_smallest_legal_image_and_of_the_first_phase() -> None:
    small = examine(load_config(None, ("model.padding=valid", "data.image_size=16")))
    assert small.summary is not None
    assert small.summary.image_size == small.summary.minimum_size == 70
    phases = examine(load_config(None, ("model.arch=efficientnet_lite0", "transfer.mode=freeze_then_finetune")))
    assert phases.summary is not None
    assert [each.frozen for each in phases.summary.stages] == [True] * 9 + [False]
    assert (phases.compute, small.findings[0].level) == (resolve(ComputeConfig(), depthwise=True), "stop")


def test_weights_that_are_here_are_not_downloaded() -> None:
    source = weight_source("resnet18", batchnorm=True)
    assert source is not None
    config = load_config(None, ("model.arch=resnet18", "transfer.mode=freeze"))
    assert about("downloaded", findings(config))
    cache_folder().mkdir(parents=True)
    with (cache_folder() / source.filename).open("wb") as file:
        file.truncate(source.size)
    assert findings(config) == ()


def test_a_file_of_weights_for_another_network_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file({"somewhere.weight": torch.zeros(3)}, path)
    config = load_config(None, ("model.arch=resnet18", f"model.pretrained='{path}'", "transfer.mode=freeze"))
    (found,) = findings(config)
    assert (found.level, [each.label for each in found.remedies]) == ("stop", ["Use the weights from ImageNet"])
    assert found.text.startswith("No tensor of mine.safetensors fits this network")


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_what_cuda_cannot_do_deterministically(monkeypatch: pytest.MonkeyPatch, padding: str) -> None:
    gpu = Compute(torch.device("cuda"), "RTX 4070", "bfloat16", torch.channels_last)
    for room in ("preflight", "candidates"):
        monkeypatch.setattr(f"cnnstudio.engine.{room}.resolve", lambda *_, **__: gpu)
    config = load_config(None, (f"model.padding={padding}", "compute.deterministic=true"))
    (found,) = findings(config)
    assert (found.level, found.text) == ("stop", f"PyTorch has no deterministic {padding} padding on CUDA.")
    assert [each.label for each in found.remedies] == ["Pad with zeros", "Turn Deterministic off"]
    assert [findings(each.applied(config)) for each in found.remedies] == [(), ()]
    assert findings(config.replace("model.padding", "circular")) == ()


REFUSED = [name for name, case in CASES.items() if case.level == "stop" and case.counts == PLENTY]
REFUSED.remove("batches of one")  # with which torch goes on as long as maps have more than one pixel


@pytest.mark.parametrize("name", REFUSED)
def test_what_stops_a_run_is_what_the_run_itself_refuses(
    name: str, bright_and_dark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(None, CASES[name].there).replace("data.folder", str(bright_and_dark))
    monkeypatch.setattr("cnnstudio.engine.prepare.read_catalog", lambda *_, **__: pytest.fail("it was not refused"))
    with pytest.raises(InputError):
        prepare(config, lambda _: None, Control())
