"""The headless commands, as a shell sees them: exit codes, stdout, one line on stderr."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnstudio import cli
from cnnstudio.core.config import load_config
from cnnstudio.core.serial import from_line
from cnnstudio.engine.checkpoint import versions
from cnnstudio.models.registry import build, card
from tests.runtime.children import acting

QUICK = ("data.image_size=32", "data.batch_size=8", "data.augment=false", "train.epochs=1", "train.lr=0.003")


INCEPTION_224 = ("--set=model.arch=inception_v3", "--set=data.image_size=224")
ABSENT_WEIGHTS = ("--set=model.arch=resnet18", "--set=transfer.mode=freeze", "--set=model.pretrained=weights.pth")


def sets(*settings: str) -> list[str]:
    return [f"--set={setting}" for setting in settings]


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def trained(image_tree: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run folder that `cnnstudio train` made."""
    arguments = ["train", "--data", str(image_tree(("ant", "bee"), count=8)), "--out", str(tmp_path / "run"), "--json"]
    assert cli.main([*arguments, *sets(*QUICK)]) == cli.DONE
    capsys.readouterr()
    return tmp_path / "run"


def test_train_prints_events_and_nothing_else(
    image_tree: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_tree(("ant", "bee"), count=8)
    arguments = ["train", "--data", str(folder), "--out", str(tmp_path / "run"), "--json", *sets(*QUICK)]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    names = [from_line(line).event for line in captured.out.splitlines()]
    assert [name for name in names if name not in {"phase", "pulse"}] == [
        "run_started",
        "step",
        "step",
        "epoch",
        "run_ended",
    ]
    assert captured.err == ""


def test_train_reads_a_config_file_and_settings_win(
    image_tree: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "my.toml"
    config.write_text("[train]\nepochs = 7\nlr = 0.003\n[data]\nimage_size = 32\nbatch_size = 8\n")
    folder = image_tree(("ant", "bee"), count=8)
    arguments = ["train", str(config), "--data", str(folder), "--out", str(tmp_path / "run"), "--json"]
    assert cli.main([*arguments, "--set", "train.epochs=1"]) == 0
    started = next(line for line in json_lines(capsys.readouterr().out) if line["event"] == "run_started")
    assert (started["config"]["train"]["epochs"], started["config"]["data"]["batch_size"]) == (1, 8)


def test_train_for_a_person(
    image_tree: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_tree(("ant", "bee"), count=8)
    assert cli.main(["train", "--data", str(folder), "--out", str(tmp_path / "run"), *sets(*QUICK)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "Finished. Best validation accuracy" in err
    assert str(tmp_path / "run") in err.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "/nonexistent"], ("no such folder", "/nonexistent", "check the path")),
        (["--data", "EMPTY"], ("no image", "images", "put each class into a folder of its own")),
        (["--data", "ONE"], ("only one with images: ant", "add a folder for a second class")),
        (["--data", "TWO", "--set=model.arch=vgg61"], ("vgg61", "model.arch", "did you mean vgg16?")),
        (["--data", "TWO", "--set=model.arch=resnet81"], ("resnet81", "did you mean resnet18?")),
        (["--data", "TWO", "--set=train.epohcs=3"], ("train.epohcs", "did you mean train.epochs?")),
        (["--data", "TWO", "--set=train.epochs=-1"], ("train.epochs", "greater than or equal to 1")),
        (["--data", "TWO", "--set=compute.device=cuda:7"], ("cuda:7", "compute.device", "use auto")),
        (["--data", "TWO", "--set=model.arch=unet"], ("unet", "model.arch", "choose one of compact")),
        (["--data", "TWO", "--set=transfer.mode=freeze"], ("Compact CNN has no pretrained weights", "transfer.mode")),
        (["--data", "TWO", "--set=model.arch=resnet18", "--set=model.kernel=5"], ("ResNet-18 refuses", "model.kernel")),
        (["--data", "TWO", *INCEPTION_224], ("224 pixels are too few", "set it to 299 or more, or set model.aux=0")),
        (["--data", "TWO", *ABSENT_WEIGHTS], ("no such file of weights", "weights.pth", "check model.pretrained")),
        (["--data", "TWO", "missing.toml"], ("missing.toml", "check the path")),
        (["--data", "TWO", "--epochs=3"], ("--epochs", "cnnstudio")),
        ([], ("no image folder chosen", "data.folder")),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: tuple[str, ...],
    image_tree: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "images").mkdir()
    places = {"EMPTY": str(tmp_path / "images")}
    if "ONE" in arguments:
        places["ONE"] = str(image_tree(("ant",), count=3, name="one"))
    if "TWO" in arguments:
        places["TWO"] = str(image_tree(("ant", "bee"), count=3, name="two"))
    code = cli.main(["train", "--out", str(tmp_path / "run"), *(places.get(word, word) for word in arguments)])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
    assert not (tmp_path / "run").exists()


def test_ctrl_c_stops_cleanly_keeps_the_best_and_exits_130(image_tree: Callable[..., Path], tmp_path: Path) -> None:
    folder = image_tree(("ant", "bee"), count=12)
    arguments = [
        "train",
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "run"),
        "--json",
        *sets(*QUICK),
        "--set=train.epochs=5000",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnstudio", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if '"epoch"' in line and json.loads(line)["event"] == "epoch":
            break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    ended = json_lines(out)[-1]
    assert (ended["event"], ended["reason"]) == ("run_ended", "stopped")
    assert ended["best_val_accuracy"] is not None
    assert "Stopping" in err
    assert (tmp_path / "run" / "model.safetensors").stat().st_size > 100_000


def test_predict_names_the_top_classes(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = sorted(str(path) for path in (tmp_path / "images" / "bee").iterdir())[:2]
    assert cli.main(["predict", str(trained), *images, "--json"]) == 0
    answers = json_lines(capsys.readouterr().out)
    assert [answer["path"] for answer in answers] == images
    for answer in answers:
        assert {each["class"] for each in answer["top"]} == {"ant", "bee"}
        assert sum(each["probability"] for each in answer["top"]) == pytest.approx(1.0, abs=1e-5)


def test_predict_asks_the_weights_of_an_epoch(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cnnstudio.engine.evaluate import load_model

    image = next(tmp_path.rglob("*.png"))
    shares = []
    for epoch in (0, None):
        extra = [] if epoch is None else ["--epoch", str(epoch)]
        assert cli.main(["predict", str(trained), str(image), "--json", "--top", "1", *extra]) == 0
        (top,) = json.loads(capsys.readouterr().out)["top"]
        expected = load_model(trained, device="cpu", epoch=epoch).predict(image).top(1)[0]
        assert (top["class"], top["probability"]) == (expected[0], pytest.approx(expected[1], abs=1e-4))
        shares.append(top["probability"])
    assert shares[0] != shares[1]
    assert cli.main(["predict", str(trained), str(image), "--epoch", "99"]) == 2
    assert "the weights of epoch 99 are not kept" in capsys.readouterr().err
    assert cli.main(["predict", str(trained), str(image), "--epoch", "-1"]) == 2


def test_predict_goes_on_after_a_bad_image_and_says_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    good = next((tmp_path / "images" / "ant").iterdir())
    assert cli.main(["predict", str(trained), str(bad), str(good), "--json"]) == 2
    out, err = capsys.readouterr()
    assert len(json_lines(out)) == 1
    assert err.count("\n") == 1
    assert str(bad) in err


def test_scan_counts_classes_and_names_what_is_set_aside(
    image_tree: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_tree(("ant", "bee"), count=(5, 10))
    (folder / "ant" / "broken.jpg").write_bytes(b"\xff\xd8\xff nonsense")
    assert cli.main(["scan", str(folder), "--json"]) == 0
    lines = json_lines(capsys.readouterr().out)
    assert lines[:2] == [
        {"class": "ant", "train": 4, "val": 1, "test": 0},
        {"class": "bee", "train": 8, "val": 2, "test": 0},
    ]
    assert lines[2]["set_aside"] == str(folder / "ant" / "broken.jpg")
    assert cli.main(["scan", str(folder)]) == 0
    assert "broken.jpg" in capsys.readouterr().out


def test_sample_writes_images_and_refuses_a_name_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sample", "shapes", str(tmp_path / "shapes"), "--json"]) == 0
    (line,) = json_lines(capsys.readouterr().out)
    assert line["images"] == len(list((tmp_path / "shapes").rglob("*.png"))) >= 1200
    assert cli.main(["sample", "shaeps", str(tmp_path / "other")]) == 2
    assert "did you mean shapes?" in capsys.readouterr().err


def test_models_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "--json"]) == 0
    by_name = {line["name"]: line for line in json_lines(capsys.readouterr().out)}
    assert by_name["resnet18"]["parameters"] == 11_689_512
    assert by_name["efficientnet_lite0"]["pretrained"]
    assert not by_name["compact"]["pretrained"]
    assert cli.main(["models"]) == 0
    assert "11,689,512" in capsys.readouterr().out


def test_describe_lists_every_layer_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["describe", "--set", "model.arch=resnet18", "--json"]) == 0
    rows = json_lines(capsys.readouterr().out)
    assert sum(row["parameters"] for row in rows) == 11_689_512
    assert len({row["name"] for row in rows}) == len(rows)
    assert {"name", "type", "output_shape", "parameters", "flops", "receptive_field", "frozen"} <= set(rows[0])
    freeze = sets("model.arch=efficientnet_lite0", "transfer.mode=freeze")
    assert cli.main(["describe", *freeze, "--classes", "6", "--json"]) == 0
    frozen = json_lines(capsys.readouterr().out)
    assert sum(row["parameters"] for row in frozen if not row["frozen"]) >= 1280 * 6 + 6
    assert all(row["frozen"] for row in frozen[:10])


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        (("model.arch=vgg16",), 138_357_544),
        (("model.arch=vgg16", "model.batchnorm=true"), 138_365_992),
        (("model.arch=fcn_vgg16",), 138_357_544),
        (("model.arch=resnet18",), 11_689_512),
        (("model.arch=googlenet", "model.aux=0"), 6_624_904),
        (("model.arch=inception_v3",), 27_161_264),
        (("model.arch=mobilenet_v3_small",), 2_542_856),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_describe_adds_up_to_what_is_published_and_what_torch_counts(
    settings: tuple[str, ...], parameters: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["describe", *sets(*settings), "--json"]) == 0
    rows = json_lines(capsys.readouterr().out)
    assert sum(row["parameters"] for row in rows) == parameters
    with torch.device("meta"):
        model = load_config(None, settings).model
        network = build(model, classes=1000).eval()
        side = card(model.arch).image_size
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 3, side, side))
    assert sum(row["flops"] for row in rows if not row["auxiliary"]) == counter.get_total_flops()


