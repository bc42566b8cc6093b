"""The training of a network, top to bottom: `train` is the only way in, whoever hosts the run."""

import contextlib
import math
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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
)
from cnnstudio.data.augment import Augmentation
from cnnstudio.engine.allocator import kept_memory
from cnnstudio.engine.checkpoint import RunFolder, check_free
from cnnstudio.engine.device import arithmetic
from cnnstudio.engine.losses import losses
from cnnstudio.engine.metrics import Averages, Running
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.schedule import TrainingPhase, make_optimizer, make_schedule, training_phases
from cnnstudio.models.summary import watchable

Sink = Callable[[Event], None]

_REPORTS_AN_EPOCH: Final = 25  # at most; each one waits for the device once


class DivergedError(ArithmeticError):
    """The loss is no longer a number."""


def train(config: Config, sink: Sink, control: Control, *, out: Path) -> RunEnded:
    """Train a network as configured and keep the best weights in a run folder.

    Args:
        config: What to train, on which images, how.
        sink: Receives every event, on the calling thread.
        control: Pauses, resumes and stops the run within one batch, and says what is being looked at.
        out: The run folder; must not exist or be empty.

    Returns:
        How the run ended, which is also the last event.

    Raises:
        InputError: Something in the configuration or the folder cannot be used; nothing has been trained.
    """
    began = time.monotonic()
    check_free(out)
    with kept_memory(), arithmetic(deterministic=config.compute.deterministic):
        try:
            prepared = prepare(config, sink, control)
        except InputError:
            raise
        except StopRun:
            return _never_began(sink, began, "stopped", "")
        except Exception as error:  # noqa: BLE001 - such as too little memory on the device
            return _never_began(sink, began, "failed", _reason(error))
        run = _Run(prepared, sink, control, RunFolder(out, prepared.config, prepared.store.catalog.classes))
        try:
            return run.carry_out(began)
        finally:
            run.folder.close()


