from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cnnstudio.core.errors import InputError
from cnnstudio.data.scan import scan
from cnnstudio.data.splits import split
from tests.bench.trees import link_classes, link_tree, opaque_copies, readable, write_images


def test_the_tree_is_divided_as_a_run_divides_the_folder(image_tree: Callable[..., Path], tmp_path: Path) -> None:
    catalog = readable(image_tree(("ant", "bee"), count=10))
    tree = link_tree(catalog, tmp_path / "tree", seed=3)
    expected = split(catalog, val_fraction=0.2, seed=3)
    assert (tree.train, tree.val, tree.classes) == (16, 4, 2)
    linked = scan(tree.folder)
    assert linked.classes == ("ant", "bee")
    for part, indices in (("train", expected.train), ("val", expected.val)):
        found = {image.path.resolve() for image in linked.images if image.part == part}
        assert found == {catalog.images[index].path for index in indices}


def test_what_a_side_could_not_read_is_left_out_for_everybody(image_tree: Callable[..., Path]) -> None:
    folder = image_tree(("ant", "bee"), count=4)
    (folder / "ant" / "damaged.png").write_bytes((folder / "ant" / "000.png").read_bytes()[:100])
    Image.new("RGB", (8, 8)).save(folder / "bee" / "moving.gif")  # our own sides would read it, ImageFolder does not
    names = {image.path.name for image in readable(folder).images}
    assert names == {"000.png", "001.png", "002.png", "003.png"}


def test_fewer_images_on_request(image_tree: Callable[..., Path]) -> None:
    folder = image_tree(("ant", "bee"), count=20)
    assert len(readable(folder, most=10).images) == 10


def test_a_folder_that_only_we_can_read_is_refused(image_tree: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="every side can read"):
        readable(image_tree(("ant", "bee"), count=3, suffix=".gif"))


def test_written_images_differ_and_nest(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "written", 12, side=32)
    assert len({path.read_bytes() for path in paths}) == 12
    small, large = (link_classes(paths[:size], tmp_path / str(size)) for size in (8, 12))
    assert [image.path.resolve() for image in scan(small).images] == sorted(paths[:8])
    assert scan(large).counts() == (3, 3, 3, 3)


def test_copies_are_opaque_and_no_larger_than_wanted(tmp_path: Path) -> None:
    for name, size in (("ant", (40, 20)), ("bee", (6, 8))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGBA", size, (200, 0, 0, 0 if number else 255)).save(
                tmp_path / "images" / name / f"{number}.png"
            )
    folder = opaque_copies(readable(tmp_path / "images"), tmp_path / "copies", side=20)
    found = {}
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            found[path.relative_to(folder).as_posix()] = (image.mode, image.size, image.getpixel((1, 1)))
    assert found == {
        "ant/000000.png": ("RGB", (20, 10), (200, 0, 0)),
        "ant/000001.png": ("RGB", (20, 10), (255, 255, 255)),
        "bee/000002.png": ("RGB", (6, 8), (200, 0, 0)),
        "bee/000003.png": ("RGB", (6, 8), (255, 255, 255)),
    }
