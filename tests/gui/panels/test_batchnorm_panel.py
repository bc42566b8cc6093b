from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.core.events import RunStarted
from cnnstudio.core.pictures import BatchNormScope
from cnnstudio.gui.panels.batchnorm_panel import BatchNormPanel
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import RunView
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.agreement_plot import AgreementPlot
from cnnstudio.gui.widgets.batchnorm_board import BatchNormBoard
from cnnstudio.gui.widgets.channel_chart import ChannelChart
from cnnstudio.gui.widgets.channel_history import HistoryPlot
from cnnstudio.gui.widgets.field import ComboField, SpinField
from cnnstudio.gui.widgets.scope_plot import ScopePlot
from cnnstudio.gui.widgets.value_histogram import ValueHistogram
from tests.e2e.gestures import child, choose, press
from tests.gui.events import ended, maps, started
from tests.gui.sessions import begin, feed, finish, look_into, notice, take

NORMS = {"conv1": "bn1", "layer1.0.conv1": "layer1.0.bn1", "layer1.0.conv2": "layer1.0.bn2"}
CHANNELS = 6
BINS = 4


def opening(norms: Mapping[str, str] = NORMS, **model: object) -> RunStarted:
    config = Config()
    for key, value in model.items():
        config = config.replace(f"model.{key}", value)
    return started().model_copy(update={"norms": dict(norms), "config": config})


def ramp(low: float, high: float) -> NDArray[np.float32]:
    return np.linspace(low, high, CHANNELS, dtype=np.float32)


def scope(
    layer: str = "bn1", *, step: int = 10, image: str = "", values: int = 800, frozen: bool = False
) -> BatchNormScope:
    """Return a layer whose means are 0.5 σ, and whose variances are twice, what is remembered."""
    return BatchNormScope(
        layer=layer,
        step=step,
        images=1 if image else 8,
        image=image,
        values=values,
        frozen=frozen,
        eps=0.0,
        momentum=0.1,
        weight=np.array([1.1, 0.9, 1.3, 1.0, 0.7, -0.5], np.float32),
        bias=ramp(-0.2, 0.3),
        mean=ramp(-1, 1) + 1,
        var=np.full(CHANNELS, 8.0 if values > 1 else 0.0, np.float32),
        running_mean=ramp(-1, 1),
        running_var=np.full(CHANNELS, 4.0, np.float32),
        low=ramp(-4, -2),
        high=ramp(2, 6),
        counts=np.tile(np.array([1, 4, 2, 1], np.uint16), (CHANNELS, 1)),
        pooled=np.array([[1, 2, 3, 4], [4, 8, 4, 0], [0, 5, 5, 5]], np.int32),
        ends=np.array([[-4, 6], [-2, 3], [-1, 2]], np.float32),
    )


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, session: Session) -> BatchNormPanel:
    return look_into(qtbot, BatchNormPanel(session, theme), 820, 400)


@pytest.fixture
def running(panel: BatchNormPanel, session: Session) -> BatchNormPanel:
    """Return the panel during a run."""
    begin(session)
    feed(session, opening())
    return panel


@pytest.fixture
def drawn(running: BatchNormPanel) -> BatchNormPanel:
    """Return the panel with a layer."""
    take(running, scope())
    QApplication.processEvents()
    return running


def text(panel: BatchNormPanel, name: str) -> str:
    label = panel.findChild(QLabel, f"train.batchnorm.{name}")
    return label.text() if label is not None and label.isVisible() else ""


def watched(session: Session) -> Watch:
    return session.run.host.control.watched


def chart(panel: BatchNormPanel, name: str = "weight") -> ChannelChart:
    return child(panel, ChannelChart, f"train.batchnorm.{name}")


def agreement(panel: BatchNormPanel, name: str) -> AgreementPlot:
    return child(panel, AgreementPlot, f"train.batchnorm.{name}")


def histogram(panel: BatchNormPanel, name: str) -> ValueHistogram:
    return child(panel, ValueHistogram, f"train.batchnorm.{name}")


def channel(panel: BatchNormPanel) -> SpinField:
    return child(panel, SpinField, "train.batchnorm.channel")


def point(plot: ScopePlot, number: int, *, click: bool = False) -> None:
    place = plot.place(number).toPoint()
    if click:
        QTest.mouseClick(plot.canvas(), Qt.MouseButton.LeftButton, pos=place)
    else:
        QTest.mouseMove(plot.canvas(), place + QPoint(1, 1))
        QTest.mouseMove(plot.canvas(), place)


def leave(plot: ScopePlot) -> None:
    QApplication.sendEvent(plot.canvas(), QEvent(QEvent.Type.Leave))


# Where there is nothing


