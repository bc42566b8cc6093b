"""Downloads that break off or are given up, and go on later: nothing is fetched twice, nothing damaged is kept."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.models.download import Patience, fetch
from tests.models.downloads import FILE, QUICKLY, SHA256, Watcher, get, left, part
from tests.models.loopback import CERTIFICATE, PATIENCE, Answer, loopback


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "checkpoints" / "weights.pth"


@pytest.mark.parametrize("secure", [False, True])
def test_cancel_keeps_what_is_there_and_the_next_try_goes_on(
    secure: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with loopback(FILE, Answer(pause=0.002), Answer(), secure=secure) as server:
        with pytest.raises(StopRun):
            get(server.url, target, Watcher(cancel_at=50_000))
        kept = part(target).stat().st_size
        assert 50_000 <= kept < len(FILE)
        assert left(target) == [part(target).name]
        watcher = Watcher()
        get(server.url, target, watcher)
    assert target.read_bytes() == FILE
    assert server.ranges == ["", f"bytes={kept}-"]
    assert server.sent[1] == len(FILE) - kept
    assert watcher.reports[0][0] >= kept
    assert watcher.reports[0][1] == len(FILE)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("answer", [Answer(hang=20_480), Answer(silent=True)])
def test_a_server_that_hangs_does_not_hold_up_cancel(
    answer: Answer, secure: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with loopback(FILE, answer, secure=secure) as server:
        began = time.monotonic()
        with pytest.raises(StopRun):
            get(server.url, target, Watcher(after=0.2), patience=Patience())
        assert time.monotonic() - began < QUICKLY
        assert "cnnstudio-download" not in [thread.name for thread in threading.enumerate()]
    assert left(target) == ([] if answer.silent else [part(target).name])


def test_a_handshake_that_hangs_does_not_hold_up_cancel(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        with pytest.raises(StopRun):
            get(f"https://127.0.0.1:{deaf.getsockname()[1]}/", target, Watcher(after=0.2), patience=Patience())
        assert time.monotonic() - began < QUICKLY


def test_an_error_in_the_report_ends_the_download_and_keeps_what_is_there(target: Path) -> None:
    class NobodyWaitsError(Exception):
        pass

    def report(done: int, total: int | None) -> None:
        if done > 50_000:
            raise NobodyWaitsError

    with loopback(FILE, Answer(pause=0.002)) as server, pytest.raises(NobodyWaitsError):
        fetch(server.url, target, sha256_prefix=SHA256, report=report, cancelled=lambda: False)
    assert part(target).stat().st_size > 50_000


@pytest.mark.parametrize("broken", [Answer(cut=102_400), Answer(hang=102_400)])
def test_what_breaks_off_half_way_goes_on_by_itself(broken: Answer, target: Path) -> None:
    with loopback(FILE, broken, Answer(status=503), Answer()) as server:
        get(server.url, target)
    assert target.read_bytes() == FILE
    assert server.ranges == ["", "bytes=102400-", "bytes=102400-"]
    assert server.sent == [102_400, 0, len(FILE) - 102_400]


def test_what_breaks_off_again_and_again_is_kept_for_later(target: Path) -> None:
    with loopback(FILE, Answer(cut=51_200)) as server, pytest.raises(InputError) as caught:
        get(server.url, target)
    assert "did not send the whole file in 3 tries: the connection was closed too early" in caught.value.what
    assert caught.value.where == server.url
    assert caught.value.remedy == "try again later: the 0.2 MB that are there are kept"
    assert part(target).read_bytes() == FILE[:153_600]


def test_a_server_that_ignores_where_to_begin_sends_all_again(target: Path) -> None:
    part(target, b"of another file")
    with loopback(FILE, Answer(ranges=False)) as server:
        get(server.url, target)
    assert server.ranges == ["bytes=15-"]
    assert target.read_bytes() == FILE


def test_a_server_that_begins_anywhere_spoils_nothing(target: Path) -> None:
    part(target, FILE[:1000])
    with loopback(FILE, Answer(begins=2000)) as server, pytest.raises(InputError, match="begins with byte 2000, not"):
        get(server.url, target)
    assert part(target).read_bytes() == FILE[:1000]


def test_all_was_there_but_the_name(target: Path) -> None:
    part(target, FILE)
    with loopback(FILE) as server:
        get(server.url, target)
        assert server.ranges == [f"bytes={len(FILE)}-"]
    assert target.read_bytes() == FILE
    assert left(target) == [target.name]


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * len(FILE), b"x" * (len(FILE) + 1)])
def test_a_wrong_beginning_costs_a_second_go_only(stale: bytes, target: Path) -> None:
    part(target, stale)
    with loopback(FILE) as server:
        get(server.url, target)
    assert server.ranges == [f"bytes={len(stale)}-", ""]
    assert target.read_bytes() == FILE


def test_a_look_up_that_hangs_does_not_hold_up_cancel(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(PATIENCE) and [])
    began = time.monotonic()
    with pytest.raises(StopRun):
        get("https://weights.example/weights.pth", target, Watcher(after=0.1), patience=Patience())
    assert time.monotonic() - began < QUICKLY
    released.set()


def test_redirections_are_followed_and_keep_the_place(target: Path) -> None:
    part(target, FILE[:1000])
    with loopback(FILE) as server:
        server.answers[:] = [Answer(location=server.url + "?again"), Answer(location="/elsewhere"), Answer()]
        get(server.url, target)
    assert server.ranges == ["bytes=1000-"] * 3
    assert target.read_bytes() == FILE


def test_two_at_once_fetch_the_file_once(target: Path) -> None:
    watchers = Watcher(), Watcher()
    with loopback(FILE, Answer(pause=0.001)) as server, ThreadPoolExecutor(2) as threads:
        paths = list(threads.map(lambda watcher: get(server.url, target, watcher, size=len(FILE)), watchers))
    assert paths == [target, target]
    assert server.ranges == [""]
    assert target.read_bytes() == FILE
    assert left(target) == [target.name]
    assert all(any(0 < done < len(FILE) for done, _ in each.reports) for each in watchers)  # who waits sees it, too


def test_the_second_takes_over_from_the_first(target: Path) -> None:
    with loopback(FILE, Answer(pause=0.002), Answer()) as server, ThreadPoolExecutor(2) as threads:
        first = threads.submit(get, server.url, target, Watcher(cancel_at=50_000))
        while not part(target).exists():
            time.sleep(0.01)
        second = threads.submit(get, server.url, target)
        with pytest.raises(StopRun):
            first.result()
        assert second.result() == target
    assert target.read_bytes() == FILE
    assert sum(server.sent[1:]) < len(FILE) - 50_000 + 1024


def test_who_waits_can_cancel(target: Path) -> None:
    with loopback(FILE, Answer(hang=1024), Answer()) as server, ThreadPoolExecutor(2) as threads:
        first = threads.submit(get, server.url, target, patience=Patience(pause=0.01))
        while not part(target).exists():
            time.sleep(0.01)
        with pytest.raises(StopRun):
            get(server.url, target, Watcher(after=0.1))
        assert not first.done()
        server.released.set()
        assert first.result() == target
