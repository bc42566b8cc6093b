"""A target for a folder or an image from the file manager."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.theme import Theme, Tokens

DropMode = Literal["folder", "image"]

_BY_KEYS: Final = frozenset(
    {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason}
)
_ARCHIVES: Final = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


class DropArea(QAbstractButton):
    """Takes one local folder, or one local image file; a click or the Space key asks for a file dialog.

    Attributes:
        mode: Whether it takes a folder or an image file.

    Signals:
        dropped: The path (`pathlib.Path`) that was dropped.
        browse_requested: The user wants to choose in a file dialog.
    """

    dropped = Signal(object)
    browse_requested = Signal()

    def __init__(
        self,
        object_name: str,
        title: str,
        hint: str,
        theme: Theme,
        *,
        mode: DropMode,
        compact: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.mode: DropMode = mode
        self.setObjectName(object_name)
        self.setAccessibleName(title)
        self.setAccessibleDescription(hint)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._theme = theme
        self._hint = hint
        self._over = False
        self._ring = False
        self._glyph = QLabel()
        self._title = QLabel(title)
        self._title.setProperty("role", "title")
        self._note = QLabel(hint)
        self._note.setObjectName(f"{object_name}.note")
        self._note.setWordWrap(True)
        self._lay_out(compact)
        self._recolour(theme.tokens)
        self.clicked.connect(self._browse)
        theme.changed.connect(self._recolour)

    def note(self) -> str:
        """Return the sentence under the title: the hint, or why something was refused."""
        return self._note.text()

    def sizeHint(self) -> QSize:
        """Return what the words need."""
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus to those who move it by keys; so large a frame would trouble the others."""
        self._ring = event.reason() in _BY_KEYS
        super().focusInEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Light up, or say why this cannot be taken."""
        path, refusal = _one_path(event.mimeData(), self.mode)
        self._over = path is not None
        self._say(refusal or self._hint, refused=bool(refusal))
        if path is None:  # Accepted all the same, so that the end of the drag is reported; nothing can be dropped.
            event.setDropAction(Qt.DropAction.IgnoreAction)
            event.accept()
        else:
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Go dark again."""
        self._over = False
        self._say(self._hint)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the path, or say why not."""
        self._over = False
        path, refusal = _one_path(event.mimeData(), self.mode)
        self._say(refusal or self._hint, refused=bool(refusal))
        if path is None:
            event.ignore()
            return
        event.acceptProposedAction()
        self.dropped.emit(path)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the dashed frame."""
        tokens = self._theme.tokens
        lit = self._over or self.isDown()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(tokens.tint if lit else tokens.hover if self.underMouse() else tokens.ground))
        strong = lit or (self._ring and self.hasFocus())
        pen = QPen(QColor(tokens.accent if strong else tokens.edge), 2 if strong else 1.5)
        if not strong:
            pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)

    def _lay_out(self, compact: bool) -> None:
        centred = Qt.AlignmentFlag.AlignVCenter if compact else Qt.AlignmentFlag.AlignHCenter
        words = QVBoxLayout()
        words.setSpacing(4)
        for label in (self._title, self._note):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignLeft if compact else Qt.AlignmentFlag.AlignHCenter)
            words.addWidget(label)
        for label in (self._glyph, self._title, self._note):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        vertical = QSizePolicy.Policy.Fixed if compact else QSizePolicy.Policy.Expanding
        self.setSizePolicy(QSizePolicy.Policy.Expanding, vertical)
        self._side = 28 if compact else 48
        direction = QBoxLayout.Direction.LeftToRight if compact else QBoxLayout.Direction.TopToBottom
        layout = QBoxLayout(direction, self)
        layout.setContentsMargins(*((16, 12, 16, 12) if compact else (32, 32, 32, 32)))
        layout.setSpacing(12)
        if not compact:
            layout.addStretch(1)
        layout.addWidget(self._glyph, 0, centred)
        layout.addLayout(words, 1 if compact else 0)
        if not compact:
            layout.addStretch(1)

    def _say(self, sentence: str, *, refused: bool = False) -> None:
        self._note.setText(sentence)
        self._note.setProperty("role", "warn" if refused else "muted")
        self._note.style().polish(self._note)
        self.setAccessibleDescription(sentence)
        self.update()

    @Slot()
    def _browse(self) -> None:
        self._say(self._hint)
        self.browse_requested.emit()

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        name = "folder" if self.mode == "folder" else "image"
        self._glyph.setPixmap(pixmap(name, tokens.accent_text, self._side, self.devicePixelRatio()))
        self._say(self._note.text(), refused=self._note.property("role") == "warn")


def _one_path(data: QMimeData, mode: DropMode) -> tuple[Path | None, str]:
    """Return the path that was dragged, or None and a sentence that says why it is refused."""
    wanted = "a folder" if mode == "folder" else "an image file"
    urls: Sequence[str] = [url.toLocalFile() for url in data.urls()]
    if not urls:
        return None, f"This is not a file. Drop {wanted} from the file manager."
    if len(urls) > 1:
        return None, f"These are {len(urls)} things at once. Drop one: {wanted}."
    if not urls[0]:
        return None, f"This is not on this machine. Save it first, then drop {wanted}."
    path = Path(urls[0])
    refusal = _refusal(path, mode, wanted)
    return (None, refusal) if refusal else (path, "")


def _refusal(path: Path, mode: DropMode, wanted: str) -> str:
    if path.suffix.lower() in _ARCHIVES and path.is_file():
        return f"{path.name} is an archive. Unpack it first, then drop {wanted} from it."
    if mode == "folder" and not path.is_dir():
        return f"{path.name} is not a folder. Drop the folder that holds one sub-folder for each class."
    if mode == "image" and not path.is_file():
        return f"{path.name} is not a file. Drop {wanted}."
    return ""
