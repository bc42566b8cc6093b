"""The training of a network, top to bottom: `train` is the only way in, whoever hosts the run."""

import contextlib
import math
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.core.events import (
    EndReason,
    EpochEnded,
    Event,
    FeatureMaps,
    Phase,
    RunEnded,
    RunStarted,
    StepEnded,
    Warned,
)
from cnnstudio.engine.allocator import kept_memory
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.checkpoint import RunFolder, check_free
from cnnstudio.engine.device import arithmetic
from cnnstudio.engine.endings import finite, never_began, reason_of
from cnnstudio.engine.feed import Feed, PixelFeed
from cnnstudio.engine.frozen import Telling, make_feed
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import losses
from cnnstudio.engine.metrics import Averages, Running
from cnnstudio.engine.mixing import draw_mixture
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.resume import Checkpoint, Position, paths_of, random_states, read_checkpoint
from cnnstudio.engine.saver import Saver
from cnnstudio.engine.schedule import TrainingPhase, make_optimizer, make_schedule, training_phases
from cnnstudio.engine.stopping import Patience
from cnnstudio.models.summary import watchable

Sink = Callable[[Event], None]

_REPORTS_AN_EPOCH: Final = 25  # at most; each one waits for the device once


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
    checkpoint, fallback = read_checkpoint(out) if resume else (None, "")
    if checkpoint is None:
        check_free(out)
    with kept_memory(), arithmetic(deterministic=config.compute.deterministic):
        try:
            prepared = prepare(config, sink, control, checkpoint)
        except InputError:
            raise
        except StopRun:
            return never_began(sink, began, "stopped", "")
        except Exception as error:  # noqa: BLE001 - such as too little memory on the device
            return never_began(sink, began, "failed", reason_of(error))
        classes = prepared.store.catalog.classes
        folder = RunFolder.reopen(out) if resume else RunFolder.make(out, prepared.config, classes)
        run = _Run(prepared, sink, control, folder, checkpoint)
        try:
            return run.carry_out(began, tuple(filter(None, (fallback, *prepared.notes))))
        finally:
            run.close()


