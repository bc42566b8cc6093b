import csv
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.events import Event, RunStarted
from cnnstudio.gui.panels.doctor_panel import DoctorPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Mode, Theme
from cnnstudio.runtime.diagnosis import Diagnosis, Record
from cnnstudio.runtime.training_doctor import diagnose
from tests.e2e.gestures import child, press
from tests.gui.events import changed, epoch, started, step
from tests.gui.sessions import begin, feed, notice


def tiny(*, batch_size: int = 2) -> RunStarted:
    """Return the opening of a run whose BatchNorm sees few images."""
    opening = started(epochs=20)
    config = opening.config.replace("data.batch_size", batch_size).replace("model.batchnorm", True)
    return opening.model_copy(update={"config": config})


def overfits(upto: int) -> list[Event]:
    """Return epochs whose validation loss is best in the second one."""
    losses = {number: {"train_loss": 1 / number, "val_loss": 0.5 + abs(number - 2) / 10} for number in range(1, upto)}
    return [epoch(number).model_copy(update=figures) for number, figures in losses.items()]


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme) -> DoctorPanel:
    panel = DoctorPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(800, 320)
    panel.show()
    return panel


def said(panel: DoctorPanel) -> list[str]:
    return [each.kind for each in panel.findings]


def test_without_a_finding_it_says_so(panel: DoctorPanel, session: Session) -> None:
    nothing = child(panel, QLabel, "train.doctor.nothing")
    assert nothing.text() == "What goes wrong while a run learns appears here, with what mends it"
    begin(session)
    feed(session, tiny(batch_size=8), step(1.0), epoch(1))
    assert nothing.isVisible()
    assert nothing.text() == "Nothing to report"
    feed(session, *overfits(9))
    assert not nothing.isVisible()
    assert said(panel) == ["overfitting"]


def test_links_stand_under_the_first_letter_of_the_sentence(
    panel: DoctorPanel, session: Session, theme: Theme, qtbot: QtBot
) -> None:
    begin(session)
    feed(session, tiny(batch_size=8), step(1.0), *overfits(9))
    qtbot.wait(20)
    modes: tuple[Mode, ...] = ("light", "dark")
    for mode in modes:
        theme.set_mode(mode)
        row = child(panel, QWidget, "train.doctor.0")
        words, link = child(row, QLabel, "train.doctor.0.text"), child(row, QPushButton, "train.doctor.0.show")
        image = link.grab().toImage()
        ground = image.pixelColor(0, 0)
        inked = [x for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y) != ground]
        assert link.x() + min(inked) / image.devicePixelRatio() == pytest.approx(
            words.x() + words.contentsMargins().left(), abs=1.5
        )


def test_findings_are_counted_as_they_come_and_forgotten_with_the_run(
    panel: DoctorPanel, session: Session, qtbot: QtBot
) -> None:
    counts: list[int] = []
    panel.counted.connect(counts.append)
    begin(session)
    feed(session, tiny(), step(1.0), epoch(1))
    feed(session, *overfits(9))
    assert said(panel) == ["tiny_batches", "overfitting"]
    assert "epoch 2" in child(panel, QLabel, "train.doctor.1.text").text()
    begin(session)
    assert said(panel) == []
    assert counts == [1, 2, 0]


def test_the_evidence_of_a_finding_can_be_asked_for(panel: DoctorPanel, session: Session, qtbot: QtBot) -> None:
    begin(session)
    feed(session, tiny(), step(1.0), epoch(1), *overfits(9))
    with qtbot.waitSignal(panel.evidence_chosen) as asked:
        press(panel, "train.doctor.1.show")
    assert asked.args == ["val_loss", 2.0, 8.0]


def test_a_remedy_is_a_setting_of_the_next_run(panel: DoctorPanel, session: Session) -> None:
    begin(session)
    feed(session, tiny(), step(1.0), epoch(1))
    press(panel, "train.doctor.0.remedy0")
    assert session.state.config.data.batch_size == 16
    assert notice(session) == ("info", "For the next run: use batches of 16.")
    button = child(panel, QPushButton, "train.doctor.0.remedy0")
    assert (button.text(), button.isEnabled()) == ("Use batches of 16 ✓", False)
    session.undo()
    assert (button.text(), button.isEnabled()) == ("Use batches of 16", True)


def test_what_the_run_has_already_is_no_remedy(panel: DoctorPanel, session: Session) -> None:
    session.set_value("train.patience", 5)
    begin(session)
    feed(session, tiny(batch_size=8), step(1.0), *overfits(9))
    shown = [child(panel, QPushButton, f"train.doctor.0.remedy{number}") for number in range(4)]
    assert [each.text() for each in shown if each.isVisible()] == ["Mix images in pairs"]


def test_icons_follow_the_theme(panel: DoctorPanel, session: Session, theme: Theme) -> None:
    begin(session)
    feed(session, tiny(), step(1.0), epoch(1))
    before = panel.grab().toImage()
    theme.set_mode("dark")
    assert panel.grab().toImage() != before


def test_the_window_does_not_wait_for_a_judgement(
    panel: DoctorPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    judges: list[str] = []

    def judge(record: Record) -> tuple[Diagnosis, ...]:
        judges.append(threading.current_thread().name)
        return diagnose(record)

    monkeypatch.setattr("cnnstudio.gui.question_work.diagnose", judge)
    feed(session, tiny(), step(1.0), epoch(1))
    assert len(judges) == 1
    assert judges[0].startswith("cnnstudio-task")
    assert said(panel) == ["tiny_batches"]


def test_what_a_run_can_take_can_be_changed_now(panel: DoctorPanel, session: Session) -> None:
    begin(session)
    session.run.host.active = True  # as if it trained
    opening = started(epochs=20)
    opening = opening.model_copy(update={"config": opening.config.replace("train.lr", 0.5)})
    steps = [step(number / 10, loss=3.0, lr=0.5) for number in range(1, 16)]
    feed(session, opening, *steps, epoch(1))
    assert [each.kind for each in panel.findings] == ["lr_high"]
    button = child(panel, QPushButton, "train.doctor.0.now")
    assert (button.isVisible(), button.text()) == (True, "Learn at 0.05 now")
    press(panel, "train.doctor.0.now")
    assert [(each.key, each.value) for each in session.run.host.control.take_changes()] == [("train.lr", 0.05)]
    assert session.state.config.train.lr == "auto"  # the next run's
    feed(session, changed(1.5, "train.lr", 0.5, 0.05, "lr × 0.1"))
    assert not button.isVisible()
    session.run.host.active = False


def test_findings_are_saved_as_a_table(panel: DoctorPanel, session: Session, tmp_path: Path) -> None:
    save = child(panel, QPushButton, "train.doctor.save")
    begin(session)
    assert not save.isEnabled()
    feed(session, tiny(), step(1.0), epoch(1))
    assert save.isEnabled()
    panel.save(tmp_path / "findings.csv")
    head, row = csv.reader((tmp_path / "findings.csv").read_text(encoding="utf-8").splitlines())
    assert head == ["finding", "sentence", "curve", "begin_epoch", "end_epoch", "remedies"]
    (finding,) = panel.findings
    assert row[:3] == [finding.kind, finding.sentence, finding.evidence.curve]
    assert row[5] == "; ".join(remedy.label for remedy in finding.remedies)
    assert notice(session)[0] == "info"
    begin(session)
    assert not save.isEnabled()
