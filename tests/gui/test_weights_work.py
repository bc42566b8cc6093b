"""Pretrained weights behind the window: finding, fetching and judging them."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.gui import background
from cnnstudio.gui.session import Session
from cnnstudio.gui.weights_view import WeightsReport, WeightsView
from cnnstudio.gui.weights_work import with_file, without_file
from cnnstudio.models.create import create
from tests.gui.sessions import WAIT, load_torch, look_at, notice
from tests.gui.weight_files import FITTING, SLOW, TENSORS, begun, here, offered, resnet18, resnet18_file, source
from tests.models.downloads import QUICKLY
from tests.models.loopback import Answer, Loopback
from tests.models.made_weights import written, zeros

SIZE = len(resnet18_file())


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Return a server that has the weights; its answers may be changed."""
    with offered() as server:
        yield server


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """Return a list that fills with the configurations whose weights are looked at."""
    asked: list[Config] = []
    find = background.weights_report

    def noted(config: Config, classes: int) -> WeightsReport:
        asked.append(config)
        return find(config, classes)

    monkeypatch.setattr(background, "weights_report", noted)
    return asked


def view(session: Session) -> WeightsView:
    return session.state.weights


def chosen(session: Session) -> object:
    """Return what `model.pretrained` is."""
    return session.state.config.model.pretrained


def coming(session: Session) -> int:
    """Return how many bytes of a download are here, -1 while none is under way."""
    found = view(session).coming
    return found.done if found else -1


def reported(qtbot: QtBot, session: Session) -> WeightsReport:
    qtbot.waitUntil(lambda: view(session).report is not None, timeout=WAIT)
    found = view(session).report
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("settings", "place", "name"),
    [
        ({}, "none", ""),
        ({"transfer.mode": "freeze"}, "none", ""),
        ({"model.arch": "efficientnet_lite0"}, "unused", ""),
        ({"model.arch": "efficientnet_lite0", "transfer.mode": "freeze"}, "here", "EfficientNet-Lite0, ImageNet"),
        (
            {"model.arch": "resnet18", "transfer.mode": "freeze"},
            "absent",
            "ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)",
        ),
        ({"model.arch": "resnet18", "transfer.mode": "freeze", "model.pretrained": False}, "unused", ""),
        (
            {"model.arch": "fcn_vgg16", "transfer.mode": "finetune"},
            "absent",
            "VGG-16, ImageNet (torchvision, IMAGENET1K_V1)",
        ),
        ({"model.arch": "resnet18", "transfer.mode": "freeze", "model.pretrained": "/a/b.pth"}, "file", "b.pth"),
        ({"model.arch": "resnet18", "model.pretrained": "/a/b.pth"}, "unused", ""),
        ({"model.arch": "vgg61", "transfer.mode": "freeze"}, "unused", ""),
    ],
)
def test_places_are_known_before_torch_is_there(
    session: Session, settings: dict[str, object], place: str, name: str
) -> None:
    config = Config()
    for key, value in settings.items():
        config = config.replace(key, value)
    session.use_config(config)
    assert (view(session).place, view(session).name) == (place, name)
    assert (view(session).report, view(session).problem) == (None, "")


def test_what_is_here_is_judged_once_torch_is_there(
    qtbot: QtBot, session: Session, server: Loopback, reports: list[Config]
) -> None:
    path = here()
    session.use_config(resnet18("finetune"))
    assert (view(session).place, view(session).told()) == ("here", "On this computer")
    assert reports == []
    load_torch(qtbot, session)
    found = reported(qtbot, session)
    config = session.state.config
    assert found.load == create(config, 1000)[1]
    assert view(session).told() == f"{FITTING} of {TENSORS + 1} tensors load"
    assert found.sentences() == "The last layer, fc, is new and starts at random: one output for each class."
    assert not found.folded
    for mode in ("freeze", "scratch", "finetune"):  # what is frozen changes nothing about the weights
        session.set_value("transfer.mode", mode)
    assert view(session).report == found
    assert len(reports) == 1
    path.write_bytes(resnet18_file()[:-1])  # within what sizes are known to, and damaged
    session.set_value("train.epochs", 3)
    qtbot.waitUntil(lambda: bool(view(session).problem), timeout=WAIT)
    assert view(session).problem.startswith(f"The weights cannot be read: it is damaged, or holds no weights ({path})")
    assert view(session).told() == ""


