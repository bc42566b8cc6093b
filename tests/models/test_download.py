"""Files from a server on this computer, which sends the wrong ones, refuses, or is not there."""

import errno
import os
import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnstudio.core.errors import InputError
from cnnstudio.models.download import Patience
from cnnstudio.models.part_file import PartFile
from tests.models.downloads import FILE, QUICKLY, SHA256, Watcher, get, left, part
from tests.models.loopback import Answer, loopback


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "checkpoints" / "weights.pth"


def test_a_file_is_fetched_whole_and_nothing_else_stays(target: Path) -> None:
    watcher = Watcher()
    with loopback(FILE) as server:
        assert get(server.url, target, watcher) == target
    assert target.read_bytes() == FILE
    assert left(target) == [target.name]
    assert server.ranges == [""]
    assert watcher.reports[0][1] == watcher.reports[-1][0] == watcher.reports[-1][1] == len(FILE)


def test_progress_is_told_ten_times_a_second_at_most(target: Path) -> None:
    watcher = Watcher()
    with loopback(FILE, Answer(pause=0.002)) as server:
        get(server.url, target, watcher)
    done = [each for each, _ in watcher.reports]
    gaps = [later - earlier for earlier, later in zip(watcher.times, watcher.times[1:], strict=False)]
    assert len(done) > 4
    assert done == sorted(done)
    assert min(gaps[:-1]) > 0.09  # the end is told at once


def test_a_file_without_a_stated_length_is_fetched_too(target: Path) -> None:
    watcher = Watcher()
    with loopback(FILE, Answer(length=False)) as server:
        get(server.url, target, watcher)
    assert target.read_bytes() == FILE
    assert watcher.reports[0][1] is None
    assert watcher.reports[-1] == (len(FILE), len(FILE))


def test_a_wrong_file_is_deleted_and_said(target: Path) -> None:
    with loopback(b"x" + FILE) as server, pytest.raises(InputError, match=f"not with {SHA256[:8]}") as caught:
        get(server.url, target)
    assert caught.value.where == server.url
    assert "deleted" in caught.value.remedy
    assert server.ranges == [""]
    assert left(target) == []


def test_a_page_in_place_of_the_file_costs_nothing(target: Path) -> None:
    part(target, FILE[:1000])
    with (
        loopback(FILE, Answer(ranges=False, body=b"<html>Welcome to our hotel")) as server,
        pytest.raises(InputError, match=r"0\.3 MB are expected, and 0\.0 MB are offered") as caught,
    ):
        get(server.url, target, size=len(FILE))
    assert "log in" in caught.value.remedy
    assert part(target).read_bytes() == FILE[:1000]


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (404, 1), (416, 1), (503, 3)])
def test_a_server_that_refuses_is_quoted(status: int, tries: int, target: Path) -> None:
    with (
        loopback(FILE, Answer(status=status)) as server,
        pytest.raises(InputError, match=f"answers {status}") as caught,
    ):
        get(server.url, target)
    assert caught.value.where == server.url
    assert len(server.ranges) == tries
    assert left(target) == []


def test_a_file_that_cannot_be_had_can_be_put_there_by_hand(target: Path) -> None:
    with loopback(FILE) as server:
        pass
    began = time.monotonic()
    with pytest.raises(InputError, match=r"127\.0\.0\.1:[0-9]+ cannot be reached: ") as caught:
        get(server.url, target, patience=Patience())
    assert time.monotonic() - began < QUICKLY  # who is offline does not wait
    assert caught.value.remedy == f"check the network and try again, or put {target.name} into {target.parent}"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/weights.pth", "http://127.0.0.1:x/", "https://a..b/"])
def test_an_address_that_leads_nowhere_is_said(url: str, target: Path) -> None:
    with pytest.raises(InputError, match="cannot be reached") as caught:
        get(url, target, patience=Patience())
    assert caught.value.where == url


def test_without_a_network_no_name_is_found(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(InputError, match="cannot be reached: Name or service not known"):
        get("https://weights.example/weights.pth", target, patience=Patience())


def test_a_server_that_says_nothing_is_given_up(target: Path) -> None:
    with loopback(FILE, Answer(silent=True)) as server, pytest.raises(InputError, match="cannot be reached") as caught:
        get(server.url, target)
    assert caught.value.where == server.url
    assert len(server.ranges) == 1


def test_a_server_whom_nobody_vouches_for_is_not_believed(target: Path) -> None:
    with loopback(FILE, secure=True) as server, pytest.raises(InputError, match="certificate cannot be trusted"):
        get(server.url, target)
    assert server.ranges == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[/", "http://127.0.0.1:x/"])
def test_redirections_do_not_lead_elsewhere(location: str, target: Path) -> None:
    with loopback(FILE, Answer(location=location)) as server, pytest.raises(InputError):
        get(server.url, target)
    assert left(target) == []


def test_a_disk_without_room_is_said_before(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part(target, FILE[:100_000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    with loopback(FILE) as server, pytest.raises(InputError, match=r"0\.2 MB are to come, .* only 0\.1 MB") as caught:
        get(server.url, target)
    assert caught.value.where == str(target.parent)
    assert part(target).read_bytes() == FILE[:100_000]


def test_a_disk_that_fills_up_is_said_and_freed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = PartFile.append

    def full(self: PartFile, block: bytes) -> None:
        if self.done > 50_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(self, block)

    monkeypatch.setattr(PartFile, "append", full)
    with loopback(FILE, Answer(pause=0.001)) as server, pytest.raises(InputError, match="the disk is full") as caught:
        get(server.url, target)
    assert caught.value.where == str(target.parent)
    assert left(target) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "hub").write_bytes(b"")
    with loopback(FILE) as server, pytest.raises(InputError, match="cannot be used") as caught:
        get(server.url, tmp_path / "hub" / "weights.pth")
    assert caught.value.where == str(tmp_path / "hub")
    assert "TORCH_HOME" in caught.value.remedy


@pytest.mark.parametrize("size", [None, len(FILE), len(FILE) + 9])
def test_a_file_that_is_there_is_not_fetched(size: int | None, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(FILE)
    watcher = Watcher()
    with loopback(FILE) as server:
        assert get(server.url, target, watcher, size=size, within=5) == target
    assert server.ranges == []
    assert watcher.reports == []


@pytest.mark.parametrize("damaged", [b"", FILE[:-1]])
@pytest.mark.parametrize("size", [None, len(FILE)])
def test_a_damaged_file_is_fetched_again(damaged: bytes, size: int | None, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(damaged)
    with loopback(FILE) as server:
        get(server.url, target, size=size)
    assert target.read_bytes() == FILE
