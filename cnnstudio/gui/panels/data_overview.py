"""What the open folder holds: counts, classes, files set aside, and the settings that concern them."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cnnstudio.data.survey import Survey
from cnnstudio.gui.panels.data_settings import DataSettings
from cnnstudio.gui.panels.survey_words import advice, sentence
from cnnstudio.gui.session import Session
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.widgets.class_list import ClassList, ClassRow
from cnnstudio.gui.widgets.drop_area import DropArea
from cnnstudio.gui.widgets.elided_label import ElidedLabel, Role
from cnnstudio.gui.widgets.path_line import PathLine
from cnnstudio.gui.widgets.set_aside_list import SetAsideList

_COLUMN = 360


class DataOverview(QWidget):
    """Shows a survey.

    Attributes:
        area: Takes another folder.

    Signals:
        folder_dropped: The folder (`pathlib.Path`) that was dropped.
        browse_requested: The user wants to choose a folder in a dialog.
    """

    folder_dropped = Signal(object)
    browse_requested = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._survey: Survey | None = None
        self.area = DropArea(
            "data.drop_other",
            "Open another folder …",
            "Click, or drop it anywhere on this page.",
            theme,
            mode="folder",
            compact=True,
        )
        self.area.dropped.connect(self.folder_dropped)
        self.area.browse_requested.connect(self.browse_requested)
        self._name = ElidedLabel("", "heading")
        self._name.setObjectName("data.name")
        self._path = PathLine("data.path", "Path of the folder")
        self._sentence = _words("data.sentence", "")
        self._advice = _words("data.advice", "muted")
        self._classes = Card("data.classes_card", "Classes")
        self._list = ClassList()
        self._list.set_tokens(theme.tokens)
        theme.changed.connect(self._list.set_tokens)
        self._aside = Card("data.set_aside_card", "Set aside")
        self._files = SetAsideList("data.set_aside", theme)
        self._none_aside = _words("data.set_aside.none", "muted")
        self._none_aside.setText("Every image could be read.")
        self._lay_out(DataSettings(session, theme))

    def show_survey(self, survey: Survey) -> None:
        """Show what a folder holds."""
        if survey is self._survey:
            return
        self._survey = survey
        root, aside = survey.catalog.root, survey.catalog.set_aside
        self._name.setText(root.name or str(root))
        self._path.set_path(str(root))
        self._sentence.setText(sentence(survey))
        self._advice.setText(advice(survey))
        self._advice.setVisible(bool(self._advice.text()))
        self._list.show_classes(
            [
                ClassRow(count.name, count.train, count.val, pictures)
                for count, pictures in zip(survey.counts(), survey.thumbnails, strict=True)
            ]
        )
        self._files.set_files(root, aside)
        self._files.setVisible(bool(aside))
        self._none_aside.setVisible(not aside)
        height = QSizePolicy.Policy.Expanding if aside else QSizePolicy.Policy.Maximum
        self._aside.setSizePolicy(QSizePolicy.Policy.Preferred, height)
        self._aside.set_subtitle(f"{len(aside):,} not used" if aside else "")

    def _lay_out(self, settings: QWidget) -> None:
        self._classes.body.addWidget(self._list)
        self._aside.body.addWidget(self._none_aside)
        self._aside.body.addWidget(self._files)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(settings)
        column.addWidget(self._aside, 1)
        column.addStretch(0)
        for card in (settings, self._aside):
            card.setFixedWidth(_COLUMN)
        settings.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        middle = QHBoxLayout()
        middle.setSpacing(8)
        middle.addWidget(self._classes, 1)
        middle.addLayout(column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._header())
        layout.addLayout(middle, 1)

    def _header(self) -> QFrame:
        header = QFrame()
        header.setObjectName("data.header")
        header.setProperty("role", "card")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._name)
        words.addWidget(self._path)
        words.addSpacing(6)
        words.addWidget(self._sentence)
        words.addWidget(self._advice)
        self.area.setFixedWidth(_COLUMN - 32)
        layout = QHBoxLayout(header)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.setSpacing(16)
        layout.addLayout(words, 1)
        layout.addWidget(self.area)
        return header


def _words(object_name: str, role: Role) -> QLabel:
    label = QLabel()
    label.setObjectName(object_name)
    label.setProperty("role", role)
    label.setWordWrap(True)
    return label