def test_the_report_follows_switches_and_classes(
    qtbot: QtBot, session: Session, server: Loopback, image_tree: Callable[..., Path]
) -> None:
    here()
    session.use_config(resnet18())
    load_torch(qtbot, session)
    look_at(qtbot, session, image_tree(("ant", "bee", "fly"), size=(12, 12)))
    assert "1000 → 3 classes" in reported(qtbot, session).sentences()
    session.set_value("model.batchnorm", value=False)
    found = reported(qtbot, session)
    assert found.folded
    assert found.load == create(session.state.config, 3)[1]
    assert found.sentences() == (
        "The last layer, fc, is new and starts at random: 1000 → 3 classes. "
        "BatchNorm is folded into the convolutions; the answers stay the same."
    )


def test_bundled_weights_are_judged_as_well(qtbot: QtBot, session: Session) -> None:
    session.use_config(Config().replace("model.arch", "efficientnet_lite0").replace("transfer.mode", "freeze"))
    load_torch(qtbot, session)
    found = reported(qtbot, session)
    assert found.load == create(session.state.config, 1000)[1]
    assert view(session).told() == "294 of 296 tensors load"


def test_switches_that_do_not_go_together_are_not_held_against_the_weights(
    qtbot: QtBot, session: Session, server: Loopback, reports: list[Config]
) -> None:
    here()
    load_torch(qtbot, session)
    session.use_config(resnet18("freeze", ("model.aux", 0.1)))
    qtbot.waitUntil(lambda: session.state.model_problem != "")
    assert (view(session).problem, view(session).report, reports) == ("", None, [])


def test_a_download_comes_with_progress_and_what_it_brings_is_judged(
    qtbot: QtBot, session: Session, server: Loopback
) -> None:
    server.answers[:] = [SLOW]
    load_torch(qtbot, session)
    session.use_config(resnet18())
    assert view(session).told() == f"{SIZE / 1e6:.1f} MB to download"
    seen: list[int] = []
    described: list[object] = []
    session.changed.connect(lambda _state: seen.append(coming(session)))
    session.weights.arrived.connect(lambda: described.append(session.state.weights.place))
    session.weights.download()
    session.weights.download()  # a second press changes nothing
    qtbot.waitUntil(lambda: coming(session) > 100_000, timeout=WAIT)
    assert view(session).told() == f"{coming(session) / 1e6:.1f} of {SIZE / 1e6:.1f} MB"
    summary = session.state.summary
    qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)
    steps = [each for each in seen if each >= 0]
    assert len(set(steps)) > 3
    assert steps == sorted(steps)
    assert described == ["here"]
    qtbot.waitUntil(lambda: session.state.summary is not summary, timeout=WAIT)  # it is described anew
    reported(qtbot, session)
    assert (server.ranges, view(session).download, notice(session)) == ([""], None, ("", ""))


def test_cancel_keeps_what_is_here_and_the_next_press_goes_on(qtbot: QtBot, session: Session, server: Loopback) -> None:
    server.answers[:] = [SLOW, Answer()]
    session.use_config(resnet18())
    session.weights.download()
    qtbot.waitUntil(lambda: coming(session) > 50_000, timeout=WAIT)
    session.weights.cancel()
    assert view(session).told() == "Stopping …"
    qtbot.waitUntil(lambda: view(session).download is None, timeout=WAIT)
    kept = begun().stat().st_size
    assert view(session).begun == kept >= 50_000
    assert view(session).told() == f"{kept / 1e6:.1f} of {SIZE / 1e6:.1f} MB are here"
    assert (view(session).problem, notice(session)) == ("", ("", ""))
    session.weights.cancel()  # there is nothing to cancel
    session.weights.download()
    qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)
    assert server.ranges == ["", f"bytes={kept}-"]


