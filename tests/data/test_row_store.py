"""Rows on disk: found again, never half written, bounded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnstudio.core.lock import exclusive
from cnnstudio.data.row_store import RowStore, kept_shape, key_of, open_store


def rows(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    return np.array([[[value, value + 0.5]] for value in values], dtype=np.float16)


def keys(*names: str) -> list[bytes]:
    return [key_of(name.encode()) for name in names]


def test_rows_are_found_again_by_another_process(tmp_path: Path) -> None:
    with RowStore(tmp_path / "s", (1, 2), np.float16) as store:
        store.append(keys("a", "b"), rows(1, 2))
        store.append(keys("b", "c"), rows(9, 3))  # b is known already
        assert store.find(keys("a", "b", "c", "d")).tolist() == [0, 1, 2, -1]
    code = f"""
from pathlib import Path
import numpy as np
from cnnstudio.data.row_store import RowStore, key_of
store = RowStore(Path({str(tmp_path / "s")!r}), (1, 2), np.float16)
print(store.read(store.find([key_of(b"c"), key_of(b"b")])).tolist())"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[[[3.0, 3.5]], [[2.0, 2.5]]]"


def test_what_was_not_committed_is_gone_and_in_nobodys_way(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "s", (1, 2), np.float16)
    store.append(keys("a"), rows(1))
    store.commit()
    store.append(keys("b"), rows(2))  # and the process dies
    store._held.close()
    again = RowStore(tmp_path / "s", (1, 2), np.float16)
    assert again.find(keys("a", "b")).tolist() == [0, -1]
    again.append(keys("c"), rows(3))
    again.commit()
    assert again.read(again.find(keys("a", "c"))).tolist() == rows(1, 3).tolist()
    assert (tmp_path / "s" / "rows.bin").stat().st_size == 2 * 4


@given(st.integers(0, 40), st.integers(0, 40))
def test_files_cut_off_anywhere_leave_whole_rows(cut_keys: int, cut_rows: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "s"
        with RowStore(folder, (2,), np.float32) as store:
            store.append(keys("a", "b"), np.array([[1, 2], [3, 4]], np.float32))
        os.truncate(folder / "keys.bin", min(cut_keys, 32))
        os.truncate(folder / "rows.bin", min(cut_rows, 16))
        again = RowStore(folder, (2,), np.float32)
        whole = min(min(cut_keys, 32) // 16, min(cut_rows, 16) // 8)
        assert again.find(keys("a", "b")).tolist() == [0 if whole > 0 else -1, 1 if whole > 1 else -1]
        again.append(keys("c"), np.array([[5, 6]], np.float32))
        assert again.read(again.find(keys("c"))).tolist() == [[5, 6]]


def test_rows_of_another_shape_are_thrown_away(tmp_path: Path) -> None:
    with RowStore(tmp_path / "s", (1, 2), np.float16) as store:
        store.append(keys("a"), rows(1))
    assert len(RowStore(tmp_path / "s", (3,), np.float16)) == 0


def test_a_store_that_somebody_writes_to_is_left_alone(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "s", (1, 2), np.float16)

    def never() -> None:
        raise AssertionError

    with exclusive(tmp_path / "s" / ".lock", never):
        store.append(keys("a"), rows(1))
    assert store.find(keys("a")).tolist() == [-1]
    store.append(keys("a"), rows(1))
    assert store.find(keys("a")).tolist() == [0]


def test_two_writers_never_mix_their_rows(tmp_path: Path) -> None:
    first, second = (RowStore(tmp_path / "s", (1, 2), np.float16) for _ in range(2))
    first.append(keys("a"), rows(1))
    second.append(keys("b"), rows(2))  # the first one has not committed yet
    assert second.find(keys("b")).tolist() == [-1]
    first.commit()
    second.append(keys("b"), rows(2))
    second.commit()
    third = RowStore(tmp_path / "s", (1, 2), np.float16)
    assert third.read(third.find(keys("a", "b"))).tolist() == rows(1, 2).tolist()


@pytest.mark.usefixtures("user_home")
def test_stores_that_are_not_used_make_room() -> None:
    for name in ("old", "middle", "new"):
        with open_store("tests", name, (1024,), np.float32, budget=9000) as store:
            store.append([key_of(name.encode())], np.zeros((1, 1024), np.float32))
    assert len(open_store("tests", "new", (1024,), np.float32, budget=9000)) == 1
    assert len(open_store("tests", "old", (1024,), np.float32, budget=1 << 30)) == 0


def test_the_shape_of_a_store_is_known_before_it_is_opened() -> None:
    assert kept_shape("tests", "shaped", np.float16) is None
    open_store("tests", "shaped", (3, 1, 1), np.float16)
    assert kept_shape("tests", "shaped", np.float16) == (3, 1, 1)
    assert kept_shape("tests", "shaped", np.float32) is None
    (about,) = Path(platformdirs.user_cache_path("cnnstudio", appauthor=False)).glob("tests/*/about.json")
    for damaged in ("", "[]", "{}", '{"shape": 3, "dtype": "<f2"}', '{"shape": ["x"], "dtype": "<f2"}'):
        about.write_text(damaged)
        assert kept_shape("tests", "shaped", np.float16) is None


def test_mapped_rows_outlive_their_store(tmp_path: Path) -> None:
    with RowStore(tmp_path / "s", (1, 2), np.float16) as store:
        store.append(keys("a", "b"), rows(1, 2))
        mapped = store.mapped()
    if sys.platform != "win32":
        shutil.rmtree(tmp_path / "s")
    for _ in range(2):
        assert mapped(np.array([1, 0, 1])).tolist() == rows(2, 1, 2).tolist()
