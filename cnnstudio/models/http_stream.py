"""A file that arrives over HTTP, read so that waiting for it can be given up at any moment."""

import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib import request
from urllib.error import HTTPError, URLError

import cnnstudio

_BLOCK: Final = 1 << 18  # bytes, at most, that are handed over at once
_AHEAD: Final = 16  # blocks that may wait to be written
_TICK: Final = 0.1  # seconds between two looks at whether somebody still waits
_FAREWELL: Final = 0.5  # seconds for the thread to end; a name look-up cannot be interrupted and may take longer


class StreamError(Exception):
    """A file does not arrive.

    Attributes:
        reason: Why, in words.
        status: The HTTP status with which the server refuses; None if it is not the server that refuses.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """What a server says before the first byte.

    Attributes:
        start: Place of that byte in the file: 0 if the server does not begin later on request.
        total: Size of the whole file; None if the server does not tell.
    """

    start: int
    total: int | None


@contextmanager
def stream(
    url: str, *, start: int, silence: float, check: Callable[[], None]
) -> Iterator[tuple[Head, Iterator[bytes]]]:
    """Ask a server for a file; follows redirections, and goes through the proxy that the system names.

    Looking up a name, connecting and reading all block, so they happen in a thread of their own.

    Args:
        url: Of http or https.
        start: Place of the first byte that is wanted.
        silence: Seconds without an answer or a byte after which the connection counts as dead.
        check: Called at least ten times a second; what it raises ends everything.

    Yields:
        What the server says, and the blocks that follow. They end early where the connection does so in a way that
        looks like an end: compare with `Head.total`.

    Raises:
        StreamError: The server was not reached or refuses, the connection broke off, or nothing came any more.
    """
    reader = _Reader(url, start, silence)
    reader.start()
    try:
        head = reader.take(check)
        assert isinstance(head, Head)
        yield head, iter(partial(reader.take, check), None)
    finally:
        reader.give_up()


class _GivenUpError(Exception):
    """Ends the thread when nobody waits any longer."""


class _Reader(threading.Thread):
    def __init__(self, url: str, start: int, silence: float) -> None:
        super().__init__(name="cnnstudio-download", daemon=True)
        self._url = url
        self._start = start
        self._silence = silence
        self._items: queue.Queue[Any] = queue.Queue(_AHEAD)  # Head, bytes …, None; or a StreamError
        self._given_up = threading.Event()
        self._socket: socket.socket | None = None

    def take(self, check: Callable[[], None]) -> Any:
        """Return what comes next."""
        deadline = time.monotonic() + self._silence
        while True:
            check()
            try:
                item = self._items.get(timeout=_TICK)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise StreamError(f"nothing came for {self._silence:g} seconds") from None
                continue
            if isinstance(item, StreamError):
                raise item
            return item

    def give_up(self) -> None:
        """Let the thread end, whatever it waits for."""
        self._given_up.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self.join(_FAREWELL)

    def run(self) -> None:
        with suppress(_GivenUpError):
            try:
                self._read()
            except HTTPError as error:
                error.close()
                self._put(StreamError(f"the server answers {error.code} {error.reason}", error.code))
            except (OSError, HTTPException, ValueError) as error:  # the last where it leads to an odd address
                self._put(StreamError(_in_words(error)))

    def _read(self) -> None:
        with self._open() as response:
            self._put(_head(response))
            while block := response.read1(_BLOCK):
                self._put(block)
            self._put(None)

    def _open(self) -> HTTPResponse:
        opener = request.OpenerDirector()  # unlike the usual one it knows neither file: nor ftp:
        for handler in (
            request.ProxyHandler(),
            _Connector(self._connected),
            request.HTTPRedirectHandler(),
            request.HTTPErrorProcessor(),
            request.HTTPDefaultErrorHandler(),
            request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        opener.addheaders = [("User-Agent", f"CNN-Studio/{cnnstudio.__version__}")]
        if self._start:
            opener.addheaders.append(("Range", f"bytes={self._start}-"))
        response = opener.open(self._url, timeout=self._silence)
        assert isinstance(response, HTTPResponse)
        return response

    def _connected(self, connection: socket.socket) -> None:
        self._socket = connection
        if self._given_up.is_set():
            raise _GivenUpError

    def _put(self, item: object) -> None:
        while not self._given_up.is_set():
            with suppress(queue.Full):
                self._items.put(item, timeout=_TICK)
                return
        raise _GivenUpError


class _Connector(request.AbstractHTTPHandler):
    """Opens connections, and hands out their sockets: shutting one down is what wakes its reader."""

    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, asked: request.Request) -> HTTPResponse:
        return self.do_open(partial(_Connection, self._connected), asked)

    def https_open(self, asked: request.Request) -> HTTPResponse:
        return self.do_open(partial(_SecureConnection, self._connected), asked)

    http_request = https_request = request.AbstractHTTPHandler.do_request_


class _Connection(HTTPConnection):
    def __init__(self, connected: Callable[[socket.socket], None], host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._connected = connected

    def connect(self) -> None:
        super().connect()
        self._connected(self.sock)


class _SecureConnection(HTTPSConnection):
    def __init__(self, connected: Callable[[socket.socket], None], host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._connected = connected

    def connect(self) -> None:
        super().connect()
        self._connected(self.sock)


def _head(response: HTTPResponse) -> Head:
    if response.status != 206:
        length = response.headers.get("Content-Length")
        return Head(0, int(length) if length is not None else None)
    content = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content)
    if found is None:
        raise HTTPException(f"the server sends the part {content!r} of the file")
    return Head(int(found[1]), None if found[2] == "*" else int(found[2]))


def _in_words(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({cause.verify_message})"
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    return (cause.strerror if isinstance(cause, OSError) else "") or str(cause) or type(cause).__name__
