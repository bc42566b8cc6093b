"""The process of its own in which an isolated run trains; `process_host` starts it and speaks with it through pipes.

Should the host die, the pipe from it closes: the run then stops as if asked to, and keeps what it has.
"""

import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event
from cnnstudio.runtime.frames import Message, Rests, read_wish, write_message
from cnnstudio.runtime.host import told
from cnnstudio.runtime.loading import load_engine
from cnnstudio.runtime.mailbox import Mailbox


def main() -> None:
    """Carry out one run: the first line on stdin says which, the others what the host wishes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the host too, which decides
    faulthandler.enable()  # a crash tells where, on stderr
    requests, replies = _private_pipes()
    order = requests.readline()
    if not order:
        return  # the host has died already
    outbox = Outbox(replies)
    control = _RestingControl(outbox.rest)
    signal.signal(signal.SIGTERM, lambda _number, _frame: control.stop())
    threading.Thread(target=_listen, args=(requests, control), name="cnnstudio-wishes", daemon=True).start()
    told(lambda: _train(json.loads(order), outbox, control), outbox.put)
    outbox.close()
    with contextlib.suppress(OSError):
        replies.close()  # all is told, however long it may take to end


class Outbox:
    """Takes what a run tells, and writes it as fast as the host reads; the run never waits.

    Of pictures only the latest is kept until it can be written. Once nobody reads any more, everything is dropped.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._mailbox = Mailbox()
        self._rests = False
        self._refusal: InputError | None = None
        self._closing = False
        self._unread = False
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="cnnstudio-outbox", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Leave an event; this is a sink."""
        self._mailbox.put(event)
        self._news.set()

    def rest(self, rests: bool) -> None:
        """Tell whether the paused run is at rest."""
        self._rests = rests
        self._news.set()

    def refuse(self, error: InputError) -> None:
        """Tell why the run cannot be."""
        self._refusal = error
        self._news.set()

    def close(self) -> None:
        """Wait until all is written, or nobody reads it."""
        self._closing = True
        self._news.set()
        self._thread.join()

    def _write_all(self) -> None:
        told_rests = closing = False
        while not closing:
            self._news.wait()
            self._news.clear()
            closing, rests = self._closing, self._rests  # asked first: what came before is told before
            messages: list[Message] = [*self._mailbox.drain()]
            if rests != told_rests:
                messages.append(Rests(rests))
                told_rests = rests
            if closing and self._refusal is not None:
                messages.append(self._refusal)
            if not self._unread:
                self._write(messages)

    def _write(self, messages: list[Message]) -> None:
        try:
            for message in messages:
                write_message(self._stream, message)
            self._stream.flush()
        except OSError:
            self._unread = True


class _RestingControl(Control):
    """Tells when a paused run has come to rest."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        super().__init__()
        self._tell = tell

    def wait(self, while_paused: Callable[[], None] | None = None) -> None:
        """Hold while paused, and tell so."""
        rested = False

        def rest() -> None:
            nonlocal rested
            if while_paused is not None:
                while_paused()
            rested = True
            self._tell(True)

        try:
            super().wait(rest)
        finally:
            if rested:
                self._tell(False)


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return stdin and stdout, and put others in their place.

    What a library prints goes to stderr then, and processes that it starts inherit neither pipe.
    """
    sys.stdout.flush()
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _listen(requests: IO[bytes], control: Control) -> None:
    """Do what the host wishes; once it is gone, stop."""
    stages = changes = 0
    for line in requests:
        wish = read_wish(line)
        control.watch(wish.watch)
        for change in wish.changes[changes:]:
            control.change(change)
        changes = len(wish.changes)
        if wish.stop:
            control.stop()
        elif not wish.paused:
            control.resume()
        elif wish.stages > stages:
            control.step()
        else:
            control.pause()
        stages = wish.stages
    control.stop()


def _train(order: dict[str, Any], outbox: Outbox, control: Control) -> None:
    load_engine()
    from cnnstudio.engine.trainer import train

    try:
        train(Config.parse(order["config"]), outbox.put, control, out=Path(order["out"]), resume=bool(order["resume"]))
    except InputError as error:
        outbox.refuse(error)


if __name__ == "__main__":
    main()
