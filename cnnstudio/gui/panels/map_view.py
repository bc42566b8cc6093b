"""How feature maps are looked at: a button with a menu of a few choices."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, cast

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from cnnstudio.gui.widgets.map_scale import Colors, MapStyle, Order, Scaling

Mode = Literal["one", "images", "stages"]

_MODES: Final = {
    "one": "One layer, one image",
    "images": "One layer, an image of each class",
    "stages": "All stages, one image",
}
_ORDERS: Final = {"number": "By channel number", "activity": "Most active first"}
_SCALINGS: Final = {"own": "Each map on its own", "shared": "All maps of a layer alike"}
_COLORS: Final = {
    "auto": "As the values ask for",
    "sequential": "Dark to bright",
    "diverging": "Blue to orange, around zero",
}


class MapViewButton(QPushButton):
    """Opens the menu.

    Attributes:
        mode: What is shown.
        map_style: How.

    Signals:
        mode_chosen: The user wants something else to be shown.
        style_chosen: The user wants it to be shown otherwise.
    """

    mode_chosen = Signal(str)
    style_chosen = Signal(object)

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__("View", parent)
        self.setObjectName(object_name)
        self.setProperty("role", "quiet")
        self.setAccessibleName("View: what is shown, in which order, scale and colours")
        self.setToolTip("What is shown, and in which order, scale and colours")
        self.mode: Mode = "one"
        self.map_style = MapStyle()
        menu = QMenu(self)
        menu.setObjectName(f"{object_name}.menu")
        self._modes = self._offer(menu, "Show", _MODES, "one")
        orders = self._offer(menu, "Order", _ORDERS, self.map_style.order)
        scalings = self._offer(menu, "Scale", _SCALINGS, self.map_style.scaling)
        colors = self._offer(menu, "Colours", _COLORS, self.map_style.colors)
        self._modes.triggered.connect(self._choose_mode)
        orders.triggered.connect(lambda action: self._restyle(order=cast("Order", action.data())))
        scalings.triggered.connect(lambda action: self._restyle(scaling=cast("Scaling", action.data())))
        colors.triggered.connect(lambda action: self._restyle(colors=cast("Colors", action.data())))
        self.setMenu(menu)

    def set_mode(self, mode: Mode) -> None:
        """Choose what is shown, without a signal."""
        self.mode = mode
        for action in self._modes.actions():
            action.setChecked(action.data() == mode)

    def set_modes_enabled(self, enabled: bool) -> None:
        """Say whether anything computes what would be shown."""
        self._modes.setEnabled(enabled)

    def _offer(self, menu: QMenu, title: str, options: Mapping[str, str], chosen: str) -> QActionGroup:
        if not menu.isEmpty():
            menu.addSeparator()
        menu.addAction(title).setEnabled(False)  # style sheets leave out the text of Qt's own sections
        group = QActionGroup(self)
        for key, text in options.items():
            action = menu.addAction(text)
            action.setObjectName(f"{self.objectName()}.{key}")
            action.setCheckable(True)
            action.setChecked(key == chosen)
            action.setData(key)
            group.addAction(action)
        return group

    def _choose_mode(self, action: QAction) -> None:
        self.mode = cast("Mode", action.data())
        self.mode_chosen.emit(self.mode)

    def _restyle(
        self, *, order: Order | None = None, scaling: Scaling | None = None, colors: Colors | None = None
    ) -> None:
        style = self.map_style
        self.map_style = replace(
            style, order=order or style.order, scaling=scaling or style.scaling, colors=colors or style.colors
        )
        self.style_chosen.emit(self.map_style)
