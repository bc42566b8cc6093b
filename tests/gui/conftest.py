from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from cnnstudio.gui.theme import Theme


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """Return the light theme, applied; the application is left as it was."""
    theme = Theme(qapp, "light")
    yield theme
    theme.set_mode("system")
    theme.deleteLater()
    qapp.setStyleSheet("")
