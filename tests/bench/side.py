"""One of the sides that are compared by blocks: a process that trains for a moment, then stands still."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.bench.statistics import rotated
from tests.bench.task import Task
from tests.bench.whole_run import ROOT, MeasuredError, end, environment, tail

_GRACE: Final = 20.0  # seconds in which a process may end by itself


@dataclass(frozen=True, slots=True)
class Block:
    """A moment of training.

    Attributes:
        images: Images learnt from.
        seconds: Wall-clock time.
        cpu: User and system time of the process and its children.
    """

    images: int
    seconds: float
    cpu: float


class Side:
    """A process that trains by blocks.

    While it is not its turn the whole process group is stopped, so that neither threads that spin nor workers that
    fetch ahead take anything from the others, or do between the blocks what belongs into them.
    """

    def __init__(self, task: Task, cache: Path) -> None:
        """Start the process; `ready` waits for it."""
        command = [sys.executable, "-m", "tests.bench.worker", task.but(by_blocks=True).to_json()]
        surroundings = environment(cache)
        self._kind = task.kind
        self._errors = cache / "errors.txt"
        with self._errors.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=surroundings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ready(self) -> None:
        """Wait until it stands before its first block.

        Raises:
            MeasuredError: It failed.
        """
        self._answer("ready")
        self._signal(signal.SIGSTOP)

    def block(self, images: int) -> Block:
        """Let it train on at least so many images.

        Raises:
            MeasuredError: It failed.
        """
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):  # told by the answer that does not come
            self._process.stdin.write(json.dumps({"images": images}) + "\n")
            self._process.stdin.flush()
        told = self._answer("block")
        self._signal(signal.SIGSTOP)
        return Block(told["images"], told["seconds"], told["cpu"])

    def close(self) -> None:
        """End the process."""
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            end(self._process)
        self._process.stdout.close()

    def _answer(self, event: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            written = tail(self._errors.read_text(encoding="utf-8"))
            raise MeasuredError(f"the side {self._kind} ended with {self._process.returncode}:\n{written}")
        told: dict[str, Any] = json.loads(line)
        assert told["event"] == event, told
        return told

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


def interleaved(sides: Sequence[Side], *, rounds: int, images: int) -> list[list[Block]]:
    """Let sides train in turn, a block each in every round, each of them first equally often.

    Args:
        sides: All of them ready.
        rounds: How many blocks each gives.
        images: In a block, at least.

    Returns:
        The blocks of each side, in order.
    """
    blocks: list[list[Block]] = [[] for _ in sides]
    for turn in range(rounds):
        for index in rotated(len(sides), turn):
            blocks[index].append(sides[index].block(images))
        sys.stderr.write(f"  round {turn + 1} of {rounds}\n")
    return blocks
