"""Events as lines of JSON, with the version of the format in each line."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Scalar

FORMAT_VERSION = 1

_ADAPTER: TypeAdapter[Scalar] = TypeAdapter(Scalar)


def to_line(event: Scalar) -> str:
    """Return the event as one line of JSON, without the line break.

    The line is ASCII: file names may hold bytes that are no Unicode, which UTF-8 could not write.
    """
    return json.dumps({"event": event.event, "version": FORMAT_VERSION, **event.model_dump(mode="json")})


def from_line(line: str) -> Scalar:
    """Read what `to_line` wrote.

    Raises:
        InputError: The line is damaged, or a newer version wrote it.
    """
    try:
        tree: Any = json.loads(line)
        version = tree["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"damaged event line {line[:60]!r}", remedy="remove the line") from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"event format {version} is not {FORMAT_VERSION}", remedy="open it with the CNN Studio that wrote it"
        )
    try:
        return _ADAPTER.validate_python(tree)
    except ValidationError as error:
        raise InputError(f"damaged event line: {error.errors()[0]['msg']}", remedy="remove the line") from None