class _Run:
    """One run from its first step to its last."""

    def __init__(
        self, prepared: Prepared, sink: Sink, control: Control, folder: RunFolder, checkpoint: Checkpoint | None
    ) -> None:
        self.folder = folder
        self._sink = sink
        self._control = control
        self._prepared = prepared
        self._config = prepared.config
        self._network = prepared.network
        self._compute = prepared.compute
        self._feed: Feed = PixelFeed(prepared)
        self._labels = torch.from_numpy(prepared.store.labels)
        self._train = torch.tensor(prepared.split.train)
        self._val = torch.tensor(prepared.split.val)
        self._preview = Preview(prepared)
        # fp16 gradients underflow without scaling; the scaler does nothing otherwise.
        self._scaler = torch.amp.GradScaler(self._compute.device.type, enabled=self._compute.precision == "float16")
        self._saver = Saver(folder.save_last)
        self._resumed = checkpoint  # let go as soon as it has been taken over
        self._start = checkpoint.position if checkpoint else Position()
        self._step = self._start.step
        self._epochs = self._config.train.epochs  # fewer once a phase has ended early
        self._patience = Patience(self._config.train.patience, self._start.waited)
        self._best = checkpoint.best if checkpoint else None
        self._began = time.monotonic() - self._start.spent
        self._held = 0.0  # seconds spent paused

    def carry_out(self, began: float, notes: tuple[str, ...] = ()) -> RunEnded:
        """Train, and turn whatever ends the run into one closing event."""
        self._began = began - self._start.spent
        reason: EndReason = "finished"
        message = ""
        try:
            self._emit(self._opening())
            for note in notes:
                self._emit(Warned(text=note))
            try:
                self._all_epochs()
                self._saver.wait()
            except StopRun:
                self._saver.wait()
                reason = "stopped"
                if not self.folder.has_best:
                    self.folder.save_best(self._network)  # within the first epoch: what there is, is kept
        except Exception as error:  # noqa: BLE001 - whatever ends a run is told in its closing event
            reason, message = "failed", f"{reason_of(error)} (details in error.txt of the run folder)"
            self._keep_traceback()
        ended = RunEnded(
            reason=reason,
            best_val_accuracy=self._best.val_accuracy if self._best else None,
            best_epoch=self._best.epoch if self._best else None,
            seconds=time.monotonic() - self._began,
            run=str(self.folder.path),
            message=message,
        )
        with contextlib.suppress(OSError):  # on a full disk the listener still hears how it ended
            self.folder.record(ended)
        self._sink(ended)
        return ended

    def close(self) -> None:
        """Let the last checkpoint reach the disk, and let others write to the folder."""
        with contextlib.suppress(OSError, RuntimeError):  # told already where it matters
            self._saver.wait()
        self.folder.close()

    def _keep_traceback(self) -> None:
        with contextlib.suppress(OSError):
            (self.folder.path / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")

    def _all_epochs(self) -> None:
        phases, patience = training_phases(self._config), self._patience
        epoch, first = self._start.epoch, self._start.first
        for number, phase in enumerate(phases[self._start.phase :], start=self._start.phase):
            after = first + phase.epochs
            self._epochs = first - 1 + sum(each.epochs for each in phases[number:])
            if epoch < after and not patience.over:  # else done by an earlier process
                learning = self._begin(number, phase, first)
                while epoch < after and not patience.over:
                    self._one_epoch(epoch, learning)
                    epoch += 1
            if epoch < after:
                last = number == len(phases) - 1
                why = patience.sentence(phase.title, self._best, done=epoch - 1, planned=after - 1, last=last)
                self._emit(Warned(text=why))
            patience.renew()
            first = epoch

    def _begin(self, number: int, phase: TrainingPhase, first: int) -> Learning:
        """Freeze what does not learn in a phase, and make or take over what it learns with."""
        still = [name for name, factor in self._config.transfer.lr_multipliers.items() if not factor]
        self._network.freeze(phase.train_last, still=still)
        telling = Telling(self._emit, lambda: self._control.check(while_paused=self._look))
        self._feed = make_feed(self._prepared, telling, epochs=phase.epochs)
        optimizer = make_optimizer(self._network, self._config, phase)
        schedule = make_schedule(optimizer, self._config, steps=len(self._batches(self._train)) * phase.epochs)
        average = Average(self._network, self._feed.module, self._config.train.ema)
        learning = Learning(number, phase, optimizer, schedule, self._scaler, average, first)
        if self._resumed is not None:
            learning.go_on_from(self._resumed)
        return learning

    def _one_epoch(self, epoch: int, learning: Learning) -> None:
        began, held = time.monotonic(), self._held
        text = f"Training {learning.phase.title}, epoch {epoch} of {self._epochs}"
        self._emit(Phase(text=text, done=(epoch - 1) / self._epochs))
        self._feed.module.train()
        whole, recent, done = self._learn(epoch, learning)
        self._emit(Phase(text=f"Validating epoch {epoch}", done=(epoch - 0.05) / self._epochs))
        validated = self._validate(learning, lambda: self._checkpoint(learning, done, whole, recent))
        trained = whole.read()
        ended = EpochEnded(
            epoch=epoch,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            val_loss=validated.loss,
            val_accuracy=validated.accuracy,
            images_per_second=trained.images / max(done.seconds, 1e-9),
            seconds=time.monotonic() - began - (self._held - held),
            best=self._best is None or _rank(validated) > (self._best.val_accuracy, -self._best.val_loss),
        )
        if ended.best:
            self._best = ended
            self.folder.save_best(learning.average.network)
        self._patience.see(better=ended.best)
        self._saver.save(self._checkpoint(learning, Position(epoch=epoch + 1), self._sums(), self._sums()))
        self._emit(ended)

    def _learn(self, epoch: int, learning: Learning) -> tuple[Running, Running, Position]:
        """Go once through the training images; return the sums and how long it took."""
        config, device = self._config, self._compute.device
        shuffle = torch.Generator().manual_seed(config.train.seed * 1_000_003 + epoch)
        batches = self._batches(self._train[torch.randperm(len(self._train), generator=shuffle)])
        self._feed.begin(epoch)
        every = max(1, math.ceil(len(batches) / _REPORTS_AN_EPOCH))
        whole, recent = self._sums(), self._sums()
        done = Position(epoch=epoch)
        if self._resumed is not None:
            done = self._start
            for sums, state in zip((whole, recent), self._resumed.sums, strict=True):
                sums.restore(state)
            self._resumed = None
        since = done.since
        for number, indices in enumerate(batches[done.batch :], start=done.batch + 1):
            self._between_steps(partial(self._checkpoint, learning, replace(done, since=since), whole, recent))
            began = time.monotonic()
            labels = self._labels[indices].to(device)
            inputs = self._feed.training(indices)  # images (B, 3, S, S), or features of them
            mixture = draw_mixture(config, inputs, epoch=epoch, batch=number)
            if mixture is not None:
                inputs = mixture(inputs)
            with self._compute.autocast():
                found = losses(self._feed.module(inputs), labels, config, mixture)  # of logits (B, classes)
            learning.step(found.total)
            right = labels if mixture is None else mixture.dominant(labels)
            for sums in (whole, recent):
                sums.add(found.main, found.logits, right, found.aux)
            self._step += 1
            if number % every == 0 or number == len(batches):
                means = finite(recent.take(), self._step)  # the only wait for the device
            took = time.monotonic() - began
            since += took
            done = replace(done, batch=number, seconds=done.seconds + took)
            if number % every == 0 or number == len(batches):
                self._emit(
                    StepEnded(
                        step=self._step,
                        epoch=epoch - 1 + number / len(batches),
                        loss=means.loss,
                        accuracy=means.accuracy,
                        lr=float(learning.schedule.get_last_lr()[0]),
                        images_per_second=means.images / max(since, 1e-9),
                        aux_losses=dict(means.aux),
                    )
                )
                since = 0.0
        return whole, recent, done

    @torch.no_grad()
    def _validate(self, learning: Learning, checkpoint: Callable[[], Checkpoint]) -> Averages:
        module = learning.average.module.eval()
        sums = Running(self._compute.device)
        for indices in _divide(self._val, self._config.data.batch_size):
            self._between_steps(checkpoint)
            labels = self._labels[indices].to(self._compute.device)
            inputs = self._feed.validating(indices)
            with self._compute.autocast():
                logits = module(inputs)
                loss = functional.cross_entropy(logits, labels)
            sums.add(loss, logits, labels)
        return finite(sums.read(), self._step)

    def _between_steps(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Honour requests, keep the state from time to time, and show the feature maps that somebody watches."""
        began = time.monotonic()
        try:
            self._control.check(while_paused=self._look)
        except StopRun:
            self._saver.save(checkpoint())
            raise
        finally:
            self._held += time.monotonic() - began
        if self._saver.due():
            self._saver.save(checkpoint())
        if self._preview.due(self._control.watched):
            self._look()

    def _look(self) -> None:
        found = self._preview.look(self._control.watched, self._step)
        if found is not None:
            self._emit(found)

    def _batches(self, indices: Tensor) -> list[Tensor]:
        """Divide indices into batches; a last batch of one is left out, since BatchNorm cannot learn from it."""
        batches = _divide(indices, self._config.data.batch_size)
        return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches

    def _opening(self) -> RunStarted:
        catalog, network = self._prepared.store.catalog, self._network
        return RunStarted(
            run=str(self.folder.path),
            config=self._config,
            device=self._compute.label,
            precision=self._compute.precision,
            classes=catalog.classes,
            train_images=len(self._train),
            val_images=len(self._val),
            set_aside=catalog.set_aside,
            layers=watchable(network),
            steps_per_epoch=len(self._batches(self._train)),
            parameters=sum(each.numel() for each in network.parameters()),
            trainable=sum(each.numel() for each in network.parameters() if each.requires_grad),
            **self._prepared.weights_told(),
        )

    def _sums(self) -> Running:
        return Running(self._compute.device, self._network.listening)

    def _checkpoint(self, learning: Learning, done: Position, whole: Running, recent: Running) -> Checkpoint:
        catalog, split = self._prepared.store.catalog, self._prepared.split
        spent = time.monotonic() - self._began
        return Checkpoint(
            position=replace(
                done,
                phase=learning.number,
                first=learning.first,
                step=self._step,
                waited=self._patience.waited,
                spent=spent,
            ),
            network=self._network.state_dict(),
            learning=learning.state(),
            sums=(whole.state(), recent.state()),
            rng=random_states(),
            best=self._best,
            classes=catalog.classes,
            train=paths_of(catalog, split.train),
            val=paths_of(catalog, split.val),
        )

    def _emit(self, event: Event) -> None:
        if not isinstance(event, FeatureMaps):
            self.folder.record(event)
        self._sink(event)


def _divide(indices: Tensor, size: int) -> list[Tensor]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _rank(validated: Averages) -> tuple[float, float]:
    return validated.accuracy, -validated.loss