def test_what_breaks_off_half_way_goes_on_by_itself(qtbot: QtBot, session: Session, server: Loopback) -> None:
    server.answers[:] = [Answer(cut=102_400), Answer()]
    session.use_config(resnet18())
    session.weights.download()
    qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)
    assert server.ranges == ["", "bytes=102400-"]


@pytest.mark.parametrize(
    ("answer", "file", "told"),
    [
        (Answer(status=404), None, "answers 404"),
        (Answer(cut=51_200), None, "did not send the whole file in 3 tries"),
        (Answer(), b"x" * SIZE, "The file that came is not the one expected"),
    ],
)
def test_a_download_that_fails_says_why_and_can_be_tried_again(
    qtbot: QtBot, session: Session, answer: Answer, file: bytes | None, told: str
) -> None:
    session.use_config(resnet18())
    with offered(answer, file=file) as server:
        session.use_config(resnet18())
        session.weights.follow(session.state.config, 0, ready=False)
        session.weights.download()
        qtbot.waitUntil(lambda: bool(view(session).problem), timeout=WAIT)
        level, sentence = notice(session)
        assert (level, sentence) == ("error", view(session).problem)
        assert told in sentence
        assert server.url.rpartition("/")[0] in sentence
        assert (view(session).place, view(session).download) == ("absent", None)
        session.use_config(Config())
        session.use_config(resnet18())
        assert view(session).problem == sentence  # it still holds
        server.file, server.answers[:] = resnet18_file(), [Answer()]
        session.weights.download()
        assert view(session).problem == ""
        qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)


def test_a_disk_without_room_says_so(
    qtbot: QtBot, session: Session, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    session.use_config(resnet18())
    session.weights.download()
    qtbot.waitUntil(lambda: bool(view(session).problem), timeout=WAIT)
    assert "the disk has only 0.1 MB free" in view(session).problem
    assert view(session).problem.endswith("Free some space and try again.")


def test_a_download_goes_on_while_another_architecture_is_looked_at(
    qtbot: QtBot, session: Session, server: Loopback
) -> None:
    server.answers[:] = [SLOW]
    session.use_config(resnet18())
    session.weights.download()
    qtbot.waitUntil(lambda: coming(session) > 0, timeout=WAIT)
    session.set_value("model.arch", "vgg16")
    assert view(session).coming is None
    assert view(session).download is not None
    qtbot.waitUntil(lambda: view(session).download is None, timeout=WAIT)
    assert view(session).place == "absent"
    session.set_value("model.arch", "resnet18")
    assert view(session).place == "here"


def test_a_second_download_puts_the_first_on_hold(qtbot: QtBot, session: Session, server: Loopback) -> None:
    server.answers[:] = [SLOW, Answer()]
    session.use_config(resnet18())
    session.weights.download()
    qtbot.waitUntil(lambda: coming(session) > 50_000, timeout=WAIT)
    session.set_value("model.arch", "vgg16")
    session.weights.download()
    assert notice(session)[0] == "info"
    assert re.fullmatch(rf"ResNet-18 waits, with 0\.\d of {SIZE / 1e6:.1f} MB here\.", notice(session)[1])
    qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)
    session.set_value("model.arch", "resnet18")
    assert view(session).place == "absent"
    assert 50_000 < view(session).begun < SIZE


