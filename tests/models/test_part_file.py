"""A file that grows in several goes."""

import hashlib
import time
from pathlib import Path

import pytest

from cnnstudio.core.errors import StopRun
from cnnstudio.models.part_file import PartFile, has_size, part_path, sha256


def nothing() -> None:
    pass


def test_the_hash_is_that_of_all_goes(tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    with PartFile(target, nothing) as part:
        assert (part.done, part.inherited) == (0, False)
        part.append(b"one ")
    with PartFile(target, nothing) as part:
        assert (part.done, part.inherited) == (4, True)
        part.append(b"two")
        assert part.sha256() == hashlib.sha256(b"one two").hexdigest()
        part.move()
    assert target.read_bytes() == b"one two"
    assert sha256(target, nothing) == hashlib.sha256(b"one two").hexdigest()
    assert not part_path(target).exists()


def test_what_is_cleared_begins_anew(tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    part_path(target).write_bytes(b"old")
    with PartFile(target, nothing) as part:
        part.clear()
        part.append(b"new!")
        assert (part.done, part.inherited) == (4, False)
        assert part.sha256() == hashlib.sha256(b"new!").hexdigest()
    assert part_path(target).read_bytes() == b"new!"


def test_an_empty_file_does_not_stay(tmp_path: Path) -> None:
    with PartFile(tmp_path / "weights.pth", nothing):
        pass
    assert list(tmp_path.iterdir()) == []


def test_reading_can_be_given_up(tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    part_path(target).write_bytes(b"old")

    def give_up() -> None:
        raise StopRun

    with pytest.raises(StopRun):
        PartFile(target, give_up)
    assert part_path(target).read_bytes() == b"old"


@pytest.mark.parametrize("held", [2, 100])
def test_a_file_that_somebody_holds_is_moved_when_they_let_go(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, tries = Path.replace, 0

    def refuse(self: Path, target: Path) -> Path:
        nonlocal tries
        tries += 1
        if tries <= held:
            raise PermissionError(13, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    target = tmp_path / "weights.pth"
    with PartFile(target, nothing) as part:
        part.append(b"all")
        if held == 2:
            part.move()
        else:
            with pytest.raises(PermissionError):
                part.move()
    assert (target if held == 2 else part_path(target)).read_bytes() == b"all"


def test_size_tells_complete_from_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    assert not has_size(path, 0, within=0)
    path.write_bytes(b"")
    assert not has_size(path, 1, within=5)
    path.write_bytes(b"1234567")
    assert has_size(path, 9, within=2)
    assert not has_size(path, 10, within=2)
    assert not has_size(tmp_path, path.stat().st_size, within=10**6)