def test_describe_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["describe", "--set=model.arch=vgg16"]) == 0
    last = capsys.readouterr().out.replace("\n", " ")
    assert "VGG-16: 138,357,544 parameters, 138,357,544 learn; 30,940,528,640 FLOPs an image of 224 × 224" in last


def test_doctor_finds_this_installation_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    found = {line["subject"]: line for line in json_lines(capsys.readouterr().out)}
    assert found["torch"]["finding"] == versions()["torch"]
    assert "computes a convolution" in found["device cpu"]["finding"]
    assert found["weights"]["ok"]


def test_the_version_and_the_help_need_no_torch() -> None:
    program = (
        "import sys\n"
        "from cnnstudio import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize(
    ("training", "code", "said"),
    [
        ('sink(step(1)); sink(ended("finished"))', 0, ["step", "run_ended"]),
        ("sink(step(1)); os.kill(os.getpid(), signal.SIGTERM); until_stopped(sink, control)", 130, None),
        ("os._exit(3)", 1, ["run_ended"]),
        ('raise InputError("no such folder", where="/birds", remedy="check the path")', 2, []),
    ],
)
def test_a_process_of_its_own_ends_with_the_same_codes(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    training: str,
    code: int,
    said: list[str] | None,
) -> None:
    command = acting(training)
    monkeypatch.setattr("cnnstudio.runtime.process_host._command", lambda: command)
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--json"]
    assert cli.main([*arguments, "--set=compute.isolated=true"]) == code
    out, err = capsys.readouterr()
    events = [line["event"] for line in json_lines(out) if line["event"] != "phase"]
    if said is None:
        assert events[-1] == "run_ended"
    else:
        assert events == said
    assert err == ("cnnstudio: no such folder [/birds]: check the path\n" if code == 2 else "")
