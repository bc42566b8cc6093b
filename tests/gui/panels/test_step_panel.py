from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.control import ANY_TENSOR
from cnnstudio.core.pictures import StepStage
from cnnstudio.gui.panels.step_panel import StepPanel
from cnnstudio.gui.panels.step_words import sentences
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import DARK, LIGHT, Theme
from cnnstudio.gui.widgets.colormaps import argb_table
from cnnstudio.gui.widgets.stage_chips import StageChips
from cnnstudio.gui.widgets.step_table import StepTable
from cnnstudio.gui.widgets.tensor_picture import TensorPicture
from tests.e2e.gestures import child, press
from tests.gui.events import started
from tests.gui.sessions import begin, feed, finish, look_into, notice, status, take

NAMES = ("input", "conv1", "layer1.0.conv2", "layer1.0.add:branch", "layer1.0.add:shortcut", "layer1.0.add", "fc")
FORMULA = "a(l+2) = σ(z(l+2) + a(l))"
FORWARD = StepStage(
    stage="forward",
    step=41,
    images=32,
    note="",
    names=NAMES,
    titles=("", "", "conv2", "z(l+2)", "a(l)", "z(l+2) + a(l)", ""),
    kinds=("images", "Conv2d", "Conv2d", "branch", "shortcut", "sum before the ReLU", "Linear"),
    blocks=("", "", *["layer1.0"] * 4, ""),
    formulas=("", "", *[FORMULA] * 4, ""),
    shapes=((32, 3, 8, 8), *[(32, 4, 8, 8)] * 5, (32, 2)),
    figures=np.array([[-1.5, 2.5, 0.125, 0.5, 3.0]] * 7, np.float32),
    loss=float("nan"),
    right=float("nan"),
    rates=(float("nan"), float("nan")),
    tensor="layer1.0.add",
    part="first image",
    tiles=np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8),
    values=np.empty(0, np.float32),
    low=-2.0,
    high=2.0,
    histogram=np.arange(40),
    span=(-1.5, 2.5),
)
LOSS = replace(
    FORWARD,
    stage="loss",
    names=("logits", "loss"),
    titles=("", ""),
    kinds=("logits", "mean over the images"),
    blocks=("", ""),
    formulas=("", ""),
    shapes=((32, 2), (1,)),
    figures=np.array([[-1, 1, 0, 0, 2], [0.834, 0.834, 0.834, 0, 0.834]], np.float32),
    loss=0.834,
    right=0.51,
    tensor="loss",
    tiles=np.empty((0, 1, 1), np.uint8),
    values=np.array([0.834], np.float32),
    low=0.0,
)


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme) -> StepPanel:
    return look_into(qtbot, StepPanel(session, theme), 850, 380)


@pytest.fixture
def paused(panel: StepPanel, session: Session) -> StepPanel:
    begin(session)
    feed(session, started())
    session.run.pause()
    session.run.host.held.emit()
    return panel


def hint(panel: StepPanel) -> str:
    label = child(panel, QLabel, "train.step.hint")
    return label.text() if label.isVisible() else ""


def table(panel: StepPanel) -> StepTable:
    return child(panel, StepTable, "train.step.tensors")


def labels(panel: StepPanel) -> list[str]:
    return [row.label.strip() for row in table(panel).rows_model.rows]


def test_the_card_says_what_to_do_while_there_is_nothing_to_see(panel: StepPanel, session: Session) -> None:
    button = child(panel, QPushButton, "train.step.next")
    here = "What a training step computes appears here"
    assert hint(panel) == f"{here}: start a run, pause it (Space), then press the “.” key to take one step"
    assert not button.isEnabled()
    begin(session)
    assert hint(panel) == f"{here}: pause (Space), then press the “.” key to take one step"
    assert not button.isEnabled()
    session.run.pause()
    assert hint(panel).startswith("Press the “.” key to take one step")
    assert (button.text(), button.isEnabled()) == ("Next: Forward (.)", True)
    session.run._show(replace(session.state.run, status="following"))
    assert hint(panel) == "Single steps can be taken where the run trains"


