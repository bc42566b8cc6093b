"""Which folders are classes, which files their images, and which trees are refused."""

import errno
import os
from pathlib import Path

import pytest

from cnnstudio.core.errors import InputError
from cnnstudio.core.events import SetAside
from cnnstudio.data.scan import scan
from tests.data.trees import aside, content, plant, refusal

LAYOUT = "put each class into a folder of its own, such as birds/robin/1.jpg and birds/wren/2.jpg"


def test_class_folders(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "wren/2.jpg", "wren/1.PNG", "robin/b.webp", "robin/a.TIFF"))
    assert catalog.root == tmp_path.resolve()
    assert catalog.classes == ("robin", "wren")
    assert content(catalog) == [
        ("robin/a.TIFF", "robin", None),
        ("robin/b.webp", "robin", None),
        ("wren/1.PNG", "wren", None),
        ("wren/2.jpg", "wren", None),
    ]
    assert catalog.counts() == (2, 2)
    assert catalog.set_aside == ()


def test_folders_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "wren/2021/may/1.jpg", "wren/2.jpg", "robin/test/3.jpg"))
    assert content(catalog) == [
        ("robin/test/3.jpg", "robin", None),
        ("wren/2.jpg", "wren", None),
        ("wren/2021/may/1.jpg", "wren", None),
    ]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training", "Validation", "Testing"), ("TRAIN", "valid", "Test")],
)
def test_parts_in_their_spellings(train: str, val: str, test: str, tmp_path: Path) -> None:
    names = [f"{train}/a/1.jpg", f"{train}/b/2.jpg", f"{val}/a/3.jpg", f"{val}/b/4.jpg", f"{test}/b/5.jpg"]
    catalog = scan(plant(tmp_path, *names))
    assert sorted(content(catalog)) == sorted(
        [
            (names[0], "a", "train"),
            (names[1], "b", "train"),
            (names[2], "a", "val"),
            (names[3], "b", "val"),
            (names[4], "b", "test"),
        ]
    )


def test_two_spellings_of_a_part_are_one_part(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "validation/b/4.jpg"))
    assert [(path, part) for path, _, part in content(catalog) if part == "val"] == [
        ("val/a/3.jpg", "val"),
        ("validation/b/4.jpg", "val"),
    ]


def test_a_train_is_also_a_vehicle(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "car/1.jpg", "plane/2.jpg", "train/3.jpg"))
    assert catalog.classes == ("car", "plane", "train")
    assert {part for *_, part in content(catalog)} == {None}


def test_val_and_test_without_train_are_classes(tmp_path: Path) -> None:
    assert scan(plant(tmp_path, "val/a/1.jpg", "test/a/2.jpg")).classes == ("test", "val")


def test_what_lies_beside_the_parts_is_named(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "test/3.jpg", "unlabelled/4.jpg", "cover.png"))
    assert len(catalog.images) == 2
    assert aside(catalog) == {
        "cover.png": "lies outside any class folder",
        "test/3.jpg": "lies outside any class folder",
        "unlabelled": "lies beside the train folder",
    }


def test_class_without_training_images_is_named_image_by_image(tmp_path: Path) -> None:
    names = ["train/b/1.jpg", "train/d/2.jpg", "val/a/3.jpg", "val/d/4.jpg", "test/c/5.jpg"]
    catalog = scan(plant(tmp_path, *names))
    assert catalog.classes == ("b", "d")
    assert content(catalog) == [
        ("train/b/1.jpg", "b", "train"),
        ("train/d/2.jpg", "d", "train"),
        ("val/d/4.jpg", "d", "val"),
    ]
    reason = "its class has no image to train on"
    assert aside(catalog) == {"val/a/3.jpg": reason, "test/c/5.jpg": reason}


@pytest.mark.parametrize("wrapping", ["birds", "download/birds", "__MACOSX/x/../../birds"])
def test_lone_wrapping_folders_are_opened(wrapping: str, tmp_path: Path) -> None:
    plant(tmp_path, "__MACOSX/birds/._1.jpg", "__MACOSX/x/", ".DS_Store", "read me.txt")
    plant(tmp_path / wrapping, "robin/1.jpg", "wren/2.jpg")
    catalog = scan(tmp_path)
    assert catalog.root == (tmp_path / wrapping).resolve()
    assert catalog.classes == ("robin", "wren")


def test_wrapped_parts_are_found(tmp_path: Path) -> None:
    catalog = scan(plant(tmp_path, "x/train/a/1.jpg", "x/train/b/1.jpg", "x/val/a/1.jpg"))
    assert [part for *_, part in content(catalog)] == ["train", "val", "train"]


