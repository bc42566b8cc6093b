"""What the live views have in common."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton

from cnnstudio.core.errors import InputError
from cnnstudio.core.pictures import Picture
from cnnstudio.gui.saved_file import write_saved
from cnnstudio.gui.session import Session
from cnnstudio.gui.widgets.card import Card
from cnnstudio.gui.words import in_sentences


class LiveCard(Card):
    """A view of the network that learns; only the one that is seen has anything computed for it.

    Signals:
        layer_chosen: Name of the layer that is shown from now on.
    """

    layer_chosen = Signal(str)

    def watch(self, *, seen: bool) -> None:
        """Say whether anybody can see the view; without that nothing is computed for it."""

    def take(self, picture: Picture) -> None:
        """Draw a picture, if it is one of this view and still wanted."""

    def choose_layer(self, layer: str) -> None:
        """Show a layer that was chosen elsewhere, if there is something of it to show."""


def quiet_button(name: str, text: str, tip: str) -> QPushButton:
    """Return a button for the header of a card."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setProperty("role", "quiet")
    button.setAccessibleName(tip)
    button.setToolTip(tip)
    return button


def save_button(name: str, tip: str) -> QPushButton:
    """Return the button that saves what a card shows; it is disabled, as there is nothing yet."""
    button = quiet_button(name, "Save …", tip)
    button.setEnabled(False)
    return button


def write_file(session: Session, path: Path, content: bytes, what: str) -> None:
    """Write a file and say so, or say why that cannot be.

    Args:
        session: Shows the sentence.
        path: Of the file; one that is there is replaced.
        content: Of the file.
        what: Was saved, with its verb: `The figures are`.
    """
    try:
        write_saved(path, content)
    except InputError as error:
        session.say("error", in_sentences(error))
    else:
        session.say("info", f"{what} saved: {path}")