def test_a_stage_is_asked_for_with_the_button_and_shown_when_it_comes(paused: StepPanel, session: Session) -> None:
    control = session.run.host.control
    press(paused, "train.step.next")
    assert control.stepping
    button = child(paused, QPushButton, "train.step.next")
    assert (button.text(), button.isEnabled()) == ("Computing …", False)
    assert hint(paused) == "The run takes the stage …"
    control.stage_taken()
    take(paused, FORWARD)
    assert hint(paused) == ""
    assert child(paused, StageChips, "train.step.stages").current == "forward"
    assert (button.text(), button.isEnabled()) == ("Next: Loss (.)", True)
    assert paused.subtitle() == "step 41 · layer1.0.add"
    press(paused, "train.step.next")
    assert control.stepping


def test_a_residual_block_reads_as_a_block(paused: StepPanel) -> None:
    take(paused, FORWARD)
    assert labels(paused) == [
        "input",
        "conv1",
        f"layer1.0    {FORMULA}",
        "conv2",
        "z(l+2) · branch",
        "a(l) · shortcut",
        "z(l+2) + a(l) · sum",
        "fc",
    ]
    view = table(paused)
    assert view.columnSpan(2, 0) == 7
    assert view.columnSpan(3, 0) == 1
    assert view.chosen == "layer1.0.add"
    texts = [view.rows_model.index(1, column).data() for column in range(7)]
    assert texts == ["conv1", "Conv2d", "32×4×8×8", "−1.5", "2.5", "0.125", "50 %"]


def test_the_tensor_is_drawn_with_zero_in_the_middle_of_its_colours(paused: StepPanel, theme: Theme) -> None:
    take(paused, FORWARD)
    picture = child(paused, TensorPicture, "train.step.picture")
    assert picture.color_map() == "diverging"
    image = picture.grab().toImage()
    side = picture.grid(4).side
    for tile in range(4):
        x, y = picture.grid(4).corner(tile)
        wanted = argb_table("diverging")[FORWARD.tiles[tile, 0, 0]]
        assert image.pixel(x + 1, y + 1) == wanted
        assert image.pixel(x + side - 2, y + side - 2) == argb_table("diverging")[FORWARD.tiles[tile, 7, 7]]
    picture.set_tokens(DARK)
    assert picture.color_map() == "diverging_dark"
    picture.set_tokens(LIGHT)
    picture.show_tensor(replace(FORWARD, low=0.0))
    assert picture.color_map() == "inferno"
    many = picture.grid(2048)
    assert many.side >= 10


