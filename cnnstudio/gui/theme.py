"""The look of the window: colours as named tokens, and how they reach Qt."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from string import Template
from typing import Final, Literal

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from cnnstudio.core.resources import resource

Mode = Literal["system", "light", "dark"]
MODES: Final[tuple[Mode, ...]] = ("system", "light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The colours of one scheme, each `#rrggbb`.

    Marks (dots, bars, icons) take the plain token; words take the one that ends in `_text`, which keeps a contrast of
    at least 4.5 : 1 on every ground.

    Attributes:
        name: `light` or `dark`.
        ground: Behind everything, and the inside of inputs.
        rail: Behind the rail.
        card: Cards, bars and menus.
        hover: Under the pointer.
        tint: Behind what is selected.
        border: Hairlines.
        edge: Outlines of inputs and of switches that are off.
        text: Words and numbers.
        muted: Words of second rank.
        accent: The one accent; also the ground of the primary button.
        accent_hover: The primary button under the pointer.
        on_accent: Words on `accent`.
        accent_text: Links and selected words.
        frozen: Layers that do not learn.
        frozen_text: The same, for words.
        learning: Layers that learn.
        learning_text: The same, for words.
        good: Ready, correct.
        good_text: The same, for words.
        warn: Needs attention.
        warn_text: The same, for words.
        error: Failed.
        error_text: The same, for words.
        series: Curve colours in the order of use (Okabe and Ito, 2008).
    """

    name: Literal["light", "dark"]
    ground: str
    rail: str
    card: str
    hover: str
    tint: str
    border: str
    edge: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_text: str
    frozen: str
    frozen_text: str
    learning: str
    learning_text: str
    good: str
    good_text: str
    warn: str
    warn_text: str
    error: str
    error_text: str
    series: tuple[str, ...]


LIGHT: Final = Tokens(
    name="light",
    ground="#F6F7F9",
    rail="#ECEFF3",
    card="#FFFFFF",
    hover="#EEF1F5",
    tint="#E3ECFD",
    border="#DDE1E7",
    edge="#C3CAD4",
    text="#1B1F24",
    muted="#5B6470",
    accent="#2F6FED",
    accent_hover="#2560D8",
    on_accent="#FFFFFF",
    accent_text="#2560D8",
    frozen="#3D8FD1",
    frozen_text="#24669D",
    learning="#D55E00",
    learning_text="#A84B00",
    good="#1F8A5B",
    good_text="#17704A",
    warn="#B67700",
    warn_text="#855800",
    error="#C5362B",
    error_text="#B3261E",
    series=("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"),
)

DARK: Final = Tokens(
    name="dark",
    ground="#14171C",
    rail="#181B21",
    card="#1C2027",
    hover="#262C35",
    tint="#24324D",
    border="#2E343D",
    edge="#464E5A",
    text="#E8EBEF",
    muted="#9AA4B1",
    accent="#6C9BFF",
    accent_hover="#86ADFF",
    on_accent="#0E1420",
    accent_text="#7BA6FF",
    frozen="#7FC4F5",
    frozen_text="#7FC4F5",
    learning="#F08A4B",
    learning_text="#F08A4B",
    good="#4CC38A",
    good_text="#4CC38A",
    warn="#E0A93B",
    warn_text="#E0A93B",
    error="#F2777A",
    error_text="#F58A8C",
    series=("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#0072B2", "#F0E442"),
)


class Theme(QObject):
    """The scheme in use; it follows the system unless the user has chosen one.

    Attributes:
        mode: What the user has chosen.
        tokens: The colours in use.

    Signals:
        changed: The new tokens, after palette and style sheet are in place.
    """

    changed = Signal(object)

    def __init__(self, app: QApplication, mode: Mode = "system") -> None:
        super().__init__(app)
        self.setObjectName("theme")
        self._app = app
        self._mode: Mode = mode
        self._tokens = self._wanted()
        app.setStyle("Fusion")
        apply(app, self._tokens)
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self.set_mode(mode)

    @property
    def mode(self) -> Mode:
        """What the user has chosen."""
        return self._mode

    @property
    def tokens(self) -> Tokens:
        """The colours in use."""
        return self._tokens

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Style all that is built meanwhile in the end.

        With a style sheet in place, Qt styles a part of a window anew whenever it comes into a larger part, which takes
        longer than all the rest.
        """
        sheet = self._app.styleSheet()
        self._app.setStyleSheet("")
        try:
            yield
        finally:
            self._app.setStyleSheet(sheet)

    def set_mode(self, mode: Mode) -> None:
        """Choose a scheme, or let the system choose."""
        self._mode = mode
        hints = self._app.styleHints()
        if mode == "system":
            hints.unsetColorScheme()
        else:  # Window frames drawn by the system follow this.
            hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        tokens = self._wanted()
        if tokens is not self._tokens:
            self._tokens = tokens
            apply(self._app, tokens)
            self.changed.emit(tokens)

    def _wanted(self) -> Tokens:
        if self._mode == "system":
            dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        else:
            dark = self._mode == "dark"
        return DARK if dark else LIGHT


def apply(app: QApplication, tokens: Tokens) -> None:
    """Give the application a palette and a style sheet in these colours; both are made for the Fusion style."""
    app.setPalette(palette(tokens))
    app.setStyleSheet(style_sheet(tokens, points=QFontInfo(app.font()).pointSizeF()))


def palette(tokens: Tokens) -> QPalette:
    """Return every palette role in these colours, for what the style sheet does not reach."""
    role = QPalette.ColorRole
    roles = {
        role.Window: tokens.ground,
        role.WindowText: tokens.text,
        role.Base: tokens.card,
        role.AlternateBase: tokens.ground,
        role.ToolTipBase: tokens.card,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Text: tokens.text,
        role.Button: tokens.card,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error_text,
        role.Light: tokens.card,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.edge,
        role.Shadow: tokens.edge,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Link: tokens.accent_text,
        role.LinkVisited: tokens.accent_text,
        role.Accent: tokens.accent,
    }
    result = QPalette()
    for which, colour in roles.items():
        result.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.muted))
    return result


def style_sheet(tokens: Tokens, *, points: float) -> str:
    """Fill `resources/style.qss`.

    Args:
        tokens: The colours.
        points: Size of the application's font, from which headings and captions are derived.
    """
    icons = resource("icons").as_posix()
    sizes = {"title": points * 1.14, "heading": points * 1.5, "small": points * 0.92}
    return Template(resource("style.qss").read_text(encoding="utf-8")).substitute(
        asdict(tokens), icons=icons, **{key: f"{size:.2f}pt" for key, size in sizes.items()}
    )