class _Run:
    """One run from its first step to its last."""

    def __init__(self, prepared: Prepared, sink: Sink, control: Control, folder: RunFolder) -> None:
        self.folder = folder
        self._sink = sink
        self._control = control
        self._prepared = prepared
        self._config = prepared.config
        self._network = prepared.network
        self._compute = prepared.compute
        self._pixels = torch.from_numpy(prepared.store.pixels)
        self._labels = torch.from_numpy(prepared.store.labels)
        self._train = torch.tensor(prepared.split.train)
        self._val = torch.tensor(prepared.split.val)
        self._preview = Preview(prepared)
        # fp16 gradients underflow without scaling; the scaler does nothing otherwise.
        self._scaler = torch.amp.GradScaler(self._compute.device.type, enabled=self._compute.precision == "float16")
        self._step = 0
        self._best: EpochEnded | None = None
        self._held = 0.0  # seconds spent paused

    def carry_out(self, began: float) -> RunEnded:
        """Train, and turn whatever ends the run into one closing event."""
        reason: EndReason = "finished"
        message = ""
        try:
            self._emit(self._opening())
            try:
                self._all_epochs()
            except StopRun:
                reason = "stopped"
                if not self.folder.has_best:
                    self.folder.save_best(self._network)  # within the first epoch: what there is, is kept
        except Exception as error:  # noqa: BLE001 - whatever ends a run is told in its closing event
            reason, message = "failed", f"{_reason(error)} (details in error.txt of the run folder)"
            self._keep_traceback()
        ended = RunEnded(
            reason=reason,
            best_val_accuracy=self._best.val_accuracy if self._best else None,
            best_epoch=self._best.epoch if self._best else None,
            seconds=time.monotonic() - began,
            run=str(self.folder.path),
            message=message,
        )
        with contextlib.suppress(OSError):  # on a full disk the listener still hears how it ended
            self.folder.record(ended)
        self._sink(ended)
        return ended

    def _keep_traceback(self) -> None:
        with contextlib.suppress(OSError):
            (self.folder.path / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")

    def _all_epochs(self) -> None:
        first = 1
        for phase in training_phases(self._config):
            self._network.freeze(phase.train_last)
            steps = len(self._batches(self._train))
            optimizer = make_optimizer(self._network, self._config, phase)
            schedule = make_schedule(optimizer, self._config, steps=steps * phase.epochs)
            for epoch in range(first, first + phase.epochs):
                self._one_epoch(epoch, phase, optimizer, schedule)
            first += phase.epochs

    def _one_epoch(
        self,
        epoch: int,
        phase: TrainingPhase,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        began, held = time.monotonic(), self._held
        text = f"Training {phase.title}, epoch {epoch} of {self._config.train.epochs}"
        self._emit(Phase(text=text, done=(epoch - 1) / self._config.train.epochs))
        self._network.train()
        trained, training_seconds = self._learn(epoch, optimizer, schedule)
        self._emit(Phase(text=f"Validating epoch {epoch}", done=(epoch - 0.05) / self._config.train.epochs))
        validated = self._validate()
        ended = EpochEnded(
            epoch=epoch,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            val_loss=validated.loss,
            val_accuracy=validated.accuracy,
            images_per_second=trained.images / max(training_seconds, 1e-9),
            seconds=time.monotonic() - began - (self._held - held),
            best=self._best is None or _rank(validated) > (self._best.val_accuracy, -self._best.val_loss),
        )
        if ended.best:
            self._best = ended
            self.folder.save_best(self._network)
        self.folder.save_last(self._checkpoint(epoch, optimizer, schedule))
        self._emit(ended)

    def _learn(
        self, epoch: int, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
    ) -> tuple[Averages, float]:
        """Go once through the training images; return the means and the seconds without pauses."""
        config, device = self._config, self._compute.device
        shuffle = torch.Generator().manual_seed(config.train.seed * 1_000_003 + epoch)
        batches = self._batches(self._train[torch.randperm(len(self._train), generator=shuffle)])
        augment = None
        if config.data.augment:
            side = self._pixels.shape[1]
            augment = Augmentation(len(self._pixels), side, seed=config.train.seed, epoch=epoch)
        every = max(1, math.ceil(len(batches) / _REPORTS_AN_EPOCH))
        whole, recent = (Running(device, self._network.listening) for _ in range(2))
        seconds = since = 0.0
        for number, indices in enumerate(batches, start=1):
            self._between_steps()
            began = time.monotonic()
            pixels = self._pixels[indices] if augment is None else augment(self._pixels[indices], indices)
            labels = self._labels[indices].to(device)
            images = self._compute.images(pixels, self._prepared.mean, self._prepared.std)  # (B, 3, S, S)
            with self._compute.autocast():
                found = losses(self._network(images), labels, config)  # of logits (B, classes)
            optimizer.zero_grad(set_to_none=True)
            self._scaler.scale(found.total).backward()  # type: ignore[no-untyped-call]
            self._scaler.step(optimizer)
            self._scaler.update()
            schedule.step()
            whole.add(found.main, found.logits, labels, found.aux)
            recent.add(found.main, found.logits, labels, found.aux)
            self._step += 1
            if number % every == 0 or number == len(batches):
                means = _finite(recent.take(), self._step)  # the only wait for the device
            since += time.monotonic() - began
            seconds += time.monotonic() - began
            if number % every == 0 or number == len(batches):
                self._emit(
                    StepEnded(
                        step=self._step,
                        epoch=epoch - 1 + number / len(batches),
                        loss=means.loss,
                        accuracy=means.accuracy,
                        lr=float(schedule.get_last_lr()[0]),
                        images_per_second=means.images / max(since, 1e-9),
                        aux_losses=dict(means.aux),
                    )
                )
                since = 0.0
        return whole.read(), seconds

    @torch.no_grad()
    def _validate(self) -> Averages:
        self._network.eval()
        sums = Running(self._compute.device)
        for indices in _divide(self._val, self._config.data.batch_size):
            self._between_steps()
            labels = self._labels[indices].to(self._compute.device)
            images = self._compute.images(self._pixels[indices], self._prepared.mean, self._prepared.std)
            with self._compute.autocast():
                logits = self._network(images)
                loss = functional.cross_entropy(logits, labels)
            sums.add(loss, logits, labels)
        return _finite(sums.read(), self._step)

    def _between_steps(self) -> None:
        """Honour requests, and look at the feature maps if somebody watches."""
        began = time.monotonic()
        try:
            self._control.check(while_paused=self._look)
        finally:
            self._held += time.monotonic() - began
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

    def _checkpoint(
        self, epoch: int, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
    ) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "step": self._step,
            "network": self._network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
            "rng": torch.get_rng_state(),
            "best": self._best.model_dump() if self._best else None,
        }

    def _emit(self, event: Event) -> None:
        if not isinstance(event, FeatureMaps):
            self.folder.record(event)
        self._sink(event)


def _divide(indices: Tensor, size: int) -> list[Tensor]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _rank(validated: Averages) -> tuple[float, float]:
    return validated.accuracy, -validated.loss


def _finite(averages: Averages, step: int) -> Averages:
    if not math.isfinite(averages.loss):
        raise DivergedError(f"the loss is no longer a number after step {step}; lower train.lr and start again")
    return averages


def _never_began(sink: Sink, began: float, reason: EndReason, message: str) -> RunEnded:
    ended = RunEnded(reason=reason, best_val_accuracy=None, seconds=time.monotonic() - began, run="", message=message)
    sink(ended)
    return ended


def _reason(error: Exception) -> str:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "out of memory; lower data.batch_size or data.image_size"
    return next(iter(str(error).splitlines()), "") or type(error).__name__
