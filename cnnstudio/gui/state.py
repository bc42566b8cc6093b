"""What the window shows, as frozen values; `Session` replaces them, pages observe them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cnnstudio.core.changes import EPOCHS, config_after, merged
from cnnstudio.core.config import Config
from cnnstudio.core.control import Watch
from cnnstudio.core.events import Changed, EpochEnded, Event, Phase, Pulse, RunEnded, RunStarted, StepEnded, Warned
from cnnstudio.core.findings import Finding
from cnnstudio.core.pictures import Picture
from cnnstudio.data.survey import Survey
from cnnstudio.gui.history_view import AskedEpoch, HistoryView
from cnnstudio.gui.weights_view import WeightsView
from cnnstudio.runtime.runs import PastRun

if TYPE_CHECKING:  # the summary's module imports torch, which the window does without until it has painted
    from cnnstudio.models.summary import Summary

RunStatus = Literal["none", "running", "pausing", "paused", "stopping", "following", "ended"]
NoticeLevel = Literal["info", "warn", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence for the user.

    Attributes:
        level: How bad it is.
        text: The sentence.
        resume: A run that it offers to let go on.
    """

    level: NoticeLevel
    text: str
    resume: PastRun | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Something that takes a while.

    Attributes:
        text: What, in words.
        done: From 0 to 1; None where that is not known.
    """

    text: str
    done: float | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as its events tell it.

    Attributes:
        status: Whether it runs; `pausing` and `stopping` last until the present batch is done. What is `following`
            runs in another process.
        work: What it does now.
        started: Its opening event, once the data is read.
        step: The latest step that was reported.
        pulse: How the layers learnt when that was last measured.
        epochs: The epochs done.
        ended: Its closing event.
        notes: Warnings, in order.
        changes: What it has taken while it went on, and its pauses.
    """

    status: RunStatus = "none"
    work: Work | None = None
    started: RunStarted | None = None
    step: StepEnded | None = None
    pulse: Pulse | None = None
    epochs: tuple[EpochEnded, ...] = ()
    ended: RunEnded | None = None
    notes: tuple[Warned, ...] = ()
    changes: tuple[Changed, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the run goes on, here or in another process."""
        return self.status not in {"none", "ended"}

    @property
    def ours(self) -> bool:
        """Whether the run goes on here, and ends with this window."""
        return self.active and self.status != "following"

    @property
    def config(self) -> Config | None:
        """How it goes on now; None before its data is read."""
        return config_after(self.started.config, self.changes) if self.started else None

    @property
    def learning(self) -> int | None:
        """How many stages learn, counted from the head, those that do from the next epoch on included; None for all."""
        config = self.config
        if config is None or not config.transfer.freezes or (self.step and self.step.phase == "all layers"):
            return None
        return config.transfer.train_last

    @property
    def planned(self) -> int:
        """How many epochs it is to have, from its start; 0 before its data is read."""
        told = [each.new for each in self.changes if each.key == EPOCHS]
        return int(told[-1]) if told else self.started.config.train.epochs if self.started else 0

    @property
    def best(self) -> EpochEnded | None:
        """The epoch whose weights are kept."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)

    @property
    def has_model(self) -> bool:
        """Whether there are weights to ask."""
        return self.best is not None or (
            self.ended is not None and self.ended.reason == "stopped" and bool(self.ended.run)
        )

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time that remains; None before there is anything to go by."""
        if not self.active or self.step is None or self.started is None:
            return None
        if self.epochs:
            an_epoch = sum(epoch.seconds for epoch in self.epochs) / len(self.epochs)
        else:
            an_epoch = self.started.train_images / max(self.step.images_per_second, 1e-9)
        return max(0.0, self.planned - self.step.epoch) * an_epoch

    def after(self, events: Iterable[Event]) -> "RunView":
        """Return the view after some more events."""
        view = self
        for event in events:
            match event:
                case RunStarted():
                    if not event.resumed_step:  # it may have begun before, with images that cannot be read
                        view = replace(view, step=None, pulse=None, epochs=(), changes=())
                    view = replace(view, started=event)
                case Phase():
                    view = replace(view, work=Work(event.text, event.done))
                case StepEnded():
                    view = replace(view, step=event)
                case Pulse():
                    view = replace(view, pulse=event)
                case EpochEnded():
                    view = replace(view, epochs=(*view.epochs, event))
                case Changed():
                    view = replace(view, changes=merged(view.changes, event))
                case Warned():
                    view = replace(view, notes=(*view.notes, event))
                case RunEnded():
                    view = replace(view, ended=event, work=None)
                case Picture():
                    pass
        return view


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything the window shows, but for curves and pictures, which stream.

    Attributes:
        config: What the next run will do.
        survey: The open folder, once every image has been looked at.
        surveying: How far the look at a folder is; None while none is under way.
        torch_ready: Whether torch is loaded.
        device: What will compute, as the device chip shows it.
        device_reason: Why that and nothing else.
        arithmetic: How its arithmetic was chosen, in lines; empty if simply by rule.
        summary: The layers of the network as the switches stand.
        summary_before: The same before the latest change; None before anything has changed.
        model_problem: Why a run with these switches cannot start.
        findings: What is wrong, risky or worth knowing about such a run, the worst first.
        weights: The pretrained weights that a run with these switches would start from.
        run: The run that is under way, or the last one.
        run_summary: The layers of its network, as it learns now; None before they are known.
        history: Which epochs of that run are kept, and which one is shown.
        watch: Which layer and image are watched.
        recent: Earlier runs, the newest first.
        model_folder: The run whose model the Test page asks.
        model_epoch: Its epoch whose weights are asked; None for the best ones.
        notice: The latest message.
    """

    config: Config = field(default_factory=Config)
    survey: Survey | None = None
    surveying: Work | None = None
    torch_ready: bool = False
    device: str = ""
    device_reason: str = ""
    arithmetic: str = ""
    summary: "Summary | None" = None
    summary_before: "Summary | None" = None
    model_problem: str = ""
    findings: tuple[Finding, ...] = ()
    weights: WeightsView = field(default_factory=lambda: WeightsView("none"))  # as for a fresh configuration
    run: RunView = field(default_factory=RunView)
    run_summary: "Summary | None" = None
    history: HistoryView = field(default_factory=HistoryView)
    watch: Watch = field(default_factory=Watch)
    recent: tuple[PastRun, ...] = ()
    model_folder: Path | None = None
    model_epoch: AskedEpoch | None = None
    notice: Notice | None = None

    @property
    def seen_summary(self) -> "Summary | None":
        """The layers of the network that the run has; until they are known, those as the switches stand."""
        return self.run_summary or self.summary

    @property
    def can_look(self) -> bool:
        """Whether pictures of the run can be computed: it goes on here, or its epochs are kept."""
        return self.run.ours or bool(self.history.epochs)

    @property
    def start_refusal(self) -> str:
        """Why a run cannot start now, in one sentence; empty if it can."""
        if self.run.status == "following":
            return "Another process trains this run: pause or stop it there."
        if self.surveying is not None:
            return "The images are still being looked at."
        if self.survey is None:
            return "Choose a folder of images first: drop it on the Data page."
        if self.model_problem:
            return self.model_problem
        if not self.torch_ready:
            return "PyTorch is still loading."
        return ""