@pytest.mark.parametrize("answer", [SLOW, Answer(hang=102_400), Answer(silent=True)])
def test_closing_ends_a_download_at_once_and_keeps_what_is_here(
    qtbot: QtBot, session: Session, server: Loopback, answer: Answer
) -> None:
    server.answers[:] = [answer]
    session.use_config(resnet18())
    session.weights.download()
    least = 0 if answer.silent else 102_400
    qtbot.waitUntil(lambda: coming(session) >= least and bool(server.ranges), timeout=WAIT)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < QUICKLY
    assert [each.name for each in threading.enumerate() if each.name.startswith("cnnstudio")] == []
    assert answer.silent or begun().stat().st_size >= least
    session.weights.download()  # too late: nothing is started
    session.weights.use_file(here())


def test_a_run_downloads_what_is_missing_and_the_window_tells(
    qtbot: QtBot, session: Session, server: Loopback, image_tree: Callable[..., Path]
) -> None:
    server.answers[:] = [SLOW]
    ready_for_a_run(qtbot, session, image_tree)
    told: list[str] = []
    session.changed.connect(lambda state: told.append(state.weights.told()))
    session.start()
    qtbot.waitUntil(lambda: session.state.run.started is not None, timeout=WAIT)
    assert any(each.endswith(f" of {SIZE / 1e6:.1f} MB, by the run") for each in told)
    assert view(session).place == "here"
    started = session.state.run.started
    assert started is not None
    found = reported(qtbot, session).load
    assert (started.weights, started.weights_loaded) == (found.sentence(), FITTING)
    assert (started.weights_missing, started.weights_skipped) == (found.missing, found.skipped)
    stop(qtbot, session)
    assert not view(session).by_run


@pytest.mark.parametrize("given_up", [False, True])
def test_a_run_shares_the_download_of_the_window(
    qtbot: QtBot, session: Session, server: Loopback, image_tree: Callable[..., Path], given_up: bool
) -> None:
    server.answers[:] = [SLOW]
    ready_for_a_run(qtbot, session, image_tree)
    session.weights.download()
    qtbot.waitUntil(lambda: coming(session) > 0, timeout=WAIT)
    session.start()
    qtbot.waitUntil(lambda: view(session).by_run, timeout=WAIT)
    assert view(session).coming is view(session).download
    if given_up:
        session.weights.cancel()
        qtbot.waitUntil(lambda: view(session).download is None, timeout=WAIT)
        assert view(session).told().endswith(", by the run")
    qtbot.waitUntil(lambda: session.state.run.started is not None, timeout=WAIT)
    assert len(server.ranges) == 1 + given_up
    assert sum(server.sent) < SIZE + 50_000  # once, whoever fetches it
    assert (view(session).place, view(session).download) == ("here", None)
    stop(qtbot, session)


def test_a_run_that_is_stopped_leaves_the_download_to_the_window(
    qtbot: QtBot, session: Session, server: Loopback, image_tree: Callable[..., Path]
) -> None:
    server.answers[:] = [SLOW]
    ready_for_a_run(qtbot, session, image_tree)
    session.weights.download()
    qtbot.waitUntil(lambda: coming(session) > 0, timeout=WAIT)
    session.start()
    qtbot.waitUntil(lambda: view(session).by_run, timeout=WAIT)
    stop(qtbot, session)
    assert (view(session).by_run, view(session).download is not None) == (False, True)
    qtbot.waitUntil(lambda: view(session).place == "here", timeout=WAIT)
    assert server.ranges == [""]


def test_a_file_that_fits_is_chosen(qtbot: QtBot, session: Session, tmp_path: Path, reports: list[Config]) -> None:
    file = written(tmp_path / "mine.pth", zeros(ModelConfig(arch="resnet18"), classes=10))
    load_torch(qtbot, session)
    session.use_config(resnet18())
    session.weights.use_file(file)
    assert view(session).told() == "Reading mine.pth …"
    qtbot.waitUntil(lambda: chosen(session) == str(file), timeout=WAIT)
    assert (view(session).place, view(session).name, view(session).reading) == ("file", "mine.pth", "")
    assert view(session).told() == f"{FITTING} of {TENSORS} tensors load"
    assert len(reports) == 1  # it is not read again
    assert reported(qtbot, session).load == create(session.state.config, 1000)[1]
    session.weights.set_file_aside()
    assert chosen(session) is True
    session.undo()
    assert chosen(session) == str(file)
    file.unlink()
    session.set_value("train.epochs", 3)
    qtbot.waitUntil(lambda: bool(view(session).problem), timeout=WAIT)
    assert view(session).problem == f"There is no such file of weights: {file}. Check model.pretrained."


