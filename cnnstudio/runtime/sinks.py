"""Where events go when there is no window: lines of JSON, or progress for a person at a terminal."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cnnstudio.core.changes import EPOCHS
from cnnstudio.core.events import Changed, EpochEnded, Event, Phase, Pulse, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import Picture
from cnnstudio.core.serial import to_line


class JsonSink:
    """Writes each scalar event as one line of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if not isinstance(event, Picture):
            self._stream.write(to_line(event) + "\n")
            self._stream.flush()


class TerminalSink:
    """Shows a progress bar, a line an epoch, and the result."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("Starting", total=1.0, speed="")
        self._epochs = 1

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunStarted():
                self._epochs = event.config.train.epochs
                self._opening(event)
            case Phase():
                self._progress.update(self._task, description=event.text, completed=event.done)
            case StepEnded():
                speed = f"loss {event.loss:.3f} · {event.images_per_second:,.0f} images/s"
                self._progress.update(self._task, completed=event.epoch / self._epochs, speed=speed)
            case EpochEnded():
                best = "  best so far" if event.best else ""
                self._say(
                    f"epoch {event.epoch:>3}  train loss {event.train_loss:.3f}  val loss {event.val_loss:.3f}  "
                    f"val accuracy {event.val_accuracy:6.1%}{best}"
                )
            case Changed():
                if event.key == EPOCHS:
                    self._epochs = int(event.new)
                self._say(f"From step {event.step:,} on: {event.text}", style="cyan")
            case Warned():
                self._say(f"Note: {event.text} {event.path}".rstrip(), style="yellow")
            case RunEnded():
                self._closing(event)
            case Picture() | Pulse():
                pass

    def _opening(self, event: RunStarted) -> None:
        facts = Table.grid(padding=(0, 2))
        for name, value in (
            ("device", event.device),
            ("classes", ", ".join(event.classes)),
            ("images", f"{event.train_images:,} to learn from, {event.val_images:,} to validate with"),
            ("network", f"{event.config.model.arch}, {event.trainable:,} of {event.parameters:,} parameters learn"),
            ("weights", event.weights),
        ):
            facts.add_row(Text(name, style="dim"), Text(value))
        self._console.print(facts)
        for each in event.set_aside:
            self._say(f"set aside: {each.path}: {each.reason}", style="yellow")

    def _closing(self, event: RunEnded) -> None:
        self._progress.update(self._task, visible=False)
        if event.reason == "failed":
            self._say(f"The run failed: {event.message}", style="red")
            return
        verb = {"finished": "Finished", "stopped": "Stopped"}[event.reason]
        if event.best_val_accuracy is None:
            self._say(f"{verb} before the first epoch ended.")
        else:
            self._say(
                f"{verb}. Best validation accuracy {event.best_val_accuracy:.1%}, epoch {event.best_epoch}.",
                style="bold",
            )
        if event.run:
            self._say(f"The model is in {event.run}")

    def _say(self, text: str, *, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


@contextlib.contextmanager
def terminal_sink() -> Iterator[TerminalSink]:
    """Show progress on stderr for as long as the context lasts."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"))
    quiet = not console.is_terminal  # a bar that nobody sees move would leave blank lines in a log
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet) as progress:
        yield TerminalSink(console, progress)
