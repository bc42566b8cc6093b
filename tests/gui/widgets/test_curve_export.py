import csv
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from cnnstudio.core.errors import InputError
from cnnstudio.gui.widgets.curve_export import save_curves
from cnnstudio.gui.widgets.loss_plot import LossPlot
from cnnstudio.gui.widgets.trace_plots import TracePlot


@pytest.fixture
def plot(qtbot: QtBot) -> LossPlot:
    plot = LossPlot()
    plot.set_epochs(4)
    plot.resize(560, 280)
    qtbot.addWidget(plot)
    plot.show()
    plot.add_steps([0.5, 1.0], [2.0, 1.5], [0.25, 0.5])
    plot.add_epoch(1, 1.7, 1.6, 0.3, 0.45, best=True)
    plot.refresh()
    qtbot.wait(20)  # The layout of the plot follows its first painting.
    return plot


def test_csv_has_a_row_for_each_point_as_it_came(plot: LossPlot, qtbot: QtBot, tmp_path: Path) -> None:
    speed = TracePlot("images_per_second")
    qtbot.addWidget(speed)
    speed.extend("images_per_second", [0.5], [31.25])
    save_curves(tmp_path / "c.csv", plot, (plot, speed))
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["curve", "epoch", "value"]
    assert ["train_loss", "1", "1.5"] in rows
    assert ["val_accuracy", "1", "0.45"] in rows
    assert rows[-1] == ["images_per_second", "0.5", "31.25"]
    assert len(rows) == 1 + 4 + 2 + 1


def test_png_is_twice_as_large_as_the_screen_and_shows_the_curves(plot: LossPlot, tmp_path: Path) -> None:
    save_curves(tmp_path / "c.png", plot, (plot,))
    with Image.open(tmp_path / "c.png") as image:
        assert image.width == 2 * (max(plot.legend.width(), plot.axes.width()) + 16)
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20) or []}
    assert tuple(bytes.fromhex("0072B2")) in colors  # the training loss


def test_svg_keeps_words_and_lines(plot: LossPlot, tmp_path: Path) -> None:
    save_curves(tmp_path / "c.svg", plot, (plot,))
    root = ET.parse(tmp_path / "c.svg").getroot()  # noqa: S314 - our own file
    words = "".join(root.itertext())
    assert "train loss" in words
    assert "epoch" in words
    assert root.findall(".//{http://www.w3.org/2000/svg}polyline") or root.findall(
        ".//{http://www.w3.org/2000/svg}path"
    )


def test_what_cannot_be_saved_is_said(plot: LossPlot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be saved as \.xls"):
        save_curves(tmp_path / "c.xls", plot, (plot,))
    with pytest.raises(InputError, match="cannot be written"):
        save_curves(tmp_path / "nowhere" / "c.csv", plot, (plot,))
