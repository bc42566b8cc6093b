"""`train`: the only way to train a network, whoever hosts the run. What happens step by step is in `engine.loop`."""

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import Changed, EndReason, Event, Phase, RunEnded, SetAside, Warned
from cnnstudio.core.pictures import Picture
from cnnstudio.data.reading import FewerImagesError
from cnnstudio.engine.allocator import kept_memory
from cnnstudio.engine.checkpoint import RunFolder
from cnnstudio.engine.device import arithmetic
from cnnstudio.engine.dist import World
from cnnstudio.engine.endings import never_began, reason_of
from cnnstudio.engine.loop import Loop
from cnnstudio.engine.opening import opening
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.resume import LAST, Checkpoint
from cnnstudio.engine.standing import open_folder, prepare_all, standing

Sink = Callable[[Event], None]


def train(config: Config, sink: Sink, control: Control, *, out: Path, resume: bool = False) -> RunEnded:
    """Train a network as configured and keep the best weights in a run folder.

    Resumed on the CPU, a run ends with the same weights, bit for bit, as one that was never interrupted.

    Args:
        config: What to train, on which images, how.
        sink: Receives every event, on the calling thread.
        control: Pauses, resumes and stops the run within one batch, and says what is being looked at.
        out: The run folder; must not exist or be empty, unless its run goes on.
        resume: Whether to go on from the newest checkpoint in `out`, whose configuration `config` is.

    Returns:
        How the run ended, which is also the last event.

    Raises:
        InputError: Something in the configuration or the folder cannot be used; nothing has been trained.
    """
    began = time.monotonic()
    world = World.of_environment()
    sink, config = sink if world.leads else _nobody, world.with_own_device(config)
    with world.joined(config), kept_memory(), arithmetic(deterministic=config.compute.deterministic):
        return _train(world, config, sink, control, out, resume=resume, began=began)


def _train(
    world: World, config: Config, sink: Sink, control: Control, out: Path, *, resume: bool, began: float
) -> RunEnded:
    """Do what `train` does among the processes of a run, of which nothing is left when this returns."""
    checkpoint, fallback, reopens, coming = standing(world, out, resume=resume)
    try:
        prepared = prepare_all(world, config, sink, control, checkpoint)
    except InputError:
        raise
    except StopRun:
        return never_began(sink, began, "stopped", "")
    except Exception as error:  # noqa: BLE001 - such as too little memory on the device
        return never_began(sink, began, "failed", reason_of(error))
    with contextlib.closing(prepared.store):
        folder = open_folder(world, out, prepared, reopens=reopens)
        run = _Run(prepared, sink, control, folder, checkpoint, world, coming, began)
        notes = (fallback, *prepared.notes, *world.notes(config, prepared.network, prepared.compute))
        try:
            with arithmetic(deterministic=config.compute.deterministic, precision=prepared.compute.precision):
                return run.carry_out(tuple(filter(None, notes)))
        finally:
            run.close()


class _Run:
    """One run in its folder, from the event that opens it to the one that closes it."""

    def __init__(
        self,
        prepared: Prepared,
        sink: Sink,
        control: Control,
        folder: RunFolder,
        checkpoint: Checkpoint | None,
        world: World,
        coming: Sequence[Changed],
        began: float,
    ) -> None:
        self._prepared, self._sink, self._folder, self._world = prepared, sink, folder, world
        self._control = control
        self._loop = Loop(
            prepared, control, folder, self._emit, checkpoint=checkpoint, world=world, coming=coming, began=began
        )

    def carry_out(self, notes: tuple[str, ...] = ()) -> RunEnded:
        """Train, and turn whatever ends the run into one closing event."""
        folder = self._folder
        reason: EndReason = "finished"
        message = ""
        try:
            self._open()
            for note in notes:
                self._emit(Warned(text=note))
            try:
                self._run()
            except StopRun:
                self._loop.keeping.saver.wait()
                reason = "stopped"
                if not folder.has_best:  # within the first epoch: what there is, is kept
                    folder.save_best(self._prepared.network.state_dict())
        except Exception as error:  # noqa: BLE001 - whatever ends a run is told in its closing event
            reason, message = "failed", self._reason(error)
        loop = self._loop
        ended = RunEnded(
            reason=reason,
            best_val_accuracy=loop.keeping.best.val_accuracy if loop.keeping.best else None,
            best_epoch=loop.keeping.best.epoch if loop.keeping.best else None,
            seconds=time.monotonic() - loop.keeping.began,
            run=str(folder.path),
            message=message,
        )
        with contextlib.suppress(OSError):  # on a full disk the listener still hears how it ended
            folder.record(ended)
        self._sink(ended)
        return ended

    def _open(self) -> None:
        loop = self._loop
        told = opening(self._prepared, self._folder.path, steps_per_epoch=loop.steps, processes=self._world.size)
        self._emit(told.model_copy(update={"config": loop.config}))

    def _run(self) -> None:
        """Train, and begin anew where images that were still to be decoded cannot be read."""
        try:
            self._loop.run()
        except FewerImagesError:
            self._begin_anew()
            self._loop.run()

    def _begin_anew(self) -> None:
        """Divide the images as if they had been read before the run began, and begin with them.

        Raises:
            StopRun: Asked to stop meanwhile.
        """
        before = self._prepared

        def progress(done: int) -> None:
            self._control.check()
            total = len(before.store.catalog.images)
            self._emit(Phase(text=f"Reading {total:,} images", done=done / total))

        store = before.store.whole(progress)
        fresh = store.catalog.set_aside[len(before.store.catalog.set_aside) :]
        self._emit(Warned(text=_anew(fresh), path=fresh[0].path))
        self._loop.keeping.forget()
        prepared = prepare(before.config, self._emit, self._control, store=store)
        self._prepared = replace(prepared, tuned=before.tuned, notes=before.notes)
        loop = self._loop
        self._loop = Loop(
            self._prepared,
            self._control,
            self._folder,
            self._emit,
            checkpoint=None,
            world=self._world,
            coming=loop.changes,
            began=loop.keeping.began,
        )
        self._open()

    def close(self) -> None:
        """Let the last checkpoint reach the disk, and let others write to the folder."""
        with contextlib.suppress(OSError, RuntimeError):  # told already where it matters
            self._loop.keeping.saver.wait()
        self._folder.close()

    def _reason(self, error: Exception) -> str:
        """Return why the run failed, and keep the traceback where the disk lets us."""
        with contextlib.suppress(OSError, RuntimeError):  # a checkpoint that is being written is one to go on from
            self._loop.keeping.saver.wait()
        reason = reason_of(error, resumable=(self._folder.path / LAST).exists())
        try:
            (self._folder.path / "error.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        except OSError:
            return reason
        return f"{reason} (details in error.txt of the run folder)"

    def _emit(self, event: Event) -> None:
        if not isinstance(event, Picture):
            self._folder.record(event)
        self._sink(event)


def _anew(images: Sequence[SetAside]) -> str:
    """Return why a run begins anew."""
    if len(images) == 1:
        return f"an image is set aside, and the run has begun anew without it: {images[0].reason}"
    return f"{len(images):,} images are set aside, and the run has begun anew without them: {images[0].reason}"


def _nobody(_event: Event) -> None:
    """Hear what only the first process tells."""
