"""The headless commands. With `--json`, stdout carries one JSON object a line and nothing else."""

import os
import sys
from collections.abc import Sequence

from cnnstudio.cli.answers import BAD_INPUT, DONE, FAILED, INTERRUPTED
from cnnstudio.cli.parser import COMMANDS, make_parser
from cnnstudio.core.errors import InputError

__all__ = ["BAD_INPUT", "COMMANDS", "DONE", "FAILED", "INTERRUPTED", "main"]


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        options = make_parser().parse_args(arguments)
        code: int = options.run(options)
    except InputError as error:
        if os.environ.get("LOCAL_RANK", "0") == "0":  # under torchrun all processes of a machine say the same
            print(f"cnnstudio: {error.one_line()}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("cnnstudio: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code
