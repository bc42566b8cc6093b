"""What the window knows of the weights that a run would start from, as frozen values, and the words for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cnnstudio.models.weight_sources import WeightSource

if TYPE_CHECKING:  # its module imports torch
    from cnnstudio.models.weights import LoadReport

WeightsPlace = Literal["unused", "none", "absent", "here", "file"]


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """What pretrained weights do in a network.

    Attributes:
        load: Which tensors load, and which do not.
        new_layers: Paths of the last layers, which are new, the head's first.
        outputs: What is new about them: `1000 → 6 classes`.
        folded: Whether the statistics of BatchNorm are folded into the convolutions.
    """

    load: "LoadReport"
    new_layers: tuple[str, ...]
    outputs: str
    folded: bool

    def figures(self) -> str:
        """Return the report in a few words: `294 of 296 tensors load`."""
        total = len(self.load.loaded) + len(self.load.skipped)
        return f"{len(self.load.loaded):,} of {total:,} tensors load"

    def sentences(self) -> str:
        """Return what became of the last layers and of BatchNorm."""
        layers = " and ".join(self.new_layers)
        one = len(self.new_layers) == 1
        new = f"The last layer, {layers}, is new" if one else f"The last layers, {layers}, are new"
        told = f"{new} and start{'s' if one else ''} at random: {self.outputs}."
        if self.folded:
            told += " BatchNorm is folded into the convolutions; the answers stay the same."
        return told


@dataclass(frozen=True, slots=True)
class Download:
    """Weights on their way to this computer.

    Attributes:
        source: Which.
        done: Bytes that are here.
        total: Bytes in all.
        stopping: Whether the user has given it up, and it is about to end.
    """

    source: WeightSource
    done: int
    total: int
    stopping: bool = False

    def figures(self) -> str:
        """Return how far it is: `31.2 of 46.8 MB`."""
        return figures(self.done, self.total)


@dataclass(frozen=True, slots=True)
class WeightsView:
    """The weights of the configuration as it stands.

    Attributes:
        place: Where they are: `unused` if a run starts at random, `none` if the architecture has none, `absent` until
            they are downloaded, `here` on this computer, or in a `file` of the user's.
        source: What can be downloaded; None for weights that come with the program, and for files.
        name: The weights in words, or the name of the file.
        begun: Bytes of an incomplete download.
        by_run: Whether a run downloads them at present.
        download: What the window downloads at present, for whichever architecture.
        reading: Name of a file that was chosen and is looked at; empty for none.
        problem: Why they cannot be had or read, in sentences; empty if nothing is known against them.
        report: What they do in the network, once that is known.
    """

    place: WeightsPlace = "unused"
    source: WeightSource | None = None
    name: str = ""
    begun: int = 0
    by_run: bool = False
    download: Download | None = None
    reading: str = ""
    problem: str = ""
    report: WeightsReport | None = None

    @property
    def coming(self) -> Download | None:
        """The download of these very weights, by the window or by a run; None while there is none."""
        if self.place != "absent" or self.source is None:
            return None
        if self.download is not None and self.download.source == self.source:
            return self.download
        return Download(self.source, self.begun, self.source.size) if self.by_run else None

    def told(self) -> str:
        """Return how things stand, in a few words."""
        if self.reading:
            return f"Reading {self.reading} …"
        if self.coming is not None:
            return _on_its_way(self.coming, by_run=self.coming is not self.download)
        if self.place == "absent" and self.source is not None:
            return _missing(self.source, self.begun)
        if self.place in {"here", "file"}:
            return self.report.figures() if self.report else "" if self.problem else "On this computer"
        return "No pretrained weights" if self.place == "none" else ""


def figures(done: int, total: int) -> str:
    """Return two numbers of bytes: `31.2 of 46.8 MB`."""
    return f"{_megabytes(done, like=total)} of {_megabytes(total)} MB"


def _megabytes(count: int, *, like: int = 0) -> str:
    """Return bytes as megabytes, with a decimal unless they, or what they are compared with, are many."""
    return f"{count / 1e6:,.1f}" if max(count, like) < 1e8 else f"{count / 1e6:,.0f}"


def _on_its_way(coming: Download, *, by_run: bool) -> str:
    return "Stopping …" if coming.stopping else coming.figures() + ", by the run" * by_run


def _missing(source: WeightSource, begun: int) -> str:
    return f"{figures(begun, source.size)} are here" if begun else f"{_megabytes(source.size)} MB to download"
