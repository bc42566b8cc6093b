"""What a run takes while it goes on: another learning rate, dropout or number of epochs, and one more stage."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cnnstudio.core.changes import DROPOUT, EPOCHS, LR, PAUSED, STAGES, check_change, config_after, merged, same_place
from cnnstudio.core.config import Config
from cnnstudio.core.control import Change, Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Changed, Warned
from cnnstudio.engine.dist import World
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.progressive import growing
from cnnstudio.engine.resume import random_numbers_kept
from cnnstudio.engine.schedule import TrainingPhase, make_optimizer, make_schedule, phases_after, training_phases
from cnnstudio.models.dropping import drops, set_dropout2d
from cnnstudio.models.network import Network


class LiveChanges:
    """Takes changes at step boundaries, and those that an earlier process took after its checkpoint at the same steps.

    The configuration of the run stays as it was started. What the run has taken lies in its checkpoint and in its log.
    Where a setting is changed again at the same step, as during a pause, its last value alone decides.

    - `train.lr`: The schedule keeps its shape, and stages keep their multipliers: all rates change in proportion.
    - `model.dropout2d`: Every Dropout2d drops with another probability; a network without any gets them.
    - `train.epochs`: The last phase becomes longer or shorter. While it is under way, the rest of its schedule is
      stretched or squeezed over the steps that remain; before that, its schedule is made for its new length.
    - `transfer.train_last`: One stage more, or some, learn from the next epoch on, as the frozen part, whose features
      are computed once, ends elsewhere then. The optimizer keeps what it knows of the others.

    Attributes:
        taken: What the run has taken, in order.
        epoch: The present epoch, counted from 1.
    """

    def __init__(
        self,
        prepared: Prepared,
        control: Control,
        world: World,
        emit: Callable[[Changed | Warned], None],
        *,
        steps: int,
        taken: Sequence[Changed] = (),
        coming: Sequence[Changed] = (),
    ) -> None:
        """Begin, and let the network be as it is after the changes taken.

        Args:
            prepared: The run as it was started.
            control: Is asked for changes.
            world: All processes of the run: where there are many, they take no new changes.
            emit: Hears what is taken, and what cannot be.
            steps: Optimizer steps in an epoch.
            taken: What an earlier process had taken before its checkpoint.
            coming: What it took later.
        """
        self.taken = tuple(taken)
        self.epoch = 1
        self._config, self._network = prepared.config, prepared.network
        self._control, self._world, self._emit = control, world, emit
        self._steps = steps
        self._coming = list(coming)
        self._phase, self._first = 0, 1
        self._learning: Learning | None = None
        self._module = self._network
        self._paused = False
        if any(each.key == DROPOUT for each in taken):
            set_dropout2d(self._network, self.config.model.dropout2d)

    @property
    def config(self) -> Config:
        """How the run goes on now."""
        return config_after(self._config, self.taken)

    @property
    def phases(self) -> tuple[TrainingPhase, ...]:
        """The phases of the run, as they are in the present epoch."""
        return phases_after(self._config, self.taken, epoch=self.epoch)

    @property
    def end(self) -> int:
        """The first epoch that is not of the present phase any more."""
        return self._first + self.phases[self._phase].epochs

    @property
    def epochs(self) -> int:
        """How many epochs the run is to have; fewer than planned once a phase has ended early."""
        return self._first - 1 + sum(phase.epochs for phase in self.phases[self._phase :])

    def planned(self, phase: int) -> int:
        """Return how many epochs a phase was to have as the run was started."""
        return training_phases(self._config)[phase].epochs

    def enter(self, phase: int, first: int, epoch: int) -> None:
        """Be in a phase, which began with the epoch `first`."""
        self._phase, self._first, self.epoch = phase, first, epoch
        self._learning = None

    def follow(self, learning: Learning, module: object) -> None:
        """Change from now on what this learns with.

        Args:
            learning: Of the present phase.
            module: What learns: the whole network, or its upper part.
        """
        self._learning = learning
        self._module = module if isinstance(module, Network) else self._network

    def widens(self, learning: Learning) -> bool:
        """Whether more stages are to learn in the present epoch than this has."""
        return self.phases[self._phase].train_last != learning.phase.train_last

    def take(self, step: int) -> None:
        """Take what is asked for, and what an earlier process took by now.

        Args:
            step: Optimizer steps done.
        """
        while self._coming and self._coming[0].step <= step:
            before = self._coming.pop(0)
            self._take(Change(before.key, before.new), before.step, before.epoch)
        for change in self._control.take_changes():
            self._take(change, step, None)

    def rest(self, step: int, *, paused: bool) -> None:
        """Note that the run is paused, or goes on, if that is news."""
        if paused != self._paused:
            self._paused = paused
            label, text = ("paused", "the run is paused") if paused else ("goes on", "the run goes on")
            self._emit(
                Changed(
                    step=step,
                    epoch=step / self._steps,
                    key=PAUSED,
                    old=not paused,
                    new=paused,
                    label=label,
                    text=text,
                )
            )

    def _take(self, change: Change, step: int, epoch: float | None) -> None:
        """Take a change, or say why not; `epoch` is from where on an earlier process had it."""
        try:
            self._check(change.key, change.value, again=epoch is not None)
            event = self._event(change, step, epoch)
        except InputError as error:
            self._emit(Warned(text=f"not changed: {error.one_line()}"))
            return
        if event.new != self._present(change.key):
            self.taken = merged(self.taken, event)
            with random_numbers_kept():
                self._apply(change.key)
            self._emit(event)

    def _present(self, key: str) -> float:
        if key == EPOCHS:
            return self.epochs
        section, name = key.split(".")
        value: float = getattr(getattr(self.config, section), name)
        return value

    def _event(self, change: Change, step: int, epoch: float | None) -> Changed:
        key = change.key
        new = float(change.value) if key in {LR, DROPOUT} else int(change.value)
        before = same_place(self.taken, step, key, new)
        old = self._present(key) if before is None else before.old
        where = step / self._steps
        if key == STAGES:
            where = float(self.epoch) if epoch is None else epoch
        label, text = self._words(key, old, new, int(where) + 1)
        return Changed(step=step, epoch=where, key=key, old=old, new=new, label=label, text=text)

    def _words(self, key: str, old: float, new: float, epoch: int) -> tuple[str, str]:
        """Return label and text of a change; `epoch` is the first in which another stage learns."""
        match key:
            case "train.lr":
                return f"lr × {new / old:.2g}", f"the peak learning rate goes from {old:.3g} to {new:.3g}"
            case "model.dropout2d":
                return f"p {new:g}", f"Dropout2d drops a map with a probability of {new:g} instead of {old:g}"
            case "train.epochs":
                return f"{new:,} epochs", f"the run is to have {new:,} epochs instead of {old:,}"
        names = [stage.name for stage in self._network.stages][-int(new) : -int(old)]
        learn = f"{', '.join(names)} {'learns' if len(names) == 1 else 'learn'}"
        return learn, f"{learn} from epoch {epoch:,} on: what is frozen is computed between two epochs"

    def _check(self, key: str, value: float, *, again: bool) -> None:
        """Refuse what no run can take, and what this one cannot take any more; `again` if an earlier process did."""
        check_change(self.config, key, value)
        if self._world.many and not again:
            raise InputError("a run of several processes takes none", remedy="stop it and train anew")
        match key:
            case "model.dropout2d" if not drops(self._network):
                raise InputError(
                    "no stage that learns has a Dropout2d", where=key, remedy="let one more stage learn first"
                )
            case "train.epochs":
                self._check_epochs(int(value))
            case "transfer.train_last" if value != self.config.transfer.train_last:
                self._check_stages(int(value))

    def _check_epochs(self, value: int) -> None:
        least = self.epoch if self._is_last else self.end
        if value < least:
            why = f"epoch {self.epoch:,} is under way" if self._is_last else "another phase is to come"
            raise InputError(f"{value:,} epochs are too few: {why}", where=EPOCHS, remedy=f"set {least:,} or more")
        small = growing(self._config.train.epochs) if self._config.train.progressive else 0
        if value <= small:
            raise InputError(
                f"the images are small until epoch {small:,}", where=EPOCHS, remedy=f"set {small + 1:,} or more"
            )

    def _check_stages(self, value: int) -> None:
        count, learning = len(self._network.stages), self.config.transfer.train_last
        if self.phases[self._phase].train_last is None:
            raise InputError("all stages learn already", where=STAGES, remedy="there is nothing to unfreeze")
        if value < learning:
            raise InputError(
                "a stage that learns cannot be frozen again", where=STAGES, remedy=f"set more than {learning}"
            )
        if value > count:
            raise InputError(f"the network has {count} stages", where=STAGES, remedy=f"set {count} at most")
        if self.epoch + 1 >= self.end:
            raise InputError(
                "no epoch is left in which another stage could learn", where=STAGES, remedy="add epochs first"
            )

    def _apply(self, key: str) -> None:
        """Let a change that has been taken have its effect; more stages come with the next epoch."""
        learning, phase = self._learning, self.phases[self._phase]
        if key == DROPOUT:
            for network in dict.fromkeys((self._network, self._module)):
                set_dropout2d(network, self.config.model.dropout2d)
        elif key == LR and learning is not None:
            now = replace(phase, train_last=learning.phase.train_last)
            fresh = make_optimizer(self._network, self._config, now)
            make_schedule(fresh, self._config, steps=learning.course.planned)
            learning.course.take_rates(fresh)
        elif key == EPOCHS and learning is not None and self._is_last:
            learning.course.lay(phase.epochs * self._steps)

    @property
    def _is_last(self) -> bool:
        return self._phase == len(self.phases) - 1
