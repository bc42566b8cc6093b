import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cnnstudio.core.config import load_config
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.data.samples import MARKER, Sample, borders, draw_image, sample, samples, write_sample

NAMES = [each.name for each in samples()]
PIXELS = {
    ("shapes", "star", 0): "908fd9e15263ad7e",
    ("borders", "zigzag", 7): "28697384eff0b74f",
    ("textures", "wood", 3): "43889d8fb29745a9",
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Sample:
    """Cut the first sample down to three images a class."""
    known = samples()[0]
    few = Sample(known.name, known.title, known.idea, known.classes, 3 * len(known.classes), known.side)
    monkeypatch.setattr("cnnstudio.data.samples._SAMPLES", (few,))
    return few


@pytest.fixture(scope="module", params=NAMES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, Path]:
    """Write each whole sample once."""
    folder = tmp_path_factory.mktemp("samples") / request.param
    return sample(request.param), write_sample(request.param, folder)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("known", samples(), ids=NAMES)
def test_samples_describe_themselves(known: Sample) -> None:
    assert known.images >= 1200
    assert known.images % len(known.classes) == 0
    assert 96 <= known.side <= 160
    assert list(known.classes) == sorted(known.classes)
    assert known.idea.endswith(".")
    load_config(overrides=known.settings)  # every setting is legal


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"^unknown sample shape: did you mean shapes\?$"):
        sample("shape")
    with pytest.raises(InputError, match="choose one of borders, shapes, textures"):
        write_sample("mnist", Path("nowhere"))


@pytest.mark.parametrize(("image", "digest"), PIXELS.items(), ids=str)
def test_pixels_are_the_same_on_every_machine(image: tuple[str, str, int], digest: str) -> None:
    assert hashlib.sha256(draw_image(*image).tobytes()).hexdigest()[:16] == digest


def test_whole_sample_is_balanced_and_of_one_size(written: tuple[Sample, Path]) -> None:
    known, folder = written
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == list(known.classes)
    share = known.images // len(known.classes)
    seen = set()
    for kind in known.classes:
        files = sorted((folder / kind).iterdir())
        assert [file.name for file in files] == [f"{kind}-{index:04}.png" for index in range(share)]
        for file in files:
            with Image.open(file) as image:
                assert (image.size, image.mode) == ((known.side, known.side), "RGB")
                seen.add(image.tobytes())
    assert len(seen) == known.images  # no twins


def test_file_holds_the_drawn_pixels(written: tuple[Sample, Path]) -> None:
    known, folder = written
    kind = known.classes[-1]
    with Image.open(folder / kind / f"{kind}-0005.png") as image:
        np.testing.assert_array_equal(np.asarray(image), draw_image(known.name, kind, 5))


def test_a_linear_model_on_pixels_fails(written: tuple[Sample, Path]) -> None:
    known, folder = written
    pixels, labels = [], []
    for label, kind in enumerate(known.classes):
        for file in (folder / kind).iterdir():
            with Image.open(file) as image:
                pixels.append(np.asarray(image.reduce(known.side // 32), np.float32).ravel())
            labels.append(label)
    order = np.random.default_rng(0).permutation(len(labels))
    features, truth = np.stack(pixels)[order], np.array(labels)[order]
    held = len(order) // 5
    for model in (LogisticRegression(C=1e-3, tol=1e-2), RidgeClassifier(alpha=1e3)):
        pipeline = make_pipeline(StandardScaler(), model).fit(features[held:], truth[held:])
        assert pipeline.score(features[:held], truth[:held]) < 0.5


@pytest.mark.parametrize("kind", list(borders.CLASSES))
def test_borders_differ_only_at_the_edge(kind: str) -> None:
    first = borders.draw("dots", np.random.default_rng(3))
    other = borders.draw(kind, np.random.default_rng(3))
    inside = np.s_[borders.WIDTH : -borders.WIDTH, borders.WIDTH : -borders.WIDTH]
    np.testing.assert_array_equal(first[inside], other[inside])
    assert (kind == "dots") == bool((first == other).all())
    assert borders.WIDTH <= 0.06 * borders.SIDE


def test_two_runs_write_the_same_bytes(small: Sample, tmp_path: Path) -> None:
    first, second = (write_sample(small.name, tmp_path / place) for place in ("one", "deep/two"))
    assert first == tmp_path / "one"
    assert tree(first) == tree(second)
    assert len(tree(first)) == small.images + 1


def test_progress_rises_to_one(small: Sample, tmp_path: Path) -> None:
    shares: list[float] = []
    write_sample(small.name, tmp_path / "images", progress=shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1


def test_a_complete_copy_is_kept_as_it_is(small: Sample, tmp_path: Path) -> None:
    folder = write_sample(small.name, tmp_path / "images")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_sample(small.name, folder, progress=lambda _: pytest.fail("drawn again"))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_empty_folder_is_filled(small: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert write_sample(small.name, Path()) == Path()
    assert len(tree(folder)) == small.images + 1
    assert list(tmp_path.iterdir()) == [folder]


def test_nothing_is_overwritten(small: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "thesis.txt").write_text("five years")
    with pytest.raises(InputError, match=r"not overwritten .*images.*: name a new folder"):
        write_sample(small.name, folder)
    with pytest.raises(InputError, match="not overwritten"):
        write_sample(small.name, folder / "thesis.txt")
    assert tree(tmp_path) == {"images/thesis.txt": b"five years"}


@pytest.mark.parametrize("damage", ["image gone", "older version", "marker garbled"])
def test_a_copy_that_is_not_whole_is_not_taken_for_one(small: Sample, tmp_path: Path, damage: str) -> None:
    folder = write_sample(small.name, tmp_path / "images")
    match damage:
        case "image gone":
            next(folder.glob("*/*.png")).unlink()
        case "older version":
            marker = json.loads((folder / MARKER).read_text())
            (folder / MARKER).write_text(json.dumps({**marker, "version": 0}))
        case _:
            (folder / MARKER).write_bytes(b"\xff{")
    with pytest.raises(InputError, match="not overwritten"):
        write_sample(small.name, folder)


def test_cancelling_leaves_nothing_behind(small: Sample, tmp_path: Path) -> None:
    answers = iter([False] * 4 + [True])
    with pytest.raises(StopRun):
        write_sample(small.name, tmp_path / "images", cancelled=lambda: next(answers))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_nothing_behind(
    small: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Image.Image.save

    def full(self: Image.Image, path: Path, **options: Any) -> None:
        if path.name.endswith("-0001.png"):
            raise OSError(28, "No space left on device")
        save(self, path, **options)

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InputError, match=r"sample shapes: no space left on device .*: choose another folder"):
        write_sample(small.name, tmp_path / "images")
    assert list(tmp_path.iterdir()) == []


def test_import_brings_neither_torch_nor_qt() -> None:
    code = "import sys, cnnstudio.data.samples; print({'torch', 'PySide6', 'pydantic'} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
