from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.recent_runs import RecentRuns, arch_title, moment
from cnnstudio.runtime.runs import PastRun

ZONE = timezone(timedelta(hours=-5))
NOW = datetime(2026, 3, 1, 0, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (NOW - timedelta(minutes=20), "today, 00:10"),
        (NOW - timedelta(minutes=40), "yesterday, 23:50"),
        (NOW - timedelta(days=2), "27 February"),
        (NOW - timedelta(days=90), "1 December 2025"),
    ],
)
def test_a_moment_in_few_words(then: datetime, words: str) -> None:
    assert moment(then.timestamp(), NOW) == words


def test_an_architecture_of_another_version_keeps_its_key() -> None:
    assert (arch_title("resnet18"), arch_title("resnet1999")) == ("ResNet-18", "resnet1999")


def past(name: str, next_epoch: int | None) -> PastRun:
    return PastRun(Path("/runs") / name, Config(), ("ant", "bee"), 0.9, 3, "stopped", 0.0, next_epoch)


def test_a_run_that_another_process_writes_says_so(qtbot: QtBot, theme: Theme) -> None:
    card = RecentRuns("recent", "Recent runs", theme)
    qtbot.addWidget(card)
    card.set_runs([replace(past("cluster", None), written=True), past("done", None)])
    names = [each.accessibleName() for each in card.findChildren(QAbstractButton) if each.parent() is card]
    assert [name.endswith("training elsewhere") for name in names] == [True, False]


def test_a_run_that_can_go_on_offers_it(qtbot: QtBot, theme: Theme) -> None:
    card = RecentRuns("recent", "Recent runs", theme)
    qtbot.addWidget(card)
    card.set_runs([past("broken", 7), past("done", None)])
    card.show()
    resume = card.findChild(QPushButton, "recent.broken.resume")
    assert resume is not None
    assert (resume.text(), resume.accessibleName()) == ("Resume at epoch 7", "Resume broken at epoch 7")
    with qtbot.waitSignal(card.resume_requested) as asked, qtbot.assertNotEmitted(card.chosen):
        QTest.mouseClick(resume, Qt.MouseButton.LeftButton)
    assert asked.args == [Path("/runs/broken")]
    other = card.findChild(QPushButton, "recent.done.resume")
    assert other is not None
    assert not other.isVisible()
    row = card.findChild(QAbstractButton, "recent.done")
    assert row is not None
    with qtbot.waitSignal(card.chosen) as chosen:
        QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=row.rect().center())
    assert chosen.args == [Path("/runs/done")]


def test_buttons_are_measured_in_the_style_in_which_they_are_shown(qtbot: QtBot, theme: Theme) -> None:
    widths = []
    for hold in (nullcontext, theme.at_once):
        with hold():
            card = RecentRuns("recent", "Recent runs", theme)
            qtbot.addWidget(card)
            card.set_runs([past("broken", 7), past("other", 12)])
        card.show()
        widths.append([each.width() for each in card.findChildren(QPushButton)])
    assert widths[0] == widths[1]
    assert len(set(widths[0])) == 1


def test_columns_stand_below_each_other(qtbot: QtBot, theme: Theme) -> None:
    card = RecentRuns("recent", "Recent runs", theme)
    qtbot.addWidget(card)
    card.set_runs([past("broken", 7), past("done", None), past("long", 123)])
    card.resize(800, card.sizeHint().height())
    card.show()
    rows = [each for each in card.findChildren(QAbstractButton) if each.parent() is card]
    places = [[label.x() for label in row.findChildren(QLabel)] for row in rows]
    assert places == [places[0]] * 3
    assert len({row.height() for row in rows}) == 1


def test_without_a_run_that_can_go_on_there_is_no_room_for_it(qtbot: QtBot, theme: Theme) -> None:
    card = RecentRuns("recent", "Recent runs", theme)
    qtbot.addWidget(card)
    card.set_runs([past("done", None)])
    card.resize(800, card.sizeHint().height())
    card.show()
    (row,) = (each for each in card.findChildren(QAbstractButton) if each.parent() is card)
    _, arch, accuracy, _ = row.findChildren(QLabel)
    assert accuracy.x() - arch.geometry().right() < 20
