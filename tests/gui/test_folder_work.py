import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import Watch
from cnnstudio.data.images import Pixels, read_thumbnail
from cnnstudio.data.samples import sample
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState, Work
from cnnstudio.runtime.runs import samples_folder
from tests.gui.sessions import WAIT, look_at, notice

Tree = Callable[..., Path]


@pytest.fixture
def folder(image_tree: Callable[..., Path]) -> Path:
    return image_tree(("ant", "bee"), count=10, size=(12, 12))


@pytest.fixture
def other(image_tree: Tree) -> Path:
    return image_tree(("cat", "dog", "fox"), count=2, size=(12, 12), name="others")


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let samples have few images, so that they are drawn in a moment."""
    few = tuple(replace(sample(name), images=2 * len(sample(name).classes)) for name in ("shapes", "borders"))
    monkeypatch.setattr("cnnstudio.data.samples._SAMPLES", few)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list that fills with the images that are decoded for a survey."""
    seen: list[Path] = []

    def noted(path: Path, side: int) -> Pixels:
        seen.append(path)
        return read_thumbnail(path, side)

    monkeypatch.setattr("cnnstudio.data.survey.read_thumbnail", noted)
    return seen


def test_a_folder_is_looked_at_and_becomes_the_one_to_learn_from(qtbot: QtBot, session: Session, folder: Path) -> None:
    states: list[SessionState] = []
    session.changed.connect(states.append)
    session.open_folder(folder)
    assert session.state.surveying == Work("Looking through the folder")
    qtbot.waitUntil(lambda: session.state.surveying is None)
    found = session.state.survey
    assert found is not None
    assert [(each.name, each.train, each.val) for each in found.counts()] == [("ant", 8, 2), ("bee", 8, 2)]
    assert session.state.config.data.folder == str(folder)
    assert session.state.start_refusal == "PyTorch is still loading."
    seen = [state.surveying for state in states if state.surveying is not None]
    assert seen[0] == Work("Looking through the folder")
    assert {work.text for work in seen[1:]} <= {"Looking at 20 images"}
    assert [state.survey for state in states[:-1]] == [None] * (len(states) - 1)


def test_a_folder_that_cannot_be_learnt_from_is_told_and_nothing_else_changes(
    qtbot: QtBot, session: Session, folder: Path, tmp_path: Path
) -> None:
    look_at(qtbot, session, folder)
    before = session.state
    (tmp_path / "empty").mkdir()
    look_at(qtbot, session, tmp_path / "empty")
    level, text = notice(session)
    assert level == "error"
    assert text.startswith(f"No image that can be used: {tmp_path / 'empty'}. Put each class")
    assert replace(session.state, notice=None) == before


