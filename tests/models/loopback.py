"""A server on this computer that sends one file in every way that goes wrong."""

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 20.0  # seconds until a test that went wrong lets go of the server
CERTIFICATE = Path(__file__).with_name("loopback.pem")  # signed by itself, for 127.0.0.1, with its key


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answers one request.

    Attributes:
        status: Another one than 200 or 206 comes without the file.
        ranges: Whether it begins where the client asks.
        begins: Where it begins instead, if not None.
        cut: Number of bytes after which it closes the connection.
        hang: Number of bytes after which it sends nothing any more.
        silent: Whether it does not even send a head.
        pause: Seconds between two KiB.
        length: Whether it says how much is to come.
        location: Where it redirects to.
        body: Sent instead of the file.
    """

    status: int = 200
    ranges: bool = True
    begins: int | None = None
    cut: int | None = None
    hang: int | None = None
    silent: bool = False
    pause: float = 0.0
    length: bool = True
    location: str = ""
    body: bytes | None = None


@dataclass
class Loopback:
    """The server.

    Attributes:
        url: Of the file.
        file: Its content.
        answers: To the next requests, in turn; the last one is repeated.
        ranges: The Range header of each request, empty without one.
        sent: Bytes of content sent in answer to each request.
        released: Set it to end all hanging.
    """

    url: str
    file: bytes
    answers: list[Answer]
    ranges: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def loopback(file: bytes, *answers: Answer, secure: bool = False) -> Iterator[Loopback]:
    """Serve `file` at any path while the block runs, and end all threads with it."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "https" if secure else "http"
    server.state = Loopback(f"{scheme}://127.0.0.1:{server.server_port}/weights.pth", file, list(answers or [Answer()]))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="loopback")
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("no_proxy", "127.0.0.1")
            yield server.state
    finally:
        server.state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()  # waits for the requests, too


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    state: Loopback

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a client that goes is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        state = self.server.state
        answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
        asked = self.headers.get("Range", "")
        index = len(state.ranges)
        state.ranges.append(asked)
        state.sent.append(0)
        if answer.silent:
            state.released.wait(PATIENCE)
            return
        if answer.location:
            self.send_response(302)
            self.send_header("Location", answer.location)
            self.end_headers()
            return
        if answer.status != 200:
            self.send_error(answer.status)
            return
        for block in self._blocks(self._begin(answer, asked), answer):
            self.wfile.write(block)
            state.sent[index] += len(block)

    def _begin(self, answer: Answer, asked: str) -> bytes:
        file = self.server.state.file if answer.body is None else answer.body
        found = re.fullmatch(r"bytes=(\d+)-", asked) if answer.ranges else None
        start = int(found[1]) if found else 0
        if found and start >= len(file):
            self.send_error(416)
            return b""
        if answer.begins is not None:
            start = answer.begins
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {start}-{len(file) - 1}/{len(file) if answer.length else '*'}")
        if answer.length:
            self.send_header("Content-Length", str(len(file) - start))
        self.end_headers()
        return file[start:]

    def _blocks(self, content: bytes, answer: Answer) -> Iterator[bytes]:
        end = min(len(content) if each is None else each for each in (answer.cut, answer.hang))
        for place in range(0, end, 1024):
            yield content[place : min(place + 1024, end)]
            if answer.pause:
                self.server.state.released.wait(answer.pause)
        if answer.hang is not None:
            self.server.state.released.wait(PATIENCE)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
