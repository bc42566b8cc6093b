"""What a run in a process of its own and its host say to each other: lines of JSON, pixels behind the line of theirs.

Nothing that is read is ever run, and what is no message is passed over up to the next line.
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from pydantic import BaseModel

from cnnstudio.core import pictures
from cnnstudio.core.control import Change, Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Event
from cnnstudio.core.serial import from_line, to_line

_LONGEST: Final = 64 * 2**20  # bytes of a line: the opening of a run names every image that was set aside
_LARGEST: Final = 2**30  # bytes of a picture
_PICTURES: Final[dict[str, type[Any]]] = {
    name: kind for name, kind in vars(pictures).items() if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}


@dataclass(frozen=True, slots=True)
class Rests:
    """Whether a paused run has reached a step boundary and waits there."""

    rests: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """All that the host wants of the run at present.

    Attributes:
        paused: Hold after the present step.
        stop: End after the present step.
        watch: What somebody is looking at.
        stages: How often one stage of a step was asked for, since the beginning.
        changes: All changes that were asked for since the beginning.
    """

    paused: bool
    stop: bool
    watch: Watch
    stages: int = 0
    changes: tuple[Change, ...] = ()


Message = Event | Rests | InputError


def write_message(stream: IO[bytes], message: Message) -> None:
    """Write what a run tells; an `InputError` is why it did not begin."""
    if isinstance(message, Rests):
        _write_line(stream, {"rests": message.rests})
    elif isinstance(message, InputError):
        _write_line(stream, {"refused": [message.what, message.where, message.remedy]})
    elif isinstance(message, BaseModel):
        stream.write(to_line(message).encode() + b"\n")
    else:
        _write_picture(stream, message)


def read_messages(stream: IO[bytes]) -> Iterator[Message]:
    """Read what a run tells until it tells no more."""
    while line := stream.readline(_LONGEST):
        try:
            message = _message(line, stream)
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # such as what a library has printed
        if message is not None:
            yield message


def write_wish(stream: IO[bytes], wish: Wish) -> None:
    """Write what the host wants."""
    _write_line(stream, dataclasses.asdict(wish))


def read_wish(line: bytes) -> Wish:
    """Read what `write_wish` wrote."""
    tree = json.loads(line)
    watch = {name: _tuples(value) for name, value in tree["watch"].items()}
    changes = tuple(Change(**each) for each in tree["changes"])
    return Wish(tree["paused"], tree["stop"], Watch(**watch), tree["stages"], changes)


def _write_line(stream: IO[bytes], tree: dict[str, Any]) -> None:
    stream.write(json.dumps(tree).encode() + b"\n")  # ASCII: file names may hold bytes that are no Unicode


def _message(line: bytes, stream: IO[bytes]) -> Message | None:
    tree = json.loads(line)
    if "picture" in tree:
        return _read_picture(tree, stream)
    if "rests" in tree:
        return Rests(bool(tree["rests"]))
    if "refused" in tree:
        what, where, remedy = tree["refused"]
        return InputError(what, where=where, remedy=remedy)
    return from_line(line.decode("ascii"))


def _write_picture(stream: IO[bytes], picture: Any) -> None:
    """Write a picture: its fields in a line, then the numbers of its arrays."""
    fields = {field.name: getattr(picture, field.name) for field in dataclasses.fields(picture)}
    arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    head = {
        "picture": type(picture).__name__,
        "fields": {name: value for name, value in fields.items() if name not in arrays},
        "arrays": [(name, value.dtype.str, value.shape) for name, value in arrays.items()],
    }
    _write_line(stream, head)
    for value in arrays.values():
        stream.write(value.tobytes())


def _read_picture(head: dict[str, Any], stream: IO[bytes]) -> Event | None:
    """Read the numbers that follow; None if the run broke off amid them."""
    kind = _PICTURES[head["picture"]]
    arrays = [(name, np.dtype(code), tuple(map(int, shape))) for name, code, shape in head["arrays"]]
    sizes = [dtype.itemsize * math.prod(shape) for _, dtype, shape in arrays]
    if any(dtype.hasobject or min(shape, default=0) < 0 for _, dtype, shape in arrays) or sum(sizes) > _LARGEST:
        raise ValueError
    fields = {name: _tuples(value) for name, value in head["fields"].items()}
    for (name, dtype, shape), size in zip(arrays, sizes, strict=True):
        content = bytearray(stream.read(size))
        if len(content) < size:
            return None
        fields[name] = np.frombuffer(content, dtype).reshape(shape)
    picture: Event = kind(**fields)
    return picture


def _tuples(value: Any) -> Any:
    """Return tuples, of which JSON makes lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
