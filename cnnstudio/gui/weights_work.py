"""Pretrained weights behind the window: where they are, fetching them, and what they do in the network."""

import threading
from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.gui import background
from cnnstudio.gui.tasks import Job, Tasks
from cnnstudio.gui.weights_view import Download, WeightsReport, WeightsView
from cnnstudio.gui.words import in_words
from cnnstudio.models import registry
from cnnstudio.models.weight_sources import WeightSource, available, begun, obtain, weight_source

_KEPT: Final = 64  # reports
_DOWNLOADING: Final = "Downloading weights"  # how a run begins to say that it does


class WeightsWork(QObject):
    """Follows the configuration; one download at a time goes on whatever is chosen meanwhile.

    Signals:
        seen: What is known now (`WeightsView`).
        arrived: The weights of the present configuration have come to this computer.
        chosen: The configuration with a file of weights that fits it (`Config`).
        said: Level and text of a sentence for the user.
    """

    seen = Signal(object)
    arrived = Signal()
    chosen = Signal(object)
    said = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._config = Config()
        self._classes = 0
        self._ready = False
        self._view = WeightsView()
        self._download: Download | None = None
        self._given_up = threading.Event()
        self._failures: dict[str, str] = {}  # by the name of the file
        self._reports: dict[Hashable, WeightsReport | str] = {}
        self._asked: Hashable = None
        self._reading = ""
        self._of_run: WeightSource | None = None
        self._run_downloads = False

    def follow(self, config: Config, classes: int, *, ready: bool) -> None:
        """Look at the weights of a configuration.

        Args:
            config: What the next run will do.
            classes: Number of classes; 0 while no folder is open.
            ready: Whether torch is there to read files with.
        """
        self._config, self._classes, self._ready = config, classes, ready
        self._look()

    def download(self) -> None:
        """Fetch the weights of the present configuration, or go on; another download waits with what it has."""
        source = self._view.source
        if source is None or self._view.place != "absent" or self._view.coming is not None:
            return
        if self._download is not None:
            self.said.emit("info", f"{self._download.source.title} waits, with {self._download.figures()} here.")
        self._failures.pop(source.filename, None)
        self._download = Download(source, begun(source), source.size)
        self._given_up = given_up = threading.Event()

        def work(job: Job[Path]) -> Path:
            return obtain(
                source,
                report=lambda done, total: job.report((done, total)),
                cancelled=lambda: job.cancelled or given_up.is_set(),
            )

        self._tasks.submit("download", work, self._downloaded, partial(self._not_downloaded, source), self._downloading)
        self._look()

    def cancel(self) -> None:
        """Give up the download; what is here is kept."""
        if self._download is not None:
            self._given_up.set()
            self._download = replace(self._download, stopping=True)
            self._look()

    def use_file(self, path: Path) -> None:
        """Look whether a file of weights fits the present configuration, and choose it if it does."""
        try:
            wanted = with_file(self._config, path)
        except InputError as error:
            self.said.emit("error", in_words(error))
            return
        classes, key = self._classes, _key(wanted, path, self._classes)

        def fits(report: WeightsReport) -> None:
            self._reading = ""
            self._keep(key, report)
            self._look()
            if self._config.model.arch == wanted.model.arch:  # it was chosen for this one
                self.chosen.emit(with_file(self._config, path))

        def refused(error: Exception) -> None:
            self._reading = ""
            self._look()
            self.said.emit("error", in_words(error))

        self._reading = path.name
        self._tasks.submit("weights_file", lambda _job: background.weights_report(wanted, classes), fits, refused)
        self._look()

    def set_file_aside(self) -> None:
        """Choose the architecture's own weights again."""
        self.chosen.emit(without_file(self._config))

    def run_begins(self, config: Config) -> None:
        """Note what a run starts from: it downloads what is not here."""
        self._of_run = _source(config)

    def run_says(self, work: str) -> None:
        """Take up what a run does at present, in its words; empty once it has ended."""
        downloaded_before, self._run_downloads = self._run_downloads, work.startswith(_DOWNLOADING)
        if downloaded_before or self._run_downloads:
            self._look()

    def _look(self) -> None:
        before, self._view = self._view, self._see()
        if self._view != before:
            self.seen.emit(self._view)
        if (before.place, self._view.place) == ("absent", "here") and before.source == self._view.source:
            self.arrived.emit()

    def _see(self) -> WeightsView:
        view = replace(_places(self._config), download=self._download, reading=self._reading)
        source = view.source
        if view.place == "absent" and source is not None:
            return replace(
                view,
                begun=begun(source),
                by_run=self._run_downloads and source == self._of_run,
                problem=self._failures.get(source.filename, ""),
            )
        if view.place in {"here", "file"}:
            match self._report(available(source) if source else None):
                case WeightsReport() as report:
                    return replace(view, report=report)
                case str(problem):
                    return replace(view, problem=problem)
        return view

    def _report(self, path: Path | None) -> WeightsReport | str:
        """Return what the weights do or why they do not, if that is known, and find it out otherwise."""
        config, classes = self._config, self._classes
        key = _key(config, path, classes)
        if key not in self._reports and key != self._asked and self._ready and _stands(config):
            self._asked = key
            self._tasks.submit(
                "weights",
                lambda _job: background.weights_report(config, classes),
                partial(self._found_out, key),
                lambda error: self._found_out(key, in_words(error)),
                after="describe",  # side by side both would be late: Python does one thing at a time
            )
        return self._reports.get(key, "")

    def _found_out(self, key: Hashable, report: WeightsReport | str) -> None:
        self._asked = None
        self._keep(key, report)
        self._look()

    def _keep(self, key: Hashable, report: WeightsReport | str) -> None:
        self._reports[key] = report
        while len(self._reports) > _KEPT:
            del self._reports[next(iter(self._reports))]

    def _downloading(self, progress: tuple[int, int | None]) -> None:
        if self._download is not None:
            done, total = progress
            self._download = replace(self._download, done=done, total=total or self._download.total)
            self._look()

    def _downloaded(self, _: Path) -> None:
        self._download = None
        self._look()

    def _not_downloaded(self, source: WeightSource, error: Exception) -> None:
        self._download = None
        if not isinstance(error, StopRun):
            self._failures[source.filename] = in_words(error)
            self.said.emit("error", self._failures[source.filename])
        self._look()


