"""What a process and everything it has started cost: time on the processor, and memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

_KIBI: Final = 1024
_TELLS_SHARES: Final = Path("/proc/self/smaps_rollup").exists()  # Linux


def cpu_seconds(root: psutil.Process) -> float:
    """Return user and system time of a process and its descendants, ended ones included."""
    return sum(_ask(each, _cpu) for each in _tree(root))


def memory(root: psutil.Process) -> int:
    """Return the bytes of memory that a process and its descendants hold together.

    On Linux a page that several of them share is counted once: forked processes share nearly everything with their
    parent. Elsewhere only what each has for itself is counted, and all of a process that is alone.
    """
    tree = _tree(root)
    if len(tree) == 1:
        return int(_ask(root, _resident))
    if not _TELLS_SHARES:
        return int(sum(_ask(each, _own) for each in tree))
    # Programs and libraries are shared with strangers too, which must not make them look smaller: the largest stands
    # for all. What was allocated is shared within the tree only.
    return int(sum(_ask(each, _allocated) for each in tree) + max((_ask(each, _files) for each in tree), default=0))


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _ask(process: psutil.Process, question: Callable[[psutil.Process], float]) -> float:
    try:
        return question(process)
    except (psutil.Error, OSError):  # it has ended meanwhile
        return 0.0


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _own(process: psutil.Process) -> float:
    return float(process.memory_full_info().uss)


def _allocated(process: psutil.Process) -> float:
    """Return the share of a process in anonymous and shared memory."""
    kibibytes = _fields(Path(f"/proc/{process.pid}/smaps_rollup"))
    return (kibibytes["Pss_Anon"] + kibibytes["Pss_Shmem"]) * _KIBI


def _files(process: psutil.Process) -> float:
    return _fields(Path(f"/proc/{process.pid}/status")).get("RssFile", 0.0) * _KIBI


def _fields(path: Path) -> dict[str, float]:
    """Read the lines `Name: 1234 kB` of a file."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0].removesuffix(":"): float(words[1]) for words in lines if words[2:] == ["kB"]}
