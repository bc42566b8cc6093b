from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnstudio.core.config import Config, ModelConfig, load_config
from cnnstudio.core.errors import InputError
from cnnstudio.data.survey import ClassCount
from cnnstudio.gui import background
from cnnstudio.gui.tasks import CancelledError, Job
from cnnstudio.models import registry, summary
from cnnstudio.models.create import outline
from cnnstudio.models.summary import minimum_size
from tests.models.made_weights import written, zeros


def describe(*settings: str, classes: int = 3) -> background.Described:
    counts = tuple(ClassCount(f"class {number}", 80, 20, 0) for number in range(classes))
    return background.describe(load_config(None, settings), counts)


def test_a_network_is_described_with_its_classes_and_its_device() -> None:
    found = describe("compute.device=cpu", "compute.precision=float32")
    assert found.summary is not None
    assert found.summary.rows[-1].output_shape == (3,)
    assert (found.summary.image_size, found.problem) == (registry.card("compact").image_size, "")
    assert found.device == "CPU · fp32"
    assert found.reason.endswith(", as chosen in compute.device.")


def test_before_a_folder_is_open_the_classes_are_imagenets() -> None:
    found = describe(classes=0)
    assert found.summary is not None
    assert found.summary.rows[-1].output_shape == (1000,)


def test_images_that_are_too_small_leave_the_layers_in_sight() -> None:
    found = describe("model.padding=valid", "data.image_size=16")
    assert found.summary is not None
    least = found.summary.minimum_size
    assert least == found.summary.image_size > 16
    assert found.problem == found.findings[0].text
    assert found.problem == (f"16 pixels are too few for Compact CNN with these switches, which need at least {least}.")


def test_switches_that_do_not_fit_leave_nothing_to_show_but_the_device() -> None:
    found = describe("transfer.mode=finetune", "compute.precision=float32", "compute.device=cpu")
    assert found.summary is None
    assert found.problem == "Compact CNN has no pretrained weights."
    assert found.device == "CPU · fp32"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("compute.device=tpu", "no device 'tpu' on this machine [compute.device]: use auto or one of cpu"),
        ("compute.precision=float16", "float16 trains on GPUs only [compute.precision]: "),
    ],
)
def test_a_device_that_is_not_there_is_a_problem_and_the_layers_stay(
    monkeypatch: pytest.MonkeyPatch, setting: str, reason: str
) -> None:
    monkeypatch.setattr("cnnstudio.engine.device.devices", lambda: (torch.device("cpu"),))
    found = describe(setting)
    assert (found.device, found.reason.startswith(reason)) == ("", True)
    assert found.problem in {"No device 'tpu' on this machine.", "Float16 trains on GPUs only."}
    assert found.summary is not None


@pytest.mark.parametrize(
    ("arch", "label"), [("resnet18", "CPU · bf16"), ("efficientnet_lite0", "CPU · bf16, depthwise fp32")]
)
def test_the_device_chip_knows_that_depthwise_convolutions_compute_in_float32(
    monkeypatch: pytest.MonkeyPatch, arch: str, label: str
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True})
    found = describe("compute.device=cpu", f"model.arch={arch}")
    assert found.device == label


def test_without_a_gpu_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnstudio.engine.device.devices", lambda: (torch.device("cpu"),))
    assert describe().reason.endswith(". PyTorch finds no GPU that it can use, so the CPU computes.")


@pytest.mark.parametrize(
    ("settings", "layers", "folded"),
    [
        ((), ("fc",), False),
        (("model.batchnorm=false",), ("fc",), True),
        (("model.arch=googlenet",), ("fc", "aux1.fc2", "aux2.fc2"), False),
    ],
)
def test_weights_are_judged_without_their_numbers(
    tmp_path: Path, settings: tuple[str, ...], layers: tuple[str, ...], folded: bool
) -> None:
    config = load_config(None, ("model.arch=resnet18", "transfer.mode=freeze", *settings))
    file = written(tmp_path / "weights.pth", zeros(ModelConfig(arch=config.model.arch)))
    config = config.replace("model.pretrained", str(file))
    found = background.weights_report(config, 3)
    assert (found.new_layers, found.folded, found.outputs) == (layers, folded, "1000 → 3 classes")
    assert {f"{layer}.weight" for layer in layers} <= set(found.load.skipped)
    assert found.load.source.startswith("weights.pth")
    assert background.weights_report(config, 0).outputs == "one output for each class"


def test_a_prediction_comes_with_the_upright_image(tmp_path: Path) -> None:
    from cnnstudio.core.control import Control
    from cnnstudio.engine.trainer import train

    for name, shade in (("dark", 20), ("light", 230)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (16, 16), (shade + number,) * 3).save(tmp_path / "images" / name / f"{number}.png")
    config = Config().replace("data.folder", str(tmp_path / "images")).replace("data.image_size", 16)
    train(config.replace("train.epochs", 1), lambda _event: None, Control(), out=tmp_path / "run")
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by a quarter
    Image.new("RGB", (2048, 1024), (240, 240, 240)).save(turned, exif=exif)

    answer = background.predict(tmp_path / "run", turned)
    assert answer.run == tmp_path / "run"
    assert answer.pixels.shape == (1024, 512, 3)
    assert np.abs(answer.pixels.astype(int) - 240).max() <= 2
    assert answer.prediction.image == turned

    (tmp_path / "broken.png").write_bytes(b"\x89PNG nonsense")
    with pytest.raises(InputError, match=r"the image cannot be read: .*broken\.png\]: choose another one"):
        background.predict(tmp_path / "run", tmp_path / "broken.png")


def test_what_an_earlier_run_has_found_is_used_and_said() -> None:
    from cnnstudio.core.events import Tried
    from cnnstudio.engine import tuning
    from cnnstudio.engine.tuning_memory import Finding, keep

    settings = ("compute.device=cpu", "compute.precision=float32", "data.image_size=64")
    config = load_config(None, settings)
    assert describe(*settings).arithmetic == ""
    tried = (Tried(precision="float32", memory_format="contiguous", images_per_second=50.0),)
    finding = Finding(precision="float32", memory_format="contiguous", images=32, tried=tried)
    keep(tuning._key(config, 64, tuning._ways(config, depthwise=False)), finding)
    found = describe(*settings)
    assert found.arithmetic == "Tried in an earlier run, with 32 images a step:\nfloat32 · contiguous: 50 images/s"
    assert describe(*settings, "data.batch_size=4").arithmetic == ""


def test_the_smallest_images_of_other_borders_are_found_out_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config().replace("model.arch", "googlenet")
    monkeypatch.setattr(background, "_SETTLED", 0.0)
    monkeypatch.setattr(summary, "_MINIMA", {})
    background.foresee(config, Job())
    known = {(each.padding, each.aux > 0): size for each, size in summary._MINIMA.items()}
    assert len(known) == 10
    assert known["valid", True] > known["same", True]
    assert known["valid", False] == minimum_size(
        outline(config.replace("model.padding", "valid").replace("model.aux", 0.0), 3)
    )

    given_up: Job[None] = Job()
    given_up.cancel()
    with pytest.raises(CancelledError):
        background.foresee(config, given_up)