def test_before_a_run_it_says_what_will_appear(panel: BatchNormPanel, session: Session) -> None:
    assert text(panel, "hint") == "γ and β of each BatchNorm appear here once training starts"
    assert not child(panel, ComboField, "train.batchnorm.layer").isVisible()
    assert not child(panel, QPushButton, "train.batchnorm.save").isEnabled()
    assert session.state.watch == Watch()


def test_a_network_without_batch_norm_says_how_to_have_one(panel: BatchNormPanel, session: Session) -> None:
    begin(session)
    feed(session, opening({}, batchnorm=False, pretrained=False))
    assert text(panel, "hint").startswith("This network has no BatchNorm. Switch BatchNorm2d on")
    assert watched(session) == Watch()
    begin(session)
    feed(session, opening({}, batchnorm=False, pretrained=True))
    assert "Its pretrained γ and β are folded into the convolutions." in text(panel, "hint")


def test_a_run_elsewhere_shows_nothing_here(panel: BatchNormPanel, session: Session) -> None:
    session.run._show(RunView(status="following", started=opening()))
    assert text(panel, "hint") == "BatchNorm can be seen where the run trains"
    assert watched(session).batchnorm == ""


# What is watched


def test_the_first_layer_is_watched_while_it_is_seen(running: BatchNormPanel, session: Session) -> None:
    assert watched(session) == Watch(batchnorm="bn1")
    assert text(running, "hint") == "The first batch is on its way"
    running.watch(seen=False)
    assert watched(session) == Watch()
    running.choose_layer("layer1.0.conv1")
    assert watched(session) == Watch()
    running.watch(seen=True)
    assert watched(session) == Watch(batchnorm="layer1.0.bn1")


def test_it_follows_the_layer_that_is_chosen_elsewhere(running: BatchNormPanel, session: Session) -> None:
    told: list[str] = []
    running.layer_chosen.connect(told.append)
    for layer, norm in (("layer1.0.conv1", "layer1.0.bn1"), ("layer1", "layer1.0.bn2"), ("bn1", "bn1"), ("fc", "bn1")):
        running.choose_layer(layer)
        assert watched(session).batchnorm == norm
    assert told == ["layer1.0.bn1", "layer1.0.bn2", "bn1"]
    choose(running, "train.batchnorm.layer", "layer1.0.bn2")
    assert watched(session).batchnorm == "layer1.0.bn2"


def test_one_image_is_asked_for_and_only_that_is_drawn(drawn: BatchNormPanel, session: Session) -> None:
    press(drawn, "train.batchnorm.batch.alone")
    assert watched(session) == Watch(batchnorm="bn1", batchnorm_alone=True)
    take(drawn, scope(step=11))
    assert drawn.subtitle() == "bn1 · 6 channels · step 10"
    take(drawn, scope(step=11, image="/images/wren.png", values=100))
    assert drawn.subtitle() == "bn1 · 6 channels · step 11"
    assert text(drawn, "words") == (
        "wren.png alone: the variance is over its 100 pixels, no longer over images; "
        "means 0.5 σ, variances × 2 off the running ones (medians)."
    )
    take(drawn, scope(step=12, image="/images/wren.png", values=1))
    assert text(drawn, "words").endswith("the variance is 0, torch refuses that, and only β would be left.")
    assert agreement(drawn, "variance").drawn()[1] == pytest.approx([0.004] * CHANNELS)  # at the lower edge
    drawn.watch(seen=False)
    assert watched(session) == Watch()


def test_a_batch_that_never_arrives_is_drawn_as_nothing(running: BatchNormPanel) -> None:
    press_alone = child(running, QWidget, "train.batchnorm.batch.alone")
    take(running, scope())
    QTest.mouseClick(press_alone, Qt.MouseButton.LeftButton)
    none = np.full(CHANNELS, np.nan, np.float32)
    gone = scope(image="/images/wren.png", values=0)
    zeros = np.zeros(CHANNELS, np.float32)
    take(running,
        replace(
            gone, mean=none, var=none, low=zeros, high=zeros, counts=0 * gone.counts, pooled=0 * gone.pooled,
            ends=0 * gone.ends,
        )
    )  # fmt: skip
    assert "never gets here" in text(running, "words")
    assert len(agreement(running, "mean").drawn()[0]) == 0
    assert histogram(running, "after").drawn()[1].max() == 0
    channel(running).setValue(2)
    assert "batch mean undefined, var undefined" in text(running, "figures")


# What is drawn


