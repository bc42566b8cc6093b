"""The commands that train: a run from its start, a run that goes on, and the search for a learning rate."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnstudio.cli.answers import DONE, FAILED, INTERRUPTED, print_line, print_table
from cnnstudio.cli.settings import settings_of
from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun

if TYPE_CHECKING:  # numpy comes with it
    from cnnstudio.core.events import Event, RunEnded


def train(options: argparse.Namespace) -> int:
    """Train a network, and return when the run has ended."""
    return _carry_out(options, settings_of(options), options.out, resume=False)


def resume(options: argparse.Namespace) -> int:
    """Let a run go on that was stopped or broke off."""
    from cnnstudio.runtime.runs import read_run

    run = read_run(options.run_folder)
    if run.reason == "finished":
        raise InputError("the run has finished", where=run.path, remedy="train a new one from its config.toml")
    return _carry_out(options, run.config, run.path, resume=True)


def _carry_out(options: argparse.Namespace, config: Config, out: Path, *, resume: bool) -> int:
    from cnnstudio.engine.dist import World
    from cnnstudio.runtime.sinks import JsonSink, terminal_sink

    world = World.of_environment()
    carry_out: Callable[[Callable[[Event], None]], RunEnded]
    control: Control
    if config.compute.isolated and not world.launch:  # torchrun's are processes of their own already
        from cnnstudio.runtime.process_host import RemoteControl, train_isolated

        control = remote = RemoteControl()
        carry_out = partial(train_isolated, config, control=remote, out=out, resume=resume)
    else:
        from cnnstudio.runtime.loading import load_engine

        load_engine()
        from cnnstudio.engine.trainer import train

        control = Control()
        carry_out = partial(train, config, control=control, out=out, resume=resume)
    with _stop_on_ctrl_c(control, aloud=world.leads):
        if not world.leads:
            ended = carry_out(lambda _event: None)
        elif options.json:
            ended = carry_out(JsonSink(sys.stdout))
        else:
            with terminal_sink() as sink:
                ended = carry_out(sink)
    if ended.reason == "stopped" and not world.launch:  # torchrun starts anew what does not exit with 0
        return INTERRUPTED
    return FAILED if ended.reason == "failed" else DONE


def find_lr(options: argparse.Namespace) -> int:
    """Try rising learning rates, and suggest one."""
    from cnnstudio.engine.lr_finder import search
    from cnnstudio.runtime.sinks import terminal_sink

    control = Control()
    try:
        with _stop_on_ctrl_c(control, aloud=True), terminal_sink() as sink:
            curve = search(settings_of(options), sink, control)
    except StopRun:
        return INTERRUPTED
    tried = tuple(zip(curve.rates, curve.losses, strict=True))
    if options.json:
        for rate, loss in tried:
            print_line({"rate": rate, "loss": loss})
        print_line({"steady": curve.steady, "limit": curve.limit, "suggestion": curve.suggestion})
        return DONE
    print_table(("rate", "loss"), [(f"{rate:.2g}", f"{loss:.3f}") for rate, loss in tried])
    if curve.suggestion is None:
        print("The loss falls at no learning rate, so there is none to suggest.")
    else:
        print(f"Suggested: --set train.lr={curve.suggestion:.2g}")
    return DONE


@contextlib.contextmanager
def _stop_on_ctrl_c(control: Control, *, aloud: bool) -> Iterator[None]:
    """Let the first Ctrl-C stop the run after its present step; a second one interrupts at once.

    SIGTERM, with which systems and schedulers end a program, does the same and leaves the same exit code: what counts
    is that the run has kept its state.
    """

    def stop(_signal: int, _frame: Any) -> None:
        if control.stopping:
            raise KeyboardInterrupt
        control.stop()
        if aloud:
            print("Stopping after this step … (Ctrl-C again to interrupt at once)", file=sys.stderr)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
