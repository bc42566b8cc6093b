"""One at a time, between threads and between processes, and whatever becomes of the one that holds the lock."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from cnnstudio.core import lock
from cnnstudio.core.lock import exclusive, held

HOLD = """
import sys, time
from pathlib import Path
from cnnstudio.core.lock import exclusive
with exclusive(Path(sys.argv[1]), waiting=sys.exit):
    print("held", flush=True)
    time.sleep(60)
"""


class GivenUpError(Exception):
    pass


def give_up() -> None:
    raise GivenUpError


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        with exclusive(path, waiting=lambda: None):
            inside.append(number)
            most = max(most, len(inside))
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert most == 1
    assert not path.exists()


def test_who_waits_may_give_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, waiting=give_up):
        with pytest.raises(GivenUpError), exclusive(path, waiting=give_up):
            pytest.fail("two are inside")
        assert path.exists()
    assert not path.exists()


def test_an_error_inside_opens_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(GivenUpError), exclusive(path, waiting=give_up):
        give_up()
    with exclusive(path, waiting=lambda: pytest.fail("still locked")):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(GivenUpError), exclusive(path, waiting=give_up):
            pytest.fail("two are inside")
        holder.kill()
        holder.wait()
        with exclusive(path, waiting=lambda: None):
            pass
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can remove a file there that somebody has open")
def test_a_file_that_its_last_holder_removes_meanwhile_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    really_lock, waited = lock._lock, 0

    def remove_and_lock(file: IO[bytes]) -> bool:
        if not waited:
            path.unlink()
        return really_lock(file)

    def waiting() -> None:
        nonlocal waited
        waited += 1

    monkeypatch.setattr(lock, "_lock", remove_and_lock)
    with exclusive(path, waiting):
        assert waited == 1
        assert path.exists()


def test_a_lock_tells_whether_it_is_held_and_is_not_made_by_asking(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not held(path)
    assert not path.exists()
    with exclusive(path, waiting=give_up):
        assert held(path)
    assert not held(path)
    path.touch()  # left behind by a process that was killed
    assert not held(path)
    with exclusive(path, waiting=give_up):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_where_there_are_no_locks_the_file_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_file: IO[bytes], _how: int) -> None:
        raise OSError(95, "operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    path = tmp_path / "lock"
    with exclusive(path, waiting=give_up):
        assert held(path)
    assert not held(path)
