"""What the latest turn of a switch does to the feature maps of an image."""

from typing import Final

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from cnnstudio.core.config import Config, DataConfig, ModelConfig, TrainConfig
from cnnstudio.core.errors import InputError
from cnnstudio.data.samples import samples
from cnnstudio.gui.background import Compared, Question
from cnnstudio.gui.panels.consequence_words import CHANGE_TIP, changed, switched, told, weights
from cnnstudio.gui.panels.image_chooser import ImageChooser, dropped_image
from cnnstudio.gui.pictures import to_image
from cnnstudio.gui.session import Session
from cnnstudio.gui.state import SessionState
from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.elided_label import ElidedLabel
from cnnstudio.gui.widgets.field import ComboField
from cnnstudio.gui.widgets.map_pair import MapPair
from cnnstudio.gui.widgets.picture_view import PictureView

AGAINST: Final = {"previous": "Previous setting", "defaults": "Default switches"}
LOADING: Final = "PyTorch is loading; the feature maps appear here in a moment."
TURN: Final = "Turn a switch, and see here what it does to these maps."
COMPUTING: Final = "Computing …"
_PATIENCE_MS: Final = 150
_THUMBNAIL: Final = 56
_CHOOSER: Final = 216


class ConsequencePanel(QWidget):
    """The maps of the chosen layer before and after the latest change of a switch, for a card of the Model page.

    Before are the switches as they stood before they were changed last, or the architecture's defaults; another
    architecture begins anew. Nothing is computed while the panel is hidden.
    """

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("consequence")
        self.setAccessibleName("Feature maps before and after")
        self.setAcceptDrops(True)
        self._session = session
        self._layer = ""
        self._present = session.state.config
        self._previous: Config | None = None
        self._asked: Question | None = None
        self._waiting = False
        self._thumbnail = PictureView("consequence.picture", "The image")
        self._thumbnail.setFixedSize(_THUMBNAIL, _THUMBNAIL)
        pictures = {sample.name: f"Sample / {sample.title}" for sample in samples()}
        self._image = ImageChooser("consequence.image", session, self, pictures=pictures)
        self._against = ComboField("consequence.against", "Compare with", AGAINST)
        self._status = ElidedLabel("", "caption")
        self._status.setObjectName("consequence.status")
        self._switches = ElidedLabel("", "section")
        self._switches.setObjectName("consequence.switches")
        self._told = ElidedLabel("", "muted")
        self._told.setObjectName("consequence.told")
        self._change = QLabel()
        self._change.setObjectName("consequence.change")
        self._change.setToolTip(CHANGE_TIP)
        self._hint = QLabel(LOADING)
        self._hint.setObjectName("consequence.hint")
        self._maps = MapPair("consequence.maps")
        self._maps.set_tokens(theme.tokens)
        self._stack = QStackedLayout()
        self._slow = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._lay_out()
        theme.changed.connect(self._maps.set_tokens)
        self._slow.timeout.connect(lambda: self._status.setText(COMPUTING))
        self._image.picture_chosen.connect(self._ask)
        self._against.chosen.connect(self._ask)
        session.questions.compared.connect(self._take)
        session.questions.not_compared.connect(self._refuse)
        session.weights.arrived.connect(self._ask_again)
        session.changed.connect(self._follow)

    def select_layer(self, name: str) -> None:
        """Show the maps of a layer, or of the nearest one before it that has some."""
        self._layer = name
        self._ask()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what has changed."""
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        """Compute nothing that nobody sees."""
        if self._waiting:
            self._session.questions.stop_comparing()
            self._answered()
            self._asked = None
        super().hideEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take an image file."""
        if dropped_image(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Show the maps of the dropped image."""
        path = dropped_image(event)
        if path is not None:
            event.acceptProposedAction()
            self._image.use(path)

    def _lay_out(self) -> None:
        self._hint.setProperty("role", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._change.setProperty("role", "section")
        self._image.setFixedWidth(_CHOOSER)
        self._status.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        choices, sentence = QHBoxLayout(), QHBoxLayout()
        choices.addWidget(self._image)
        versus = QLabel("compared with")
        versus.setBuddy(self._against)
        choices.addWidget(versus)
        choices.addWidget(self._against)
        choices.addWidget(self._status, 1)
        sentence.addWidget(self._switches)
        sentence.addWidget(self._told, 1)
        sentence.addWidget(self._change)
        top = QGridLayout()
        top.setHorizontalSpacing(12)
        top.setVerticalSpacing(4)
        top.addWidget(self._thumbnail, 0, 0, 2, 1)
        for row, line in enumerate((choices, sentence)):
            line.setSpacing(8)
            top.addLayout(line, row, 1)
        for page in (self._hint, self._maps):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(top)
        column.addLayout(self._stack, 1)

    @Slot(object)
    def _follow(self, state: SessionState) -> None:
        before, after = self._present, state.config
        if (before.model, before.transfer) != (after.model, after.transfer):
            same = before.model.arch == after.model.arch
            self._previous, self._layer = (before, self._layer) if same else (None, "")
        self._present = after
        self._ask()

    @Slot()
    def _ask(self) -> None:
        """Have the maps computed, unless they are already or nobody sees them."""
        state = self._session.state
        if not self.isVisible() or not state.torch_ready:
            return
        survey, image = state.survey, state.watch.image
        question = Question(
            before=self._before(),
            after=_bare(self._present, self._present),
            classes=len(survey.catalog.classes) if survey else 0,
            layer=self._layer,
            image=image,
            picture="" if image else self._image.picture,
        )
        if question != self._asked:
            self._asked, self._waiting = question, True
            self._slow.start()
            self._session.questions.compare(question)

    @Slot()
    def _ask_again(self) -> None:
        """Forget an answer that was given without the weights that have come now."""
        self._asked = None
        self._ask()

    def _answered(self) -> None:
        self._waiting = False
        self._slow.stop()

    def _before(self) -> Config | None:
        now = self._present
        if self._against.value() == "defaults":
            defaults = ModelConfig(arch=now.model.arch, pretrained=now.model.pretrained)
            before: Config | None = now.model_copy(update={"model": defaults})
        else:
            before = self._previous
        try:
            return _bare(before, now) if before is not None and switched(before, now) else None
        except InputError:  # there is no such architecture, which the answer will say
            return None

    @Slot(object)
    def _take(self, compared: Compared) -> None:
        question, found = compared.question, compared.comparison
        if question != self._asked:
            return
        self._answered()
        pair = question.before is not None and found.before is not None
        self._switches.setText(switched(question.before, question.after) if question.before and pair else "")
        self._switches.setVisible(pair)
        self._told.setText(told(found, question.layer))
        self._maps.setAccessibleDescription(
            ". ".join(filter(None, (self._switches.text(), self._told.text(), changed(found.change))))
        )
        self._change.setText(changed(found.change))
        self._status.setText(weights(found, (question.before, question.after)))
        self._thumbnail.set_image(to_image(compared.pixels))
        self._maps.show_maps(
            found.tiles_before, found.tiles_after, layer=found.after.layer, notes=("", "" if pair else TURN)
        )
        self._stack.setCurrentWidget(self._maps)

    @Slot(str)
    def _refuse(self, sentence: str) -> None:
        if not self._waiting:
            return
        self._answered()
        for label in (self._switches, self._told, self._change, self._status):
            label.setText("")
        self._hint.setText(sentence)
        self._stack.setCurrentWidget(self._hint)


def _bare(switches: Config, rest: Config) -> Config:
    """Return what feature maps depend on: the switches of one configuration, seed and image size of the other."""
    return Config(
        data=DataConfig(image_size=rest.data.image_size),
        model=switches.model,
        transfer=switches.transfer,
        train=TrainConfig(seed=rest.train.seed),
    )