def with_file(config: Config, path: Path) -> Config:
    """Return the configuration that starts from a file of weights, which learning from scratch would not.

    Raises:
        InputError: The name cannot be written down.
    """
    changed = config.replace("model.pretrained", str(path))
    return changed.replace("transfer.mode", "finetune") if config.transfer.mode == "scratch" else changed


def without_file(config: Config) -> Config:
    """Return the configuration with the architecture's own weights, from scratch where there are none."""
    changed = config.replace("model.pretrained", value=True)
    return changed if registry.card(config.model.arch).pretrained else changed.replace("transfer.mode", "scratch")


def _places(config: Config) -> WeightsView:
    """Return where the weights of a configuration are."""
    if not _known(config.model.arch):
        return WeightsView()
    card, source, scratch = registry.card(config.model.arch), _source(config), config.transfer.mode == "scratch"
    if isinstance(config.model.pretrained, str):
        return WeightsView() if scratch else WeightsView("file", name=Path(config.model.pretrained).name)
    if not card.pretrained:
        return WeightsView("none")
    if scratch or not config.model.pretrained:
        return WeightsView()
    if source is None:
        return WeightsView("here", name=f"{card.title}, ImageNet")
    return WeightsView("here" if available(source) else "absent", source, source.words)


def _source(config: Config) -> WeightSource | None:
    if isinstance(config.model.pretrained, str) or not _known(config.model.arch):
        return None
    return weight_source(config.model.arch, batchnorm=bool(registry.resolved(config.model).batchnorm))


def _known(arch: str) -> bool:
    return any(card.name == arch for card in registry.cards())


def _stands(config: Config) -> bool:
    """Whether the switches go together; what is said of them elsewhere need not be said of the weights."""
    try:
        registry.check(config)
    except InputError:
        return False
    return True


def _key(config: Config, path: Path | None, classes: int) -> Hashable:
    """Return what a report depends on: the file as it is now, the network and its classes."""
    if isinstance(config.model.pretrained, str):
        path = Path(config.model.pretrained).expanduser()
    try:
        state = path.stat() if path else None
    except OSError:
        state = None  # it is not there, which is a report, too
    return str(path), state and (state.st_mtime_ns, state.st_size), config.model, classes