def test_all_channels_are_drawn_with_their_values(drawn: BatchNormPanel) -> None:
    shown = scope()
    xs, weight = chart(drawn).drawn()
    np.testing.assert_array_equal(xs, np.arange(6))
    np.testing.assert_allclose(weight, shown.weight)
    np.testing.assert_allclose(chart(drawn, "bias").drawn()[1], shown.bias)
    running, batch = agreement(drawn, "mean").drawn()
    np.testing.assert_allclose(running, shown.running_mean)
    np.testing.assert_allclose(batch, shown.mean)
    running, batch = agreement(drawn, "variance").drawn()
    np.testing.assert_allclose(running, shown.running_var)
    np.testing.assert_allclose(batch, shown.var)
    low, high = agreement(drawn, "variance").ends
    assert low < 4
    assert high > 8
    assert text(drawn, "words") == (
        "Fixed batch of 8 training images, not augmented: means 0.5 σ, variances × 2 off the running ones (medians)."
    )
    assert text(drawn, "figures") == (
        "All channels: γ −0.5 to 1.3 · β −0.2 to 0.3 · 800 values each · ε 0 · momentum 0.1. Point at one, or click it."
    )
    assert text(drawn, "hint") == text(drawn, "frozen") == ""


def test_all_values_are_drawn_before_and_after(drawn: BatchNormPanel) -> None:
    edges, heights = histogram(drawn, "before").drawn()
    np.testing.assert_allclose(edges, np.linspace(-4, 6, BINS + 1))
    np.testing.assert_allclose(heights, [0.25, 0.5, 0.75, 1])
    assert histogram(drawn, "before").outlined()[0].size == 0
    edges, heights = histogram(drawn, "after").drawn()
    np.testing.assert_allclose(edges, np.linspace(-1, 2, BINS + 1))
    np.testing.assert_allclose(heights, [0, 1, 1, 1])
    np.testing.assert_allclose(histogram(drawn, "after").outlined()[0], np.linspace(-2, 3, BINS + 1))


def test_a_channel_is_drawn_as_the_layer_computes_it(drawn: BatchNormPanel) -> None:
    channel(drawn).setValue(5)  # whose γ is negative, so that its values are mirrored
    shown = scope()
    ends = (np.array([-2.0, 6.0]) - shown.mean[5]) / np.sqrt(8)
    after, heights = histogram(drawn, "after").drawn()
    np.testing.assert_allclose(after[[0, -1]], sorted(-0.5 * ends + 0.3), rtol=1e-5)
    np.testing.assert_allclose(heights, [0.25, 0.5, 1, 0.25])
    np.testing.assert_allclose(histogram(drawn, "after").outlined()[0][[0, -1]], ends, rtol=1e-5)
    take(drawn, scope(step=11, frozen=True))  # now with the running statistics
    ends = (np.array([-2.0, 6.0]) - shown.running_mean[5]) / 2
    np.testing.assert_allclose(histogram(drawn, "after").outlined()[0][[0, -1]], ends, rtol=1e-5)


def test_a_frozen_layer_says_how_it_would_drift(drawn: BatchNormPanel) -> None:
    take(drawn, scope(step=11, frozen=True))
    assert text(drawn, "frozen") == (
        "Frozen: its buffers stand still; in training mode they would drift by 0.5 σ (median), "
        "0.05 σ of it with this batch."
    )
    take(drawn, scope(step=12))
    assert text(drawn, "frozen") == ""


def test_channels_can_be_sorted_by_gamma(drawn: BatchNormPanel) -> None:
    press(drawn, "train.batchnorm.order.weight")
    xs, weight = chart(drawn).drawn()
    np.testing.assert_array_equal(xs, [1, 3, 0, 2, 4, 5])
    assert list(weight[np.argsort(xs)]) == sorted(weight, reverse=True)
    np.testing.assert_array_equal(chart(drawn, "bias").drawn()[0], xs)
    press(drawn, "train.batchnorm.order.order")
    np.testing.assert_array_equal(chart(drawn).drawn()[0], np.arange(6))


def test_a_channel_is_pointed_at_in_any_plot_and_kept_with_a_click(drawn: BatchNormPanel) -> None:
    plot = agreement(drawn, "mean")
    point(plot, 4)
    told = "Channel 4: γ 0.7 · β 0.2 · batch mean 1.6, var 8 · running_mean 0.6, running_var 4 · ε 0 · momentum 0.1"
    assert text(drawn, "figures") == told
    np.testing.assert_allclose(chart(drawn).ringed(), [(4, 0.7)], rtol=1e-6)
    assert channel(drawn).value() == -1
    leave(plot)
    assert text(drawn, "figures").startswith("All channels")
    assert chart(drawn).ringed() == []
    point(chart(drawn), 2, click=True)
    leave(chart(drawn))
    assert channel(drawn).value() == 2
    assert text(drawn, "figures").startswith("Channel 2: γ 1.3 ")
    np.testing.assert_allclose(agreement(drawn, "mean").ringed(), [(-0.2, 0.8)], rtol=1e-5)
    QTest.keyClick(channel(drawn), Qt.Key.Key_Up)
    assert text(drawn, "figures").startswith("Channel 3: ")
    take(drawn, scope(step=20))
    assert text(drawn, "figures").startswith("Channel 3: ")
    choose(drawn, "train.batchnorm.layer", "layer1.0.bn1")
    assert channel(drawn).value() == -1


