"""Where the pretrained weights are, and what can be done about it: a line or two below the switch."""

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from cnnstudio.gui.panels.weights_report import WeightsReportDialog
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.weights_view import WeightsView
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.models.registry import cards

_KINDS: Final = "Weights (*.safetensors *.pth *.pt *.bin *.ckpt *.tar);;All files (*)"
_ROW: Final = 24  # pixels
_BAR: Final = 64


class WeightsPanel(QWidget):
    """Downloads the weights, goes on or stops, takes a file instead, and opens the report on what they do."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights")
        self.setAccessibleName("Pretrained weights")
        self._work = session.weights
        self._shown: WeightsView | None = None
        self._with_own = frozenset(card.name for card in cards() if card.pretrained)
        self._bar = QProgressBar()
        self._bar.setObjectName("weights.progress")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(_BAR)
        self.setMinimumHeight(_ROW)
        self._problem = ElidedLabel("", "error")
        self._problem.setObjectName("weights.problem")
        self._told = ElidedLabel("", "muted")
        self._told.setObjectName("weights.told")
        self._report = self._button("weights.report", "", "text", "Tensor by tensor: what loads, and what does not.")
        self._file = self._button("weights.file", "Use a file …", "text", "Start from weights of your own.")
        self._reset = self._button("weights.reset", "", "text", "Set the file aside.")
        self._fetch = self._button("weights.download", "Download", "small", "")
        self._cancel = self._button("weights.cancel", "Cancel", "small", "What is here already is kept.")
        self._lay_out()
        self._fetch.clicked.connect(self._work.download)
        self._cancel.clicked.connect(self._work.cancel)
        self._reset.clicked.connect(self._work.set_file_aside)
        self._file.clicked.connect(self._choose_file)
        self._report.clicked.connect(self._open_report)
        session.changed.connect(self._show)
        self._show(session.state)

    def _button(self, name: str, text: str, role: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setProperty("role", role)
        button.setToolTip(tip)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self._report, 1, Qt.AlignmentFlag.AlignLeft)
        row.addWidget(self._bar)
        row.addWidget(self._told, 1)
        for button in (self._file, self._reset, self._fetch, self._cancel):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._problem)
        layout.addLayout(row)

    @Slot(object)
    def _show(self, state: SessionState) -> None:
        view = state.weights
        if view == self._shown:
            return  # a run changes the state many times a second
        self._shown = view
        coming = view.coming
        idle = coming is None and not view.reading
        problem = view.problem if idle else ""
        focused = next((each for each in (self._fetch, self._cancel) if each.hasFocus()), None)
        self.setVisible(view.place != "unused")
        self._tell(view, state.config.model.arch in self._with_own)
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._told.setVisible(view.report is None or not idle)
        self._report.setVisible(view.report is not None and idle)
        self._bar.setVisible(coming is not None)
        self._bar.setValue(round(1000 * coming.done / coming.total) if coming else 0)
        self._fetch.setVisible(view.place == "absent" and idle)
        self._cancel.setVisible(coming is not None and coming is view.download and not coming.stopping)
        self._file.setVisible(idle and (view.place != "file" or bool(problem)))
        self._reset.setVisible(idle and view.place == "file")
        if focused is not None and not focused.isVisible():
            (self._cancel if focused is self._fetch else self._fetch).setFocus()

    def _tell(self, view: WeightsView, own: bool) -> None:
        """Change the words."""
        self._told.setText(view.told())
        self._report.setText(view.report.figures() if view.report else "")
        self._report.setAccessibleName(f"{self._report.text()}: report")
        self._bar.setAccessibleName(f"Downloading {view.name}")
        self._fetch.setText("Try again" if view.problem else "Go on" if view.begun else "Download")
        self._fetch.setAccessibleName(f"{self._fetch.text()}: {view.name}")
        self._cancel.setAccessibleName(f"Cancel the download of {view.name}")
        self._file.setText("File …" if view.place == "absent" else "Use a file …")
        self._file.setAccessibleName("Use a file of weights")
        self._reset.setText("Back to ImageNet" if own else "Remove")
        self._reset.setAccessibleName("Back to the weights from ImageNet" if own else "Remove the file of weights")

    @Slot()
    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "File of weights", "", _KINDS)
        if name:
            self._work.use_file(Path(name))

    @Slot()
    def _open_report(self) -> None:
        if self._shown is not None and self._shown.report is not None:
            dialog = WeightsReportDialog(self._shown.report, self)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()