def test_weights_from_elsewhere_are_for_architectures_without_any(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    file = written(tmp_path / "mine.safetensors", zeros(ModelConfig(), classes=4), "safetensors")
    load_torch(qtbot, session)
    session.weights.use_file(file)
    qtbot.waitUntil(lambda: chosen(session) == str(file), timeout=WAIT)
    assert session.state.config.transfer.mode == "finetune"  # from scratch would not use it
    qtbot.waitUntil(lambda: session.state.summary is not None and not session.state.model_problem, timeout=WAIT)
    session.weights.set_file_aside()
    assert session.state.config == Config()


@pytest.mark.parametrize("bad", ["absent", "empty", "photograph", "cut", "code", "another network"])
def test_a_file_that_cannot_be_used_is_said_and_nothing_else_changes(
    qtbot: QtBot, session: Session, tmp_path: Path, bad: str
) -> None:
    file, trap = tmp_path / "mine.pth", tmp_path / "ran"
    match bad:
        case "empty":
            file.touch()
        case "photograph":
            file.write_bytes(b"\xff\xd8\xff\xe0 a photograph")
        case "cut":
            file.write_bytes(resnet18_file()[:200_000])
        case "code":
            torch.save({"conv1.weight": _Trap(trap)}, file)
        case "another network":
            written(file, zeros(ModelConfig(arch="vgg11")))
    load_torch(qtbot, session)
    summary = session.state.summary
    session.use_config(resnet18())
    qtbot.waitUntil(lambda: session.state.summary is not summary, timeout=WAIT)
    before = session.state
    session.weights.use_file(file)
    qtbot.waitUntil(lambda: session.state.notice is not None, timeout=WAIT)
    level, text = notice(session)
    assert level == "error"
    assert file.name in text
    assert not trap.exists()
    assert replace(session.state, notice=None) == before


def test_a_file_for_an_architecture_that_is_no_longer_chosen_is_not_used(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    file = written(tmp_path / "mine.pth", zeros(ModelConfig(arch="resnet18")))
    load_torch(qtbot, session)
    session.use_config(resnet18())
    session.weights.use_file(file)
    session.set_value("model.arch", "vgg16")
    qtbot.waitUntil(lambda: view(session).reading == "", timeout=WAIT)
    assert chosen(session) is True


def test_files_are_for_transfer() -> None:
    config = with_file(Config(), Path("/a/b.pth"))
    assert (config.model.pretrained, config.transfer.mode) == ("/a/b.pth", "finetune")
    assert with_file(resnet18(), Path("/a/b.pth")).transfer.mode == "freeze"
    assert without_file(config) == Config()
    assert without_file(with_file(resnet18(), Path("/a/b.pth"))) == resnet18()


class _Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def ready_for_a_run(qtbot: QtBot, session: Session, image_tree: Callable[..., Path]) -> None:
    """Let nothing but the weights be missing."""
    load_torch(qtbot, session)
    settings = (("data.image_size", 32), ("data.batch_size", 4), ("compute.device", "cpu"))
    session.use_config(resnet18("freeze", *settings))
    look_at(qtbot, session, image_tree(("ant", "bee"), count=4, size=(12, 12)))
    qtbot.waitUntil(lambda: session.state.summary is not None, timeout=WAIT)
    assert view(session).place == "absent"


def stop(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.run.ended, timeout=WAIT):
        session.run.stop()


def test_sources_are_told_apart() -> None:
    assert source().filename != source(model="vgg16").filename