def test_gamma_and_beta_are_followed_over_the_steps(drawn: BatchNormPanel) -> None:
    first = scope()
    for step in (20, 20, 30, 15):  # while paused, or of the past: known already
        take(drawn, replace(scope(step=step), weight=first.weight + np.float32(step)))
    past = child(drawn, HistoryPlot, "train.batchnorm.weight_history")
    steps, values = past.drawn()
    np.testing.assert_array_equal(steps, [10, 20, 30])
    np.testing.assert_allclose(values, first.weight.mean() + np.array([0, 20, 30]), rtol=1e-5)
    channel(drawn).setValue(2)
    np.testing.assert_allclose(past.drawn()[1], 1.3 + np.array([0, 20, 30]), rtol=1e-5)
    np.testing.assert_allclose(
        child(drawn, HistoryPlot, "train.batchnorm.bias_history").drawn()[1], [0.0] * 3, atol=1e-7
    )
    choose(drawn, "train.batchnorm.layer", "layer1.0.bn1")
    take(drawn, scope("layer1.0.bn1", step=40))
    np.testing.assert_array_equal(past.drawn()[0], [40])


def test_the_history_is_bounded_and_still_begins_where_it_began(drawn: BatchNormPanel) -> None:
    board = child(drawn, BatchNormBoard, "train.batchnorm.board")
    for step in range(11, 1000):
        for history in board._histories.values():
            history.add(step, scope().weight)
    steps, _ = next(iter(board._histories.values())).of(0)
    assert 100 < len(steps) <= 240
    assert (steps[0], steps[-1]) == (10, 999)
    assert (np.diff(steps) > 0).all()


def test_pictures_of_others_are_left_alone(drawn: BatchNormPanel) -> None:
    take(drawn, maps("conv1"))
    take(drawn, scope("layer1.0.bn1", step=99))
    assert drawn.subtitle() == "bn1 · 6 channels · step 10"


def test_after_a_run_the_last_picture_stays_and_the_next_begins_empty(drawn: BatchNormPanel, session: Session) -> None:
    feed(session, ended())
    finish(session)
    assert text(drawn, "figures").startswith("All channels")
    assert not child(drawn, ComboField, "train.batchnorm.layer").isEnabled()
    drawn.choose_layer("layer1.0.conv1")
    assert drawn.subtitle() == "bn1 · 6 channels · step 10"
    begin(session)
    assert text(drawn, "hint")
    assert drawn.subtitle() == ""
    feed(session, opening())
    take(drawn, scope(step=1))
    np.testing.assert_array_equal(child(drawn, HistoryPlot, "train.batchnorm.weight_history").drawn()[0], [1])


def test_colours_follow_the_theme(drawn: BatchNormPanel, theme: Theme) -> None:
    channel(drawn).setValue(1)
    theme.set_mode("dark")
    image = drawn.grab().toImage()
    assert image.pixelColor(image.width() // 2, 6).name().upper() == theme.tokens.card
    plot = chart(drawn)
    assert plot.canvas().grab().toImage().pixelColor(1, 1).name().upper() == theme.tokens.card
    assert theme.tokens.series[0] in plot.title()


# Files


def test_figures_and_plots_are_saved(
    drawn: BatchNormPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(tmp_path / "a.csv"), str(tmp_path / "b.part"), ""]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (names.pop(0), "PNG image (*.png)"))
    for _ in range(3):
        press(drawn, "train.batchnorm.save")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "step,layer,images,channel,weight,bias,batch_mean,batch_var,running_mean,running_var"
    assert lines[1] == "10,bn1,8,0,1.1,-0.2,0,8,-1,4"
    assert len(lines) == 1 + CHANNELS
    image = QImage(str(tmp_path / "b.part.png"))
    board = child(drawn, QWidget, "train.batchnorm.board")
    assert (image.width(), image.height()) == (2 * board.width(), 2 * board.height())
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert {"#ffffff", "#0072b2", "#e69f00"} <= colours
    assert notice(session)[0] == "info"
    drawn.save(tmp_path / "nowhere" / "a.csv")
    assert notice(session)[0] == "error"
    assert "No such file" in notice(session)[1]
