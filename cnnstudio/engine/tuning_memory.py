"""What tuning has found, kept in the user's cache for later runs; it can be measured again at any time."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from cnnstudio.core.events import Tried

_MOST: Final = 200  # findings, the oldest of which are forgotten


class Finding(BaseModel):
    """What was measured.

    Attributes:
        precision: The choice, as in `compute.precision`.
        memory_format: As in `compute.memory_format`.
        images: Of a step.
        tried: The speeds, the fastest first.
        deterministic_cost: Time of a deterministic step as a multiple of an ordinary one's.
        pace: Seconds an image of a run that could not compare anything; None where something was compared.
        too_slow: Whether its steps took too long for that; else the run was too short.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    precision: str
    memory_format: str
    images: int
    tried: tuple[Tried, ...] = ()
    deterministic_cost: float | None = None
    pace: float | None = None
    too_slow: bool = False


def recall(key: str) -> Finding | None:
    """Return what was kept under a key; None where there is nothing, or it is damaged."""
    try:
        return Finding.model_validate(_read().get(key))
    except ValidationError:
        return None


def keep(key: str, finding: Finding) -> None:
    """Keep a finding; where the disk does not let us, the next run measures again.

    Of two processes that keep something at the same time, one may be forgotten.
    """
    findings = _read()
    findings.pop(key, None)
    findings[key] = finding.model_dump(mode="json")
    latest = dict(list(findings.items())[-_MOST:])
    with contextlib.suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(latest, file, indent=1)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _read() -> dict[str, Any]:
    try:
        findings = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return findings if isinstance(findings, dict) else {}


def _path() -> Path:
    return Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)) / "tuning.json"
