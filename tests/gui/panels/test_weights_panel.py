import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontInfo
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QPlainTextEdit, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config, ModelConfig
from cnnstudio.core.events import Phase
from cnnstudio.gui.main_window import MainWindow
from cnnstudio.gui.panels.weights_panel import WeightsPanel
from cnnstudio.gui.panels.weights_report import TITLE, WeightsReportDialog
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.weights_view import Download, WeightsReport, WeightsView
from cnnstudio.models.weight_sources import SOURCES
from cnnstudio.models.weights import LoadReport
from tests.gui.sessions import WAIT, begin, feed, load_torch, notice
from tests.gui.weight_files import FITTING, SLOW, TENSORS, begun, here, offered, resnet18, resnet18_file
from tests.models.loopback import Answer, Loopback
from tests.models.made_weights import written, zeros

T = TypeVar("T", bound=QWidget)

ROOM = 282  # pixels across in the card of switches
HIGHEST = 64
NAMES = ("weights.report", "weights.file", "weights.reset", "weights.download", "weights.cancel")


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> WeightsPanel:
    panel = WeightsPanel(session)
    qtbot.addWidget(panel)
    panel.resize(ROOM, 24)
    panel.show()
    return panel


@pytest.fixture
def server() -> Iterator[Loopback]:
    with offered() as server:
        yield server


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list of the files that the user will choose, one at a time; none when it is empty."""
    files: list[Path] = []

    def choose(*_: object) -> tuple[str, str]:
        return (str(files.pop(0)), "") if files else ("", "")

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    return files


def part(parent: QWidget, kind: type[T], name: str) -> T:
    found = parent.findChild(kind, name)
    assert found is not None
    return found


def text(panel: QWidget, name: str = "weights.told") -> str:
    label = part(panel, QLabel, name)
    return label.text() if label.isVisible() else ""


def buttons(panel: WeightsPanel) -> dict[str, str]:
    """Return the words on the buttons that can be seen."""
    found = {name: part(panel, QPushButton, name) for name in NAMES}
    return {name.removeprefix("weights."): each.text() for name, each in found.items() if each.isVisible()}


def press(panel: QWidget, name: str) -> None:
    button = part(panel, QPushButton, name)
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def wait_for(qtbot: QtBot, panel: QWidget, words: str) -> None:
    qtbot.waitUntil(lambda: re.fullmatch(words, text(panel)) is not None, timeout=WAIT)


def test_from_scratch_there_is_nothing_to_say(panel: WeightsPanel, session: Session) -> None:
    session.use_config(resnet18("scratch"))
    assert not panel.isVisible()
    session.use_config(resnet18("freeze", ("model.pretrained", False)))
    assert not panel.isVisible()


def test_without_weights_one_quiet_line_offers_a_file(panel: WeightsPanel, session: Session) -> None:
    session.use_config(Config().replace("transfer.mode", "freeze"))
    assert panel.isVisible()
    assert (text(panel), buttons(panel)) == ("No pretrained weights", {"file": "Use a file …"})


def test_weights_are_downloaded_with_a_click(
    qtbot: QtBot, panel: WeightsPanel, session: Session, server: Loopback
) -> None:
    server.answers[:] = [SLOW]
    session.use_config(resnet18())
    load_torch(qtbot, session)
    assert (text(panel), buttons(panel)) == ("0.4 MB to download", {"file": "File …", "download": "Download"})
    press(panel, "weights.download")
    wait_for(qtbot, panel, r"0\.[1-4] of 0\.4 MB")
    bar = part(panel, QProgressBar, "weights.progress")
    assert bar.value() / 1000 == pytest.approx(float(text(panel).split()[0]) / 0.437, abs=0.13)
    assert bar.accessibleName() == "Downloading ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)"
    assert buttons(panel) == {"cancel": "Cancel"}
    report = f"{FITTING} of {TENSORS + 1} tensors load"
    qtbot.waitUntil(lambda: buttons(panel) == {"report": report, "file": "Use a file …"}, timeout=WAIT)
    assert not bar.isVisible()
    assert server.ranges == [""]


def test_a_download_is_cancelled_and_goes_on_with_the_keys(
    qtbot: QtBot, panel: WeightsPanel, session: Session, server: Loopback
) -> None:
    server.answers[:] = [SLOW, Answer()]
    session.use_config(resnet18())
    panel.activateWindow()
    fetch, cancel = part(panel, QPushButton, "weights.download"), part(panel, QPushButton, "weights.cancel")
    fetch.setFocus()
    QTest.keyClick(fetch, Qt.Key.Key_Space)
    wait_for(qtbot, panel, r"0\.[1-4] of 0\.4 MB")
    assert panel.focusWidget() is cancel
    QTest.keyClick(cancel, Qt.Key.Key_Space)
    assert (text(panel), buttons(panel)) == ("Stopping …", {})
    wait_for(qtbot, panel, r".* MB are here")
    kept = begun().stat().st_size
    assert text(panel) == f"{kept / 1e6:.1f} of 0.4 MB are here"
    assert buttons(panel) == {"file": "File …", "download": "Go on"}
    assert notice(session) == ("", "")
    press(panel, "weights.download")
    qtbot.waitUntil(lambda: session.state.weights.place == "here", timeout=WAIT)
    assert server.ranges == ["", f"bytes={kept}-"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(status=404), "answers 404"),
        (Answer(cut=51_200), "did not send the whole file"),
        (Answer(body=b"x" * len(resnet18_file())), "is not the one expected"),
    ],
)
def test_a_download_that_fails_says_why_and_is_tried_again(
    qtbot: QtBot, panel: WeightsPanel, session: Session, server: Loopback, answer: Answer, told: str
) -> None:
    server.answers[:] = [answer]
    session.use_config(resnet18())
    press(panel, "weights.download")
    qtbot.waitUntil(lambda: told in text(panel, "weights.problem"), timeout=WAIT)
    assert notice(session) == ("error", text(panel, "weights.problem"))
    assert part(panel, QLabel, "weights.problem").toolTip() == text(panel, "weights.problem")
    assert buttons(panel) == {"file": "File …", "download": "Try again"}
    kept = f"{begun().stat().st_size / 1e6:.1f} of 0.4 MB are here" if begun().exists() else "0.4 MB to download"
    assert text(panel) == kept
    server.answers[:] = [Answer()]
    press(panel, "weights.download")
    assert text(panel, "weights.problem") == ""
    qtbot.waitUntil(lambda: session.state.weights.place == "here", timeout=WAIT)


def test_the_window_closes_in_the_middle_of_a_download(
    qtbot: QtBot, theme: Theme, session: Session, server: Loopback
) -> None:
    server.answers[:] = [SLOW]
    window = MainWindow(session, theme)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    session.use_config(resnet18())
    window.show_page("model")
    window.show()
    qtbot.waitExposed(window)
    press(window, "weights.download")
    wait_for(qtbot, window, r"0\.[1-4] of 0\.4 MB")
    assert text(window, "status_bar.phase") == f"Downloading ResNet-18, {text(window)}"
    window.close()
    kept = begun().stat().st_size
    assert 50_000 < kept < len(resnet18_file())
    qtbot.wait(60)
    assert begun().stat().st_size == kept


def test_a_file_takes_the_place_of_imagenet_and_gives_it_back(
    qtbot: QtBot, panel: WeightsPanel, session: Session, tmp_path: Path, chosen: list[Path], server: Loopback
) -> None:
    file = written(tmp_path / "mine.pth", zeros(ModelConfig(arch="resnet18"), classes=10))
    session.use_config(resnet18())
    load_torch(qtbot, session)
    press(panel, "weights.file")  # and thinks better of it
    assert text(panel) == "0.4 MB to download"
    chosen.append(file)
    press(panel, "weights.file")
    assert (text(panel), buttons(panel)) == ("Reading mine.pth …", {})
    figures = f"{FITTING} of {TENSORS} tensors load"
    qtbot.waitUntil(lambda: buttons(panel) == {"report": figures, "reset": "Back to ImageNet"}, timeout=WAIT)
    assert session.state.config == resnet18("freeze", ("model.pretrained", str(file)))
    press(panel, "weights.reset")
    assert session.state.config == resnet18()
    assert buttons(panel) == {"file": "File …", "download": "Download"}


def test_a_file_of_no_use_is_said_and_changes_nothing(
    qtbot: QtBot, panel: WeightsPanel, session: Session, tmp_path: Path, chosen: list[Path], server: Loopback
) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"\xff\xd8\xff\xe0 a photograph")
    chosen.append(file)
    config = resnet18()
    session.use_config(config)
    load_torch(qtbot, session)
    before = text(panel), buttons(panel)
    press(panel, "weights.file")
    qtbot.waitUntil(lambda: session.state.notice is not None, timeout=WAIT)
    level, sentence = notice(session)
    assert level == "error"
    assert sentence.startswith("The weights cannot be read: it is neither a safetensors file nor one of torch.save")
    assert str(file) in sentence
    assert (session.state.config, text(panel), buttons(panel)) == (config, *before)


def test_a_file_that_has_gone_is_said_where_it_was_chosen(
    qtbot: QtBot, panel: WeightsPanel, session: Session, tmp_path: Path
) -> None:
    load_torch(qtbot, session)
    session.use_config(Config().replace("model.pretrained", str(tmp_path / "gone.pth")))
    assert not panel.isVisible()  # learning from scratch does not need it
    session.set_value("transfer.mode", "finetune")
    qtbot.waitUntil(lambda: text(panel, "weights.problem") != "", timeout=WAIT)
    assert text(panel, "weights.problem").startswith("There is no such file of weights: ")
    assert buttons(panel) == {"file": "Use a file …", "reset": "Remove"}
    press(panel, "weights.reset")
    assert session.state.config == Config()


def test_the_report_lists_every_tensor(qtbot: QtBot, panel: WeightsPanel, session: Session, server: Loopback) -> None:
    here()
    session.use_config(resnet18("finetune", ("model.batchnorm", False)))
    load_torch(qtbot, session)
    qtbot.waitUntil(lambda: "report" in buttons(panel), timeout=WAIT)
    press(panel, "weights.report")
    dialog = part(panel, QDialog, "weights_report")
    qtbot.waitUntil(dialog.isVisible)
    assert dialog.windowTitle() == TITLE
    report = session.state.weights.report
    assert report is not None
    assert text(dialog, "weights_report.source") == report.load.source
    assert text(dialog, "weights_report.sentences") == report.sentences()
    counts = [text(dialog, f"weights_report.{name}.count") for name in ("loaded", "missing", "skipped")]
    assert counts == ["120 loaded", "0 start at random", "3 not used"]
    loaded = part(dialog, QPlainTextEdit, "weights_report.loaded")
    assert tuple(loaded.toPlainText().splitlines()) == report.load.loaded
    assert part(dialog, QPlainTextEdit, "weights_report.skipped").toPlainText() == "fc.weight\nfc.bias\npadding"
    assert loaded.isReadOnly()
    assert QFontInfo(loaded.font()).fixedPitch()
    loaded.setFocus()
    QTest.keyClick(loaded, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert loaded.textCursor().selectedText().startswith("conv1.weight")
    QTest.keyClick(loaded, Qt.Key.Key_Tab)  # goes on to the next list
    assert dialog.focusWidget() is part(dialog, QPlainTextEdit, "weights_report.missing")
    with qtbot.waitSignal(dialog.destroyed):
        press(dialog, "weights_report.close")


def test_a_file_of_a_million_tensors_does_not_hold_up_the_window(qtbot: QtBot, theme: Theme) -> None:
    keys = tuple(f"layer.{number}" for number in range(1_000_000))
    report = WeightsReport(LoadReport("nonsense.pth", ("a",), ("b",), keys), ("fc", "aux1.fc2"), "6 classes", False)
    dialog = WeightsReportDialog(report)
    qtbot.addWidget(dialog)
    dialog.show()
    assert text(dialog, "weights_report.missing.count") == "1 starts at random"
    assert text(dialog, "weights_report.skipped.count") == "1,000,000 not used"
    shown = part(dialog, QPlainTextEdit, "weights_report.skipped")
    assert shown.document().blockCount() == 10_001
    assert shown.toPlainText().endswith("layer.9999\nand 990,000 more")
    assert text(dialog, "weights_report.sentences") == (
        "The last layers, fc and aux1.fc2, are new and start at random: 6 classes."
    )


def test_a_run_that_downloads_has_the_say(panel: WeightsPanel, session: Session, server: Loopback) -> None:
    config = resnet18()
    session.use_config(config)
    begin(session)
    session.weights.run_begins(config)
    begun().parent.mkdir(parents=True)
    begun().write_bytes(resnet18_file()[:200_000])
    feed(session, Phase(text="Downloading weights, 0 of 0 MB", done=0.5))
    assert (text(panel), buttons(panel)) == ("0.2 of 0.4 MB, by the run", {})
    assert part(panel, QProgressBar, "weights.progress").isVisible()
    begun().unlink()
    here()
    feed(session, Phase(text="Reading 80 images", done=0.0))
    assert (text(panel), buttons(panel)) == ("On this computer", {"file": "Use a file …"})


_VGG = next(each for each in SOURCES if each.model == "vgg19_bn")
_REPORT = WeightsReport(LoadReport("", tuple("a" * 294), (), tuple("ab")), ("fc",), "1000 → 6 classes", True)


@pytest.mark.parametrize(
    "view",
    [
        WeightsView("none"),
        WeightsView("absent", _VGG, _VGG.words),
        WeightsView("absent", _VGG, _VGG.words, begun=431_000_000),
        WeightsView("absent", _VGG, _VGG.words, problem="It cannot be reached: " * 9),
        WeightsView("absent", _VGG, _VGG.words, download=Download(_VGG, 431_000_000, _VGG.size)),
        WeightsView("absent", _VGG, _VGG.words, begun=431_000_000, by_run=True),
        WeightsView("here", _VGG, _VGG.words, report=_REPORT),
        WeightsView("here", _VGG, _VGG.words, problem="It is damaged. " * 9),
        WeightsView("file", None, "a" * 90, report=_REPORT),
        WeightsView("file", None, "a" * 90, problem="It is damaged. " * 9),
        WeightsView("file", None, "a", reading="b" * 90),
    ],
)
def test_every_state_fits_and_can_be_read_aloud(panel: WeightsPanel, session: Session, view: WeightsView) -> None:
    session._set(weights=view)
    panel.adjustSize()
    panel.resize(ROOM, panel.height())
    assert panel.height() <= HIGHEST
    assert panel.minimumSizeHint().width() <= ROOM
    for child in panel.findChildren(QWidget):
        if child.isVisible():
            assert panel.rect().contains(child.geometry()), child.objectName()
    for name in buttons(panel):
        button = part(panel, QPushButton, f"weights.{name}")
        assert button.accessibleName()
        assert button.width() >= button.sizeHint().width()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
