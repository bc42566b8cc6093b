"""What the tests of downloads share: a file, and somebody who watches it come."""

import hashlib
import io
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnnstudio.models import weight_sources
from cnnstudio.models.download import Patience, fetch
from cnnstudio.models.weight_sources import WeightSource
from tests.models.loopback import Answer, Loopback, loopback

FILE = random.Random(3).randbytes(300_000)
SHA256 = hashlib.sha256(FILE).hexdigest()
HURRY = Patience(silence=0.4, tries=3, pause=0.01)
QUICKLY = 4.0  # seconds: far less than `Patience().silence`, for busy machines more than what it takes


class Watcher:
    """Notes what is reported, and cancels when told to."""

    def __init__(self, cancel_at: int | None = None, *, after: float | None = None) -> None:
        self.reports: list[tuple[int, int | None]] = []
        self.times: list[float] = []
        self._cancel_at = cancel_at
        self._cancel_after = None if after is None else time.monotonic() + after

    def report(self, done: int, total: int | None) -> None:
        self.reports.append((done, total))
        self.times.append(time.monotonic())

    def cancelled(self) -> bool:
        if self._cancel_after is not None:
            return time.monotonic() > self._cancel_after
        return self._cancel_at is not None and bool(self.reports) and self.reports[-1][0] >= self._cancel_at


def get(
    url: str,
    target: Path,
    watcher: Watcher | None = None,
    *,
    sha256_prefix: str = SHA256[:8],
    size: int | None = None,
    within: int = 0,
    patience: Patience = HURRY,
) -> Path:
    watcher = watcher or Watcher()
    return fetch(
        url,
        target,
        sha256_prefix=sha256_prefix,
        report=watcher.report,
        cancelled=watcher.cancelled,
        size=size,
        within=within,
        patience=patience,
    )


def part(target: Path, content: bytes | None = None) -> Path:
    """Return the path of the incomplete file, with this content if given."""
    path = target.with_name(target.name + ".part")
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def left(target: Path) -> list[str]:
    """Return what lies in the folder."""
    return sorted(path.name for path in target.parent.iterdir())


@contextmanager
def offered(model: str, file: bytes, *answers: Answer) -> Iterator[tuple[WeightSource, Loopback]]:
    """Offer a file as torchvision's weights of a network, by a server on this computer instead of the real one.

    Args:
        model: torchvision's name of the network, such as `resnet18`.
        file: What the server sends.
        answers: How it answers.

    Yields:
        The weights as they can be had now, and the server.
    """
    name = f"{model}-{hashlib.sha256(file).hexdigest()[:8]}.pth"
    source = WeightSource(model, "Some network", "V1", name, round(len(file) / 2**20, 3))
    with loopback(file, *answers) as server, pytest.MonkeyPatch.context() as patch:
        patch.delenv("TORCH_HOME", raising=False)
        patch.setattr(weight_sources, "_SERVER", server.url.rpartition("/")[0] + "/")
        patch.setattr(weight_sources, "_BY_MODEL", {model: source})
        yield source, server


def saved(state: Mapping[str, Tensor]) -> bytes:
    """Return the file that torch.save makes of tensors."""
    stream = io.BytesIO()
    torch.save(dict(state), stream)
    return stream.getvalue()