def test_bars_stand_on_zero(paused: StepPanel) -> None:
    values = np.array([1.0, -1.0, 0.5, 0.0], np.float32)
    take(paused, replace(LOSS, values=values, span=(-1.0, 1.0)))
    picture = child(paused, TensorPicture, "train.step.picture")
    image = picture.grab().toImage()
    room = picture._places().picture
    pitch = min(48.0, room.width() / 4)
    ground = image.pixelColor(int(3.5 * pitch), room.height() // 4).name()

    def at(bar: int, share: float) -> str:
        return image.pixelColor(int((bar + 0.5) * pitch), int(share * room.height())).name()

    assert at(0, 0.1) == at(0, 0.4) == LIGHT.series[0].lower()
    assert (at(0, 0.75), at(1, 0.25)) == (ground, ground)
    assert at(1, 0.75) == LIGHT.series[3].lower()
    assert (at(2, 0.1), at(2, 0.4)) == (ground, LIGHT.series[0].lower())


def test_keys_go_from_tensor_to_tensor_and_the_choice_is_kept_for_the_next_stage(
    paused: StepPanel, session: Session
) -> None:
    told: list[str] = []
    paused.layer_chosen.connect(told.append)
    assert session.state.watch.tensor == ANY_TENSOR
    take(paused, FORWARD)
    assert session.state.watch.tensor == ANY_TENSOR
    QTest.keyClick(table(paused), Qt.Key.Key_Up)
    assert session.run.host.control.watched.tensor == "layer1.0.add:shortcut"
    assert told == ["layer1.0.add"]
    take(paused, LOSS)
    assert table(paused).chosen == "loss"
    assert session.state.watch.tensor == "layer1.0.add:shortcut"
    take(paused, FORWARD)
    paused.choose_layer("conv1")
    assert session.state.watch.tensor == "conv1"
    paused.choose_layer("layer9")
    assert session.state.watch.tensor == "conv1"
    paused.watch(seen=False)
    assert session.state.watch.tensor == ""


def test_what_was_taken_goes_away_when_the_run_goes_on_or_ends(paused: StepPanel, session: Session) -> None:
    pages = child(paused, QStackedWidget, "train.step.pages")
    take(paused, FORWARD)
    assert pages.currentIndex() == 1
    session.run.resume()
    assert hint(paused).startswith("What a training step computes appears here: pause (Space), then press the “.” key")
    assert (labels(paused), paused.subtitle()) == ([], "")
    take(paused, FORWARD)  # which came late
    assert pages.currentIndex() == 0
    session.run.pause()
    take(paused, FORWARD)
    assert pages.currentIndex() == 1
    finish(session)
    assert hint(paused).startswith("What a training step computes appears here: start a run")


def test_a_running_run_pauses_first(panel: StepPanel, session: Session) -> None:
    begin(session)
    session.run.step()
    assert status(session) == "pausing"
    assert session.run.host.control.stepping
    session.run.resume()
    assert not session.run.host.control.stepping


def test_a_stage_is_saved_as_a_table_and_as_a_picture(paused: StepPanel, session: Session, tmp_path: Path) -> None:
    take(paused, FORWARD)
    paused.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,stage,tensor,what,block,shape,min,max,mean,zeros,norm"
    assert lines[6] == (
        "41,forward,layer1.0.add,z(l+2) + a(l) (sum before the ReLU),layer1.0,32x4x8x8,-1.5,2.5,0.125,0.5,3"
    )
    paused.save(tmp_path / "a.png")
    picture = child(paused, TensorPicture, "train.step.picture")
    assert QImage(str(tmp_path / "a.png")).size() == picture.grab().toImage().size()
    assert notice(session)[0] == "info"
    paused.save(tmp_path / "nowhere" / "a.png")
    assert notice(session)[0] == "error"


def test_each_stage_is_told_with_its_figures() -> None:
    rectified = replace(FORWARD, kinds=("images", "Conv2d", "ReLU", *FORWARD.kinds[3:]))
    assert sentences(rectified) == (
        "32 images went through 4 layers; no weight has changed. 50 % of the values behind a ReLU are 0."
    )
    assert sentences(replace(LOSS, note="It is said.")) == (
        "The loss of these 32 images is 0.834; the network gave the right class 0.51 on average. It is said."
    )
    figures = np.array([[0, 0, 0, 0, 4], [0, 0, 0, 0, 0.5]], np.float32)
    pair = replace(LOSS, shapes=((2, 8), (4, 3, 3, 3)), figures=figures)
    backward = replace(pair, stage="backward", names=("fc.weight", "conv1.weight"))
    assert sentences(backward).endswith(
        "The gradient has a norm of 0.5 at conv1.weight, the first, and of 4 at fc.weight, the last."
    )
    update = replace(pair, stage="update", names=("fc.weight before", "fc.weight change"), rates=(1e-3, 1e-3))
    assert sentences(update) == (
        "The optimizer changed 1 parameter tensor with a learning rate of 1.0e-03: they moved by 12 % of their length."
    )
    still = replace(update, figures=np.array([[0, 0, 0, 0, 4], [0] * 5], np.float32))
    assert sentences(still) == "No weight has changed in step 41: the optimizer has left it out."


def test_the_longest_names_of_branches_have_room_in_the_smallest_window(paused: StepPanel) -> None:
    names = tuple(f"inception4e.{each}" for each in ("branch4.1.conv.weight", "branch1.bn", "branch2.0.act"))
    stage = replace(
        LOSS,
        stage="backward",
        names=names,
        titles=("", "", ""),
        kinds=("gradient",) * 3,
        blocks=("inception4e",) * 3,
        formulas=("each branch gets the gradient of its maps",) * 3,
        shapes=((128, 832, 1, 1), (32, 256, 14, 14), (32, 160, 14, 14)),
        figures=np.array([[-8.8e-10, -8.8e-10, -8.8e-10, 1, 1]] * 3, np.float32),
        tensor=names[0],
    )
    paused.resize(850, 330)
    take(paused, stage)
    shown = table(paused)
    assert labels(paused)[1:] == ["branch4.1.conv.weight", "branch1.bn", "branch2.0.act"]
    cells = [
        (shown.sizeHintForIndex(shown.rows_model.index(row, column)).width(), shown.columnWidth(column))
        for row in range(1, 4)
        for column in range(7)
        if not shown.isColumnHidden(column)
    ]
    assert len(cells) == 18
    assert [cell for cell in cells if cell[0] > cell[1]] == []
