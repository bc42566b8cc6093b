"""The phases, epochs and steps of a run, top to bottom."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Final

import torch
from torch.nn import functional

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Changed, EpochEnded, Event, Phase, StepEnded, Warned
from cnnstudio.data.twins import twins
from cnnstudio.engine.arrival import Arrival
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.batches import batches_of_epoch, divided, to_learn_from
from cnnstudio.engine.between_steps import BetweenSteps
from cnnstudio.engine.changes import LiveChanges
from cnnstudio.engine.checkpoint import RunFolder
from cnnstudio.engine.device import compute_threads
from cnnstudio.engine.dist import World
from cnnstudio.engine.dropout_masks import DropoutGauge
from cnnstudio.engine.endings import finite
from cnnstudio.engine.feed import Feed, PixelFeed
from cnnstudio.engine.frozen import make_feed
from cnnstudio.engine.keeping import Keeping
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.metrics import Averages, Running
from cnnstudio.engine.mixing import draw_mixture
from cnnstudio.engine.passes import Passes
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.preview import Preview
from cnnstudio.engine.pulse import Gauge
from cnnstudio.engine.resume import Checkpoint, Position, random_numbers_kept
from cnnstudio.engine.schedule import make_optimizer, make_schedule
from cnnstudio.engine.stopping import Patience
from cnnstudio.engine.telling import Telling

_REPORTS_AN_EPOCH: Final = 25  # at most; each one waits for the device once


class Loop:
    """Trains a prepared network, from where its checkpoint stands to its last epoch.

    Attributes:
        steps: Optimizer steps in an epoch.
        keeping: What is kept of the run on the disk.
    """

    def __init__(
        self,
        prepared: Prepared,
        control: Control,
        folder: RunFolder,
        emit: Callable[[Event], None],
        *,
        checkpoint: Checkpoint | None,
        world: World,
        coming: Sequence[Changed],
        began: float,
    ) -> None:
        """Stand where the checkpoint stands, or at the start.

        Args:
            prepared: Network, images and device.
            control: Steers the run.
            folder: Takes weights and checkpoints.
            emit: Hears every event.
            checkpoint: Where an earlier process has come to.
            world: The processes that train together.
            coming: Changes that an earlier process has taken behind that checkpoint; they are taken again.
            began: When this process began.
        """
        self._world = world
        self._emit = emit
        self._prepared = prepared
        self._config = prepared.config
        self._network = prepared.network
        self._compute = prepared.compute
        self._feed: Feed = PixelFeed(prepared)
        self._module = self._feed.module  # what learns, in step with the other processes of the run
        split = prepared.split
        self._labels = torch.from_numpy(prepared.store.labels).to(self._compute.device)
        self._train, self._val = torch.tensor(split.train), torch.tensor(split.val)
        # fp16 gradients underflow without scaling; the scaler does nothing otherwise.
        self._scaler = torch.amp.GradScaler(self._compute.device.type, enabled=self._compute.precision == "float16")
        self._start = checkpoint.position if checkpoint else Position()
        best, since = checkpoint.best if checkpoint else None, began - self._start.spent
        self.keeping = Keeping(prepared, folder, world, emit, best=best, began=since)
        self.steps = len(to_learn_from(self._train, self._config.data.batch_size))  # of an epoch
        taken = checkpoint.changes if checkpoint else ()
        self._live = LiveChanges(prepared, control, world, self._emit, steps=self.steps, taken=taken, coming=coming)
        preview = Preview.of(prepared, folder.path)
        self._between_steps = BetweenSteps(control, self.keeping.saver, preview, self._emit, world, self._live)
        self._resumed = checkpoint  # let go as soon as it has been taken over
        self._step = self._start.step
        portion = 0 if world.many else self._start.portion
        self._passes = Passes(self._config, self._emit, portion)
        self._gauge, self._dropout = Gauge(), DropoutGauge(prepared, control)
        self._arrival = Arrival(prepared.store, emit)
        self._patience = Patience(self._config.train.patience, self._start.waited)

    @property
    def config(self) -> Config:
        """The configuration with the changes that were taken until now."""
        return self._live.config

    def run(self) -> None:
        """Train.

        Raises:
            StopRun: Somebody asked the run to stop; its state is being saved.
        """
        live, patience = self._live, self._patience
        epoch, first = self._start.epoch, self._start.first
        for number in range(self._start.phase, len(live.phases)):
            live.enter(number, first, self._start.chosen if number == self._start.phase else epoch)
            if epoch < live.end and not patience.over:  # else done by an earlier process
                learning = self._begin(number, first)
                if epoch == self._start.epoch and not self._start.batch:
                    self.keeping.saver.begin(self._checkpoint(learning, self._start))
                while epoch < live.end and not patience.over:
                    learning = self._one_epoch(epoch, learning)
                    epoch += 1
            if epoch < live.end:
                last, planned = number == len(live.phases) - 1, live.end - 1
                title = live.phases[number].title
                why = patience.sentence(title, self.keeping.best, done=epoch - 1, planned=planned, last=last)
                self._emit(Warned(text=why))
            patience.renew()
            first = epoch
        self.keeping.finish()

    @property
    def changes(self) -> tuple[Changed, ...]:
        """What the run has taken while it went on."""
        return self._live.taken

    def _begin(self, number: int, first: int, before: Learning | None = None) -> Learning:
        """Freeze what does not learn in a phase, and make or take over what it learns with.

        Args:
            number: Of the phase, from 0.
            first: Its first epoch.
            before: What it has learnt with until now, where more stages are to learn from here on.
        """
        phase, planned = self._live.phases[number], self._live.planned(number)
        still = [name for name, factor in self._config.transfer.lr_multipliers.items() if not factor]
        self._network.freeze(phase.train_last, still=still)
        telling = Telling(self._emit, lambda: self._between_steps.check(self._step))
        torch.set_num_threads(compute_threads())
        feed = self._world.together(lambda: make_feed(self._prepared, telling, epochs=planned))
        (pixels_somewhere,) = self._world.any_of(isinstance(feed, PixelFeed))
        self._feed = PixelFeed(self._prepared) if pixels_somewhere else feed
        self._module = self._world.spread(self._feed.module, self._compute)
        torch.set_num_threads(self._feed.threads)
        optimizer = make_optimizer(self._network, self._config, phase)
        epochs = planned if before or self._resumed else phase.epochs  # what it was made for, it brings along
        schedule = make_schedule(optimizer, self._config, steps=self.steps * epochs)
        average = Average(self._network, self._feed.module, self._config.train.ema)
        learning = Learning(number, phase, optimizer, schedule, self._scaler, average, first, self._live.epoch)
        if before is not None:
            learning.take_over(before)
        elif self._resumed is not None:
            learning.go_on_from(self._resumed)
        self._world.part_ways(self._config.train.seed, self._step)
        self._live.follow(learning, self._feed.module)
        return learning

    def _one_epoch(self, epoch: int, learning: Learning) -> Learning:
        """Train and validate; return what it was learnt with."""
        self._live.epoch = epoch
        if self._live.widens(learning):
            with random_numbers_kept():
                learning = self._begin(learning.number, learning.first, learning)
        began, held = time.monotonic(), self._between_steps.held
        special = self._feed.begin(epoch)
        what = ", ".join(filter(None, (f"epoch {epoch} of {self._live.epochs}", special)))
        text = f"Training {learning.phase.title}, {what}"
        self._emit(Phase(text=text, done=(epoch - 1) / self._live.epochs))
        self._feed.module.train()
        whole, recent, done = self._learn(epoch, learning, text)
        validating = Phase(text=f"Validating epoch {epoch}", done=(epoch - 0.05) / self._live.epochs)
        self._emit(validating)
        between = partial(self._between_steps, self._step, lambda: self._checkpoint(learning, done, (whole, recent)))
        self._arrival.wait(None, validating, between)
        validated = self._validate(learning, between)
        self._live.take(self._step)  # perhaps one more epoch
        trained, best = whole.read(), self.keeping.best
        ended = EpochEnded(
            epoch=epoch,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            val_loss=validated.loss,
            val_accuracy=validated.accuracy,
            images_per_second=trained.images / max(done.seconds, 1e-9),
            seconds=time.monotonic() - began - (self._between_steps.held - held),
            best=best is None or _rank(validated) > (best.val_accuracy, -best.val_loss),
            predicted=validated.predicted,
            planned=self._live.epochs,
            val_twins=self._twins,
        )
        self._patience.see(better=ended.best)
        self.keeping.end_epoch(ended, lambda: self._checkpoint(learning, Position(epoch=epoch + 1)))
        self._emit(ended)
        return learning

    def _learn(self, epoch: int, learning: Learning, text: str) -> tuple[Running, Running, Position]:
        """Go once through the training images; return the sums and how long it took, without waiting for images."""
        config = self._config
        batches = batches_of_epoch(self._train, config, epoch=epoch)
        self._passes.begin(self._module, self._feed.compute)
        every = max(1, math.ceil(len(batches) / _REPORTS_AN_EPOCH))
        whole, recent = self._sums(), self._sums()
        done = Position(epoch=epoch)
        if self._resumed is not None:
            done = self._start
            for sums, state in zip((whole, recent), self._resumed.sums, strict=True):
                if self._world.leads:  # they are those of all
                    sums.restore(state)
            self._resumed = None
        since = done.since
        for number, batch in enumerate(batches[done.batch :], start=done.batch + 1):
            standing = replace(done, since=since)
            checkpoint = partial(self._checkpoint, learning, standing, (whole, recent))
            between = partial(self._between_steps, self._step, checkpoint)
            between()
            share = self._world.share(batch)
            if self._prepared.store.reading:
                at = epoch - 1 + (number - 1) / len(batches)
                now = Phase(text=text, done=min(1.0, at / self._live.epochs))
                self._arrival.wait(share.indices.tolist(), now, between)
            began, held = time.monotonic(), self._between_steps.held
            labels = self._labels.index_select(0, self._compute.there(share.indices))
            inputs = self._feed.training(share.indices)  # images (B, 3, S, S), or features of them
            mixture = draw_mixture(config, inputs, epoch=epoch, batch=number)
            if mixture is not None:
                inputs = mixture(inputs)
            reports = number % every == 0 or number == len(batches)
            learner = self._feed.module, learning.optimizer
            with (
                self._gauge.at(*learner, batch=number, batches=len(batches), every=every) as measured,
                self._dropout.at(self._feed.module, inputs) as dropped,
                self._between_steps.stepping.at(self._feed.module, learning, step=self._step + 1) as stages,
            ):
                found = self._passes.learn(
                    learning, inputs, labels, mixture, share=share, step=self._step + 1, stages=stages
                )
                learning.advance()
                stages.update()
            right = labels if mixture is None else mixture.dominant(labels)
            whole.add(found.main, found.logits[: share.own], right[: share.own], found.aux, also=recent)
            self._step += 1
            if reports:
                means = finite(recent.take(), self._step)  # the only wait for the device
                reading = measured.read()
            took = time.monotonic() - began - (self._between_steps.held - held)
            since += took
            done = replace(done, batch=number, seconds=done.seconds + took)
            for seen in dropped.pictures(int(share.indices[0]), mixed=mixture is not None, step=self._step):
                self._emit(seen)
            if reports:
                at = epoch - 1 + number / len(batches)
                self._emit(
                    StepEnded(
                        step=self._step,
                        epoch=at,
                        loss=means.loss,
                        accuracy=means.accuracy,
                        lr=float(learning.schedule.get_last_lr()[0]),
                        images_per_second=means.images / max(since, 1e-9),
                        aux_losses=dict(means.aux),
                        gradient_norm=reading.gradient_norm,
                        phase=learning.phase.title,
                    )
                )
                for pulse in reading.pulse(step=self._step, epoch=at):
                    self._emit(pulse)
                since = 0.0
        return whole, recent, done

    @torch.no_grad()
    def _validate(self, learning: Learning, between: Callable[[], None]) -> Averages:
        module = learning.average.module.eval()
        self._world.align(*self._network.buffers())
        classes = len(self._prepared.store.catalog.classes)
        sums = Running(self._compute.device, total=self._world.total, classes=classes)
        for batch in divided(self._val, self._config.data.batch_size):
            between()
            indices = self._world.own(batch)
            if not len(indices):
                continue
            labels = self._labels.index_select(0, self._compute.there(indices))
            logits = self._passes.answer(module, self._feed.validating(indices), step=self._step)
            sums.add(functional.cross_entropy(logits, labels), logits, labels)
        return finite(sums.read(), self._step)

    @cached_property
    def _twins(self) -> int:
        split = self._prepared.split
        return len(twins(self._prepared.store.digests, split.train, split.val))

    def _sums(self) -> Running:
        return Running(self._compute.device, self._network.listening, self._world.total)

    def _checkpoint(
        self, learning: Learning, done: Position, sums: tuple[Running, Running] | None = None
    ) -> Checkpoint:
        """Return where the run stands; before an epoch there are no sums."""
        here = replace(done, step=self._step, waited=self._patience.waited, portion=self._passes.portion)
        return self.keeping.checkpoint(here, learning, sums or (self._sums(), self._sums()), self._live.taken)


def _rank(validated: Averages) -> tuple[float, float]:
    return validated.accuracy, -validated.loss
