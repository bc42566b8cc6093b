"""Hosting a run in a process of its own: what ends that process leaves the host alive, and a resumable run behind."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import EpochEnded, Event, Phase, RunEnded
from cnnstudio.runtime.frames import Message, Rests, Wish, read_messages, write_wish
from cnnstudio.runtime.host import told
from cnnstudio.runtime.mailbox import Mailbox
from cnnstudio.runtime.runs import read_run

if sys.platform == "win32":
    _FLAGS: Final = subprocess.CREATE_NO_WINDOW
else:
    _FLAGS: Final = 0

LOG: Final = "isolated.log"

_PATIENCE: Final = 120.0  # seconds from a stop to the end; writing a large checkpoint may take one of these minutes
_LINGER: Final = 2.0  # seconds for the last complaints; processes that it has started may hold its stderr
_LAST_LINES: Final = 50
_LONGEST: Final = 4096  # bytes of a line on stderr
_WINDOWS: Final = {
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a library was not found",
    0xC000013A: "interrupted",
    0xC0000374: "heap corruption",
    0xC0000409: "aborted",
}


class RemoteControl(Control):
    """Steers a run in another process: it keeps what is wished, and what that process tells."""

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self._stages = 0

    @property
    def holding(self) -> bool:
        """Whether the run has told that it waits at a step boundary or between two stages."""
        return self.paused and self._holding

    def step(self) -> None:
        """Ask the process for one stage of a training step."""
        with self._changed:
            self._stages += 1
            super().step()

    def rest(self, rests: bool) -> None:
        """Note what the process has told."""
        self._holding = rests

    def end(self) -> None:
        """Let nobody wait for further wishes."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def next_wish(self, before: Wish | None) -> Wish | None:
        """Wait until something else is wished than before, and return that; None once the run has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._wish() != before)
            return None if self._over else self._wish()

    def _wish(self) -> Wish:
        return Wish(self.paused, self.stopping, self.watched, self._stages, self._asked)


class ProcessHost:
    """Trains in a process of its own; a host as `runtime.host.Host` describes it.

    Attributes:
        control: Steers the run that is under way.
    """

    def __init__(self) -> None:
        self.control = RemoteControl()
        self._mailbox = Mailbox()
        self._thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, config: Config, out: Path, watch: Watch, *, resume: bool = False) -> None:
        """Start a run, or let the one in `out` go on."""
        assert self._thread is None, "one run at a time"
        control, mailbox = RemoteControl(), Mailbox()
        control.watch(watch)

        def host() -> None:
            told(lambda: train_isolated(config, mailbox.put, control, out=out, resume=resume), mailbox.put)

        self.control, self._mailbox = control, mailbox
        self._thread = threading.Thread(target=host, name="cnnstudio-process-host", daemon=True)
        self._thread.start()

    def drain(self) -> list[Event]:
        """Take the events that have come since."""
        return self._mailbox.drain()

    def close(self) -> None:
        """Stop the run, if there is one, and wait for its end: two minutes at most, then it is killed."""
        if self._thread is not None:
            self.control.stop()
            self._thread.join()
            self._thread = None


def train_isolated(
    config: Config, sink: Callable[[Event], None], control: RemoteControl, *, out: Path, resume: bool = False
) -> RunEnded:
    """Train as `engine.trainer.train` does, to the same weights, in a process of its own.

    Args:
        config: What to train, on which images, how.
        sink: Receives every event, on the calling thread; of feature maps only the latest where it is slow.
        control: Pauses, resumes and stops the run, and says what is being looked at.
        out: The run folder; must not exist or be empty, unless its run goes on.
        resume: Whether to go on from the newest checkpoint in `out`.

    Returns:
        How the run ended, which is also the last event; if its process died, with what is known of it.

    Raises:
        InputError: Something in the configuration or the folder cannot be used; nothing has been trained.
    """
    began = time.monotonic()
    sink(Phase(text="Starting a process of its own"))
    best: EpochEnded | None = None
    ended: RunEnded | None = None
    refusal: InputError | None = None
    with _Process(config, control, out, resume) as process:
        for message in process.messages():
            match message:
                case Rests():
                    control.rest(message.rests)
                    continue
                case InputError():
                    refusal = message
                    continue
                case EpochEnded() if message.best:
                    best = message
                case RunEnded():
                    ended = message
            sink(message)
    if refusal is not None:
        raise refusal
    if ended is None:
        ended = RunEnded(
            reason="failed",
            best_val_accuracy=best.val_accuracy if best else None,
            best_epoch=best.epoch if best else None,
            seconds=time.monotonic() - began,
            run=str(out) if out.is_dir() else "",
            message=_epitaph(process, out),
        )
        sink(ended)
    return ended


class _Process:
    """The process of a run, with the threads that tell it wishes and keep what it complains of.

    Attributes:
        code: Its exit code, once it has ended.
        impatient: Whether it was killed because it did not react to a stop.
        complaints: The last lines of its stderr.
    """

    def __init__(self, config: Config, control: RemoteControl, out: Path, resume: bool) -> None:
        self.code = 0
        self.impatient = False
        self.complaints: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._control = control
        self._order = json.dumps({"config": config.model_dump(mode="json"), "out": str(out), "resume": resume})
        self._gone = threading.Event()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                _command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(each or str(Path.cwd()) for each in sys.path)},
                creationflags=_FLAGS,
            )
        except OSError as error:
            raise InputError(
                f"no process can be started: {(error.strerror or str(error)).lower()}",
                where="compute.isolated",
                remedy="switch it off, or close other programs",
            ) from None
        self._threads = [
            threading.Thread(target=work, name=f"cnnstudio-process-{name}", daemon=True)
            for name, work in (("wishes", self._tell_wishes), ("stderr", self._keep_complaints))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Wait for the end of the process; after an error here it is killed."""
        if kind is not None:
            self._process.kill()
        try:
            self.code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:  # it has told all, and yet hangs
            self._process.kill()
            self.code = self._process.wait()
        self._gone.set()
        self._control.end()
        for thread in self._threads:
            thread.join(_LINGER)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # what it has not read is lost
                stream.close()

    def messages(self) -> Iterator[Message]:
        """Yield what the process tells, until it has ended or tells no more."""
        assert self._process.stdout is not None
        yield from read_messages(self._process.stdout)

    def _tell_wishes(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):  # once it has died
            stream.write(self._order.encode() + b"\n")
            wish = None
            while (wish := self._control.next_wish(wish)) is not None:
                write_wish(stream, wish)
                stream.flush()
                if wish.stop:
                    break
        if self._control.stopping and not self._gone.wait(_PATIENCE):
            self.impatient = True
            self._process.kill()

    def _keep_complaints(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while line := stream.readline(_LONGEST):
                self.complaints.append(line.decode(errors="replace").rstrip())


def _command() -> list[str]:
    # -P: a file beside the user's images may be called random.py.
    return [sys.executable, "-P", "-m", "cnnstudio.runtime.isolated"]


def _epitaph(process: _Process, out: Path) -> str:
    """Say how a process has ended that did not say so itself, and what to do."""
    how = "did not react to Stop and was ended" if process.impatient else f"died ({_cause(process)})"
    try:
        epoch = read_run(out).next_epoch
    except (InputError, OSError):
        epoch = None
    rest = "It had kept nothing to go on from"
    if epoch is not None:
        rest = f"Its last checkpoint is kept: Resume goes on from epoch {epoch}"
    details = f" (details in {LOG} of the run folder)" if _written(process.complaints, out) else ""
    return f"the training process {how}. {rest}{details}."


def _cause(process: _Process) -> str:
    if process.code < 0:
        words = (signal.strsignal(-process.code) or f"signal {-process.code}").partition(":")[0].lower()
        return f"{words}, perhaps because memory ran out" if -process.code == signal.SIGKILL else words
    if process.code in _WINDOWS:
        return _WINDOWS[process.code]
    last = next((line for line in reversed(process.complaints) if line), "")
    return f"exit code {process.code}" + (f": {last}" if last else "")


def _written(complaints: collections.deque[str], out: Path) -> bool:
    """Keep what the process complained of beside its run, if there is a run."""
    if not complaints or not out.is_dir():
        return False
    try:
        (out / LOG).write_text("\n".join(complaints) + "\n", encoding="utf-8")
    except OSError:
        return False
    return True
