"""What the live views have in common."""

from PySide6.QtCore import Signal

from cnnstudio.core.pictures import Picture
from cnnstudio.gui.widgets.card import Card


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
