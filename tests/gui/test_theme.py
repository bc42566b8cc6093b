import itertools
import math

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import DARK, LIGHT, Theme, Tokens, style_sheet

GROUNDS = ("ground", "rail", "card", "hover", "tint")
WORDS = ("text", "muted", "accent_text", "frozen_text", "learning_text", "good_text", "warn_text", "error_text")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    ink = QColor(colour)

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else math.pow((part + 0.055) / 1.055, 2.4)

    return 0.2126 * linear(ink.redF()) + 0.7152 * linear(ink.greenF()) + 0.0722 * linear(ink.blueF())


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize(("word", "ground"), [*itertools.product(WORDS, GROUNDS), ("on_accent", "accent")])
def test_words_can_be_read(tokens: Tokens, word: str, ground: str) -> None:
    assert contrast(getattr(tokens, word), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("mark", ["accent", "frozen", "learning", "good", "warn", "error"])
def test_marks_can_be_seen_on_cards(tokens: Tokens, mark: str) -> None:
    assert contrast(getattr(tokens, mark), tokens.card) >= 3


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda tokens: tokens.name)
def test_style_sheet_is_filled_and_follows_the_font(tokens: Tokens) -> None:
    sheet = style_sheet(tokens, points=10)
    assert "$" not in sheet
    assert tokens.accent in sheet
    assert "font-size: 11.40pt" in sheet
    assert "font-size: 22.80pt" not in sheet
    assert "font-size: 22.80pt" in style_sheet(tokens, points=20)


def test_switching_recolours_and_tells(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    assert theme.tokens is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.ground)
    with qtbot.waitSignal(theme.changed) as told:
        theme.set_mode("dark")
    assert told.args == [DARK]
    assert theme.tokens is DARK
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.ground)
    assert DARK.card in qapp.styleSheet()
    assert LIGHT.card not in qapp.styleSheet()


def test_choosing_the_same_again_is_silent(qtbot: QtBot, theme: Theme) -> None:
    with qtbot.assertNotEmitted(theme.changed):
        theme.set_mode("light")
    assert theme.mode == "light"


def test_style_is_fusion(theme: Theme, qapp: QApplication) -> None:
    qapp.setStyleSheet("")  # which hides the style beneath it
    assert qapp.style().name() == "fusion"


def test_palette_leaves_no_role_to_the_system(theme: Theme, qapp: QApplication) -> None:
    theme.set_mode("dark")
    for role in (
        QPalette.ColorRole.Base,
        QPalette.ColorRole.Button,
        QPalette.ColorRole.AlternateBase,
        QPalette.ColorRole.ToolTipBase,
    ):
        assert luminance(qapp.palette().color(role).name()) < 0.05


def test_what_is_built_at_once_is_styled_in_the_end(theme: Theme, qapp: QApplication) -> None:
    sheet, meanwhile = qapp.styleSheet(), "not looked at"

    def build() -> None:
        nonlocal meanwhile
        with theme.at_once():
            meanwhile = qapp.styleSheet()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        build()
    assert (meanwhile, qapp.styleSheet()) == ("", sheet)
    assert sheet
