from pathlib import Path

import pytest

from cnnstudio.core import resources
from cnnstudio.core.errors import InputError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout" / "cnnstudio"
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", folder)
    return folder


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_source_checkout_has_the_files_beside_the_package(package: Path) -> None:
    path = put(package.parent / "resources" / "icons" / "app.svg", "<svg/>")
    assert resources.resource("icons/app.svg") == path


def test_wheel_has_the_files_inside_the_package(package: Path) -> None:
    put(package.parent / "resources" / "app.svg", "of something else in site-packages")
    path = put(package / "resources" / "app.svg", "ours")
    assert resources.resource("app.svg") == path


def test_missing_file_is_named_with_what_to_do(package: Path) -> None:
    with pytest.raises(InputError) as error:
        resources.resource("icons/none.svg")
    assert str(error.value) == "the installation is incomplete [icons/none.svg]: install CNN Studio again"