def test_a_folder_that_is_not_there_is_told(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    look_at(qtbot, session, tmp_path / "birds")
    assert notice(session) == ("error", f"No such folder: {tmp_path / 'birds'}. Check the path.")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
def test_a_folder_whose_name_is_no_unicode_is_told(qtbot: QtBot, session: Session, folder: Path) -> None:
    odd = folder.with_name(os.fsdecode(b"v\xf6gel"))
    folder.rename(odd)
    look_at(qtbot, session, odd)
    assert notice(session)[1].endswith("It must be valid Unicode: rename the folder.")
    assert (session.state.survey, session.state.config.data.folder) == (None, "")


def test_a_look_can_be_given_up(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.open_folder(folder)
    session.folders.cancel()
    assert session.state.surveying is None
    qtbot.wait(100)
    assert (session.state.survey, session.state.config.data.folder) == (None, "")
    assert session.state.notice is None


def test_another_folder_takes_the_place_of_the_one_that_is_looked_at(
    qtbot: QtBot, session: Session, folder: Path, other: Path
) -> None:
    opened: list[str] = []
    session.changed.connect(lambda state: opened.append(state.config.data.folder) if state.survey else None)
    session.open_folder(folder)
    look_at(qtbot, session, other)
    qtbot.wait(60)
    found = session.state.survey
    assert found is not None
    assert found.catalog.classes == ("cat", "dog", "fox")
    assert set(opened) == {str(other)}


def test_another_folder_brings_its_own_preview_image(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.watch(replace(session.state.watch, layer="features.0", image="/images/old.png"))
    look_at(qtbot, session, folder)
    assert session.state.watch == session.run.host.control.watched == Watch("features.0", "")


def test_another_division_needs_no_second_look(
    qtbot: QtBot, session: Session, folder: Path, decoded: list[Path]
) -> None:
    look_at(qtbot, session, folder)
    assert len(decoded) == 20
    first = session.state.survey
    session.set_value("data.val_fraction", 0.4)
    second = session.state.survey
    session.set_value("train.seed", 5)
    third = session.state.survey
    assert first is not None
    assert second is not None
    assert third is not None
    assert [(each.train, each.val) for each in second.counts()] == [(6, 4), (6, 4)]
    assert second.catalog is first.catalog
    assert second.thumbnails is first.thumbnails
    assert (len(third.split.val), third.split.val == second.split.val) == (8, False)
    session.set_value("train.epochs", 3)
    assert session.state.survey is third
    session.undo()
    session.undo()
    session.undo()
    again = session.state.survey
    assert again is not None
    assert again.split == first.split
    assert len(decoded) == 20


def test_a_division_chosen_while_the_folder_is_looked_at_counts(qtbot: QtBot, session: Session, folder: Path) -> None:
    session.open_folder(folder)
    session.set_value("data.val_fraction", 0.5)
    qtbot.waitUntil(lambda: session.state.surveying is None)
    found = session.state.survey
    assert found is not None
    assert [(each.train, each.val) for each in found.counts()] == [(5, 5), (5, 5)]


def test_a_sample_is_drawn_and_opened_with_its_own_settings(
    qtbot: QtBot, session: Session, small_samples: None
) -> None:
    session.folders.write_sample("borders")
    assert session.state.surveying == Work("Drawing 8 images")
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=WAIT)
    assert session.state.config.data.folder == str(samples_folder() / "borders")
    assert session.state.config.data.augment is False
    assert len(list((samples_folder() / "borders").glob("*/*.png"))) == 8


def test_the_settings_of_a_sample_go_with_it(
    qtbot: QtBot, session: Session, small_samples: None, folder: Path, tmp_path: Path
) -> None:
    session.folders.write_sample("borders")
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=WAIT)
    look_at(qtbot, session, tmp_path / "nothing here")
    assert session.state.config.data.augment is False  # the sample is still open
    look_at(qtbot, session, folder)
    assert session.state.config.data.augment is True


def test_what_the_user_has_changed_since_the_sample_stays(
    qtbot: QtBot, session: Session, small_samples: None, folder: Path
) -> None:
    session.set_value("data.augment", False)
    session.folders.write_sample("borders")
    qtbot.waitUntil(lambda: session.state.survey is not None, timeout=WAIT)
    session.set_value("train.epochs", 4)
    look_at(qtbot, session, folder)
    assert (session.state.config.data.augment, session.state.config.train.epochs) == (False, 4)
    session.undo()
    assert (session.state.config.train.epochs, session.state.config.data.folder) == (10, str(folder))


def test_drawing_a_sample_can_be_given_up_and_leaves_nothing(qtbot: QtBot, session: Session) -> None:
    session.folders.write_sample("textures")
    shown: list[Work | None] = []
    session.changed.connect(lambda state: shown.append(state.surveying))
    qtbot.waitUntil(lambda: bool(shown), timeout=WAIT)
    assert shown[0] is not None
    assert shown[0].text == "Drawing 1,260 images"
    session.folders.cancel()
    assert shown[-1] is None
    session.close()
    assert list(samples_folder().iterdir()) == []
    assert session.state.notice is None


def test_samples_are_drawn_one_after_the_other(qtbot: QtBot, session: Session) -> None:
    shown: list[dict[str, tuple[Pixels, ...]]] = []
    session.folders.drawn.connect(shown.append)
    session.folders.draw_samples(2)
    qtbot.waitUntil(lambda: bool(shown) and len(shown[-1]) == 3)
    assert list(shown[-1]) == ["shapes", "borders", "textures"]
    assert [len(pictures) for pictures in shown[-1].values()] == [2, 2, 2]