def test_hidden_things_and_other_files_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "a/.2.jpg", "a/.git/3.jpg", "a/__MACOSX/4.jpg", ".c/5.jpg", "b/6.gif")
    plant(tmp_path, "a/notes.txt", "a/labels.csv", "a/Thumbs.db", "b/jpg", "b/7.jpg.part", "b/movie.mp4")
    catalog = scan(tmp_path)
    assert [path for path, *_ in content(catalog)] == ["a/1.jpg", "b/6.gif"]
    assert catalog.set_aside == ()


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "loose.jpg", "loose.txt", "a/1.jpg", "a/deep/phone.HEIC", "b/2.jpg", "c/", "d/notes.txt", "e/x.svg")
    catalog = scan(tmp_path)
    assert catalog.classes == ("a", "b")
    assert aside(catalog) == {
        "loose.jpg": "lies outside any class folder",
        "a/deep/phone.HEIC": ".heic is not supported; save it as PNG or JPEG",
        "c": "a class folder without images",
        "d": "a class folder without images",
        "e/x.svg": ".svg is not supported; save it as PNG or JPEG",
    }


def test_order_does_not_depend_on_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, *[f"{name}/{n}/{n}.jpg" for name in "bca" for n in (3, 1, 2)], "d/", "e/", "z.jpg", "y.jpg")
    listed = scan(tmp_path)

    class Backwards:
        """A folder whose file system lists it the other way round."""

        def __init__(self, path: Path) -> None:
            with original(path) as found:
                self._found = sorted(found, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._found

        def __exit__(self, *_: object) -> None:
            pass

    original = os.scandir
    monkeypatch.setattr(os, "scandir", Backwards)
    assert scan(tmp_path) == listed


def test_paths_that_are_no_folder(tmp_path: Path) -> None:
    plant(tmp_path, "file.jpg")
    assert refusal(tmp_path / "no") == f"no such folder [{tmp_path / 'no'}]: check the path"
    for name in ("file.jpg", "file.jpg/inside"):
        remedy = "choose the folder that holds one folder for each class"
        assert refusal(tmp_path / name) == f"not a folder [{tmp_path / name}]: {remedy}"
    assert refusal(tmp_path / "a\0b") == f"no such folder [{tmp_path}/a\\x00b]: check the path"
    long = tmp_path / ("n" * 300)
    assert refusal(long).startswith(f"the folder cannot be read: {os.strerror(errno.ENAMETOOLONG).lower()} [{long}]")


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ((), "no image that can be used"),
        (("notes.txt", ".hidden/1.jpg"), "no image that can be used"),
        (("1.jpg", "2.jpg"), "the images are not sorted into classes"),
        (("a/", "b/"), "no image that can be used; {root}/a: a class folder without images"),
        (
            ("a/x.heic", "b/"),
            "no image that can be used; {root}/a/x.heic: .heic is not supported; save it as PNG or JPEG",
        ),
    ],
)
def test_folders_without_sorted_images(names: tuple[str, ...], what: str, tmp_path: Path) -> None:
    root = tmp_path.resolve()
    assert refusal(plant(tmp_path, *names)) == f"{what.format(root=root)} [{root}]: {LAYOUT}"


@pytest.mark.parametrize(
    "names", [("a/1.jpg",), ("a/1.jpg", "b/"), ("a/1.jpg", "2.jpg"), ("train/a/1.jpg", "val/b/2.jpg")]
)
def test_single_class(names: tuple[str, ...], tmp_path: Path) -> None:
    what = "a network learns to tell classes apart and there is only one with images: a"
    root = tmp_path.resolve()
    assert refusal(plant(tmp_path, *names)) == f"{what} [{root}]: add a folder for a second class"


def test_nothing_to_train_on(tmp_path: Path) -> None:
    plant(tmp_path, "train/a/", "train/b/", "val/a/1.jpg", "val/b/2.jpg")
    root = tmp_path.resolve()
    assert refusal(tmp_path) == f"no image to train on [{root}]: put images into the train folder"


def test_unreadable_images_take_their_class_with_them(tmp_path: Path) -> None:
    names = ["train/a/1.jpg", "train/b/2.jpg", "train/b/3.jpg", "train/c/4.jpg", "val/a/5.jpg", "val/c/6.jpg"]
    catalog = scan(plant(tmp_path, *names))
    bad = [SetAside(path=str(catalog.root / name), reason="empty file") for name in (names[0], names[2])]
    rest = catalog.without(bad)
    assert rest.classes == ("b", "c")
    assert [path for path, *_ in content(rest)] == ["train/b/2.jpg", "train/c/4.jpg", "val/c/6.jpg"]
    assert [image.label for image in rest.images] == [0, 1, 1]
    assert rest.set_aside == (
        *bad,
        SetAside(path=str(catalog.root / names[4]), reason="its class has no image to train on"),
    )
    assert catalog.without([]) == catalog
    with pytest.raises(InputError, match=r"only one with images: c \["):
        rest.without([SetAside(path=str(catalog.root / names[1]), reason="empty file")])
