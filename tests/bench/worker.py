"""A measured process: `python -m tests.bench.worker TASK`, where TASK is what `Task.to_json` wrote.

Lines of JSON on stdout are for the parent process; whatever else is printed goes to stderr.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Final

from tests.bench.gate import Gate, Listener, Reporter
from tests.bench.task import Kind, Task

Loop = Callable[[Task, Listener], None]

LOOPS: Final[dict[Kind, str]] = {
    "ours": "tests.bench.ours",
    "limit": "tests.bench.limit",
    "tutorial": "tests.bench.peers.tutorial",
    "recipe": "tests.bench.peers.recipe",
    "fastai": "tests.bench.peers.fastai_learner",
    "timm": "tests.bench.peers.timm_loop",
}


def main() -> None:
    """Do the task of the command line."""
    task = Task.from_json(sys.argv[1])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    loop: Loop = importlib.import_module(LOOPS[task.kind]).run
    if task.by_blocks:
        loop(task, Gate(sys.stdin, answers, warm_up=task.warm_up, settled=_settled))
    else:
        loop(task, Reporter(answers))


def _settled() -> None:
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


if __name__ == "__main__":
    main()
