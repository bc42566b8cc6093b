"""What the training doctor finds in the run: the evidence, a sentence, and buttons that mend it in the next run.

What a run can take while it goes on, such as another learning rate, can also be changed in this one.
"""

import csv
import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from cnnstudio.core.changes import LIVE
from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event
from cnnstudio.core.findings import Remedy
from cnnstudio.gui.icons import pixmap
from cnnstudio.gui.panels.live_card import LiveCard, save_button, write_file
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme, Tokens
from cnnstudio.gui.words import in_sentences
from cnnstudio.runtime.diagnosis import Diagnosis, Record

_WAITING: Final = "What goes wrong while a run learns appears here, with what mends it"
_WELL: Final = "Nothing to report"
_GLYPH: Final = 16
_LINK: Final = 6  # pixels from the edge of a link to its words, which stand under the sentence


class DoctorPanel(LiveCard):
    """A row for each finding, the gravest first; it judges with every report, whether or not it is seen.

    Attributes:
        findings: What there is to say.

    Signals:
        evidence_chosen: Name of a curve, and the part of it that shows a finding, in epochs.
        counted: How many findings there are, whenever that changes.
    """

    evidence_chosen = Signal(str, float, float)
    counted = Signal(int)

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("train.doctor_card", "Training doctor", parent=parent)
        self._session = session
        self._theme = theme
        self._config = self._begun = session.state.config
        self._present: Config | None = None  # of the run that can take changes
        self._record = Record()
        self.findings: tuple[Diagnosis, ...] = ()
        self._rows: list[_Row] = []
        self._nothing = QLabel(_WAITING)
        self._nothing.setObjectName("train.doctor.nothing")
        self._nothing.setProperty("role", "muted")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setWordWrap(True)
        self._save = save_button("train.doctor.save", "Save the findings as CSV")
        self._save.clicked.connect(self._ask)
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self._lay_out()
        theme.changed.connect(self._recolour)
        session.run.began.connect(self._begin)
        session.run.streamed.connect(self._take)
        session.changed.connect(self._offer)
        self._show()

    def save(self, path: Path) -> None:
        """Write the findings as CSV, a row each."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("finding", "sentence", "curve", "begin_epoch", "end_epoch", "remedies"))
        for each in self.findings:
            evidence, remedies = each.evidence, "; ".join(remedy.label for remedy in each.remedies)
            writer.writerow((each.kind, each.sentence, evidence.curve, evidence.begin, evidence.end, remedies))
        write_file(self._session, path, text.getvalue().encode(), "The findings are")

    def _lay_out(self) -> None:
        self.add_to_header(self._save)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._list)
        column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setObjectName("train.doctor.list")
        self._scroll.setAccessibleName("Findings")
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(content)
        self.body.addWidget(self._nothing, 1)
        self.body.addWidget(self._scroll, 1)

    @Slot()
    def _begin(self) -> None:
        self._record, self._begun = Record(), self._session.state.config
        self._session.questions.stop_diagnosing()
        self._say(())

    @Slot(object)
    def _take(self, events: list[Event]) -> None:
        if self._record.add(events):
            self._session.questions.diagnose(self._record, self._say)

    def _say(self, findings: tuple[Diagnosis, ...]) -> None:
        before = len(self.findings)
        if findings != self.findings or not findings:
            self.findings = findings
            self._show()
        if len(findings) != before:
            self.counted.emit(len(findings))

    def _show(self) -> None:
        while len(self._rows) < len(self.findings):
            row = _Row(f"train.doctor.{len(self._rows)}", self)
            row.remedy_chosen.connect(self._mend)
            row.change_chosen.connect(self._change)
            row.evidence_chosen.connect(self.evidence_chosen)
            before = self._rows[-1].buttons[-1] if self._rows else self._save
            for one, other in pairwise((before, *row.buttons)):  # what is made later would come last
                self.setTabOrder(one, other)
            self._rows.append(row)
            self._list.addWidget(row)
        for number, row in enumerate(self._rows):
            row.setVisible(number < len(self.findings))
            if number < len(self.findings):
                finding = self.findings[number]
                remedies = tuple(each for each in finding.remedies if not _is_set(each, self._begun))
                row.set_finding(replace(finding, remedies=remedies), self._theme.tokens)
                row.offer(self._session.state.config, self._present)
        self._nothing.setText(_WELL if self._record.steps else _WAITING)
        self._nothing.setVisible(not self.findings)
        self._save.setEnabled(bool(self.findings))
        self._scroll.setVisible(bool(self.findings))

    @Slot(object)
    def _offer(self, state: SessionState) -> None:
        run = state.run
        present = run.config if run.ours and run.status != "stopping" else None
        if (state.config, present) != (self._config, self._present):  # a run changes the state many times a second
            self._config, self._present = state.config, present
            for row in self._rows[: len(self.findings)]:
                row.offer(state.config, present)

    @Slot(object)
    def _mend(self, remedy: Remedy) -> None:
        try:
            config = remedy.applied(self._session.state.config)
        except InputError as error:
            self._session.say("warn", in_sentences(error))
            return
        self._session.use_config(config)
        self._session.say("info", f"For the next run: {remedy.label[0].lower()}{remedy.label[1:]}.")

    @Slot(object)
    def _change(self, remedy: Remedy) -> None:
        for key, value in remedy.changes:
            assert isinstance(value, int | float)
            self._session.run.change(key, value)

    @Slot()
    def _ask(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the findings", "findings.csv", "CSV table (*.csv)")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(f"{path}.csv"))

    @Slot(object)
    def _recolour(self, tokens: Tokens) -> None:
        for row in self._rows:
            row.recolour(tokens)


class _Row(QWidget):
    """A finding: its sentence, a button to its evidence, and buttons that mend it.

    Attributes:
        buttons: From left to right.

    Signals:
        evidence_chosen: Curve, and part of it.
        remedy_chosen: The remedy whose button was pressed (`Remedy`).
        change_chosen: The remedy that is to mend the run that goes on (`Remedy`).
    """

    evidence_chosen = Signal(str, float, float)
    remedy_chosen = Signal(object)
    change_chosen = Signal(object)

    def __init__(self, object_name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self._finding: Diagnosis
        self._glyph = QLabel()
        self._words = QLabel()
        self._words.setObjectName(f"{object_name}.text")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setContentsMargins(_LINK, 0, 0, 0)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._show = self._button("show", "Show")
        self._show.clicked.connect(self._point)
        self._remedies = [self._button(f"remedy{number}", "") for number in range(4)]
        self._now = self._button("now", "")
        self._now.clicked.connect(lambda: self.change_chosen.emit(self._mends_now))
        self._mends_now: Remedy | None = None
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for number, button in enumerate(self._remedies):
            button.clicked.connect(lambda _checked=False, number=number: self._choose(number))
        self.buttons = (self._show, self._now, *self._remedies)
        for button in self.buttons:
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(self._words)
        column.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8 - _LINK)
        layout.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(column, 1)

    def set_finding(self, finding: Diagnosis, tokens: Tokens) -> None:
        """Show another finding."""
        self._finding = finding
        self._words.setText(finding.sentence)
        evidence = finding.evidence
        where = f"epoch {evidence.begin:.1f} to {evidence.end:.1f}"
        self._show.setAccessibleDescription(f"{finding.sentence} Seen in {where}.")
        self._show.setToolTip(f"Show {where}")
        self.recolour(tokens)

    def offer(self, config: Config, present: Config | None) -> None:
        """Offer what is not so yet in the next run, and in the present one, where that takes changes."""
        remedies = self._finding.remedies
        now = [each for each in remedies if present and _is_live(each) and not _is_set(each, present)]
        self._mends_now = now[0] if now else None
        self._now.setVisible(bool(now))
        if now:
            self._now.setText(f"{now[0].label} now")
            self._now.setAccessibleName(f"{now[0].label} in this run, now")
            self._now.setToolTip("Changes this run, from its next step on")
            self._now.setAccessibleDescription(self._finding.sentence)
        for number, button in enumerate(self._remedies):
            known = number < len(self._finding.remedies)
            button.setVisible(known)
            if known:
                remedy = self._finding.remedies[number]
                done = _is_set(remedy, config)
                button.setText(f"{remedy.label} ✓" if done else remedy.label)
                button.setEnabled(not done)
                button.setAccessibleName(f"{remedy.label}: set for the next run" if done else remedy.label)
                button.setAccessibleDescription(self._finding.sentence)

    def recolour(self, tokens: Tokens) -> None:
        """Draw the icon in the colour of the theme."""
        self._glyph.setPixmap(pixmap("warning", tokens.warn, _GLYPH, self.devicePixelRatioF()))

    def _button(self, name: str, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(f"{self.objectName()}.{name}")
        button.setAccessibleName(text)
        button.setProperty("role", "link")
        return button

    @Slot()
    def _point(self) -> None:
        evidence = self._finding.evidence
        self.evidence_chosen.emit(evidence.curve, evidence.begin, evidence.end)

    def _choose(self, number: int) -> None:
        self.remedy_chosen.emit(self._finding.remedies[number])


def _is_live(remedy: Remedy) -> bool:
    """Whether a run can take it while it goes on."""
    return all(key in LIVE and isinstance(value, int | float) for key, value in remedy.changes)


def _is_set(remedy: Remedy, config: Config) -> bool:
    tree = config.model_dump()
    return all(tree[section][name] == value for (key, value) in remedy.changes for section, name in [key.split(".")])
