"""Writing a file that the user has named."""

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QImageWriter

from cnnstudio.core.errors import InputError


def write_saved(path: Path, content: bytes) -> None:
    """Write a file; one that is there is replaced, as the user was asked about that.

    Raises:
        InputError: It cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the file cannot be written: {reason}", where=path, remedy="choose another folder") from None


def png(image: QImage) -> bytes:
    """Return an image as the content of a PNG file."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    written = QImageWriter(buffer, QByteArray(b"png")).write(image)
    assert written, "Qt writes PNG files without a plugin"
    return bytes(data.data())
