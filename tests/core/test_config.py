import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from cnnstudio.core import config as fields
from cnnstudio.core.config import Config, config_keys, load_config
from cnnstudio.core.errors import InputError

LEGAL: dict[str, st.SearchStrategy[Any]] = {
    "data.folder": st.text(),
    "data.image_size": st.integers(8, 2048) | st.just("auto"),
    "data.val_fraction": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "data.batch_size": st.integers(1, 4096),
    "data.augment": st.booleans(),
    "model.arch": st.text(),
    "model.padding": st.sampled_from(get_args(fields.Padding)),
    "model.dropout2d": st.floats(0, 1, exclude_max=True),
    "model.batchnorm": st.booleans() | st.just("auto"),
    "model.head": st.sampled_from((*get_args(fields.Head), "auto")),
    "model.aux": st.floats(0, 1),
    "model.depth": st.integers(1, 6),
    "model.width": st.integers(4, 256),
    "model.kernel": st.sampled_from((3, 5, 7)),
    "model.pretrained": st.booleans() | st.text(min_size=1),
    "transfer.mode": st.sampled_from(get_args(fields.TransferMode)),
    "transfer.train_last": st.integers(1, 1000),
    "transfer.views": st.integers(1, 8) | st.just("auto"),
    "transfer.lr_decay": st.floats(0, 1, exclude_min=True) | st.just("auto"),
    "transfer.lr_multipliers": st.dictionaries(st.text(), st.floats(0, 10), max_size=3),
    "train.epochs": st.integers(1, 100_000),
    "train.lr": st.floats(0, 100, exclude_min=True) | st.just("auto"),
    "train.optimizer": st.sampled_from(get_args(fields.Optimizer)),
    "train.schedule": st.sampled_from(get_args(fields.Schedule)),
    "train.patience": st.integers(0, 100_000),
    "train.label_smoothing": st.floats(0, 1, exclude_max=True),
    "train.mix": st.sampled_from(get_args(fields.Mix)),
    "train.progressive": st.booleans(),
    "train.ema": st.floats(0, 1, exclude_max=True),
    "train.seed": st.integers(0, 2**32 - 1),
    "compute.device": st.text(),
    "compute.precision": st.sampled_from(get_args(fields.Precision)),
    "compute.memory_format": st.sampled_from(get_args(fields.MemoryFormat)),
    "compute.deterministic": st.booleans(),
    "compute.isolated": st.booleans(),
}


ANY_TEXT = st.text(st.characters(codec=None))  # lone surrogates and control characters too


def nested(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tree: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = value
    return tree


CONFIGS = st.fixed_dictionaries({}, optional=LEGAL).map(nested).map(Config.parse)


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    line = str(error.value)
    assert len(line.splitlines()) == 1
    return line


def assert_taken_or_refused(make: Callable[[], Config]) -> None:
    line = ""
    try:
        make()
    except InputError as error:
        line = str(error)
    assert len(line.splitlines()) <= 1


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_keys_are_the_fixed_names_in_their_order() -> None:
    assert config_keys() == tuple(LEGAL)


@given(CONFIGS)
def test_survives_toml(config: Config) -> None:
    assert Config.parse(tomllib.loads(config.to_toml())) == config


@given(CONFIGS)
def test_survives_python_and_json(config: Config) -> None:
    assert Config.parse(config.model_dump()) == config
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_survives_a_file(tmp_path: Path) -> None:
    config = Config().replace("data.folder", 'C:\\Bilder\\"été"\n👩‍🔬').replace("train.lr", 1e-05)
    assert load_config(written(tmp_path, config.to_toml())) == config


@given(st.data(), st.sampled_from(tuple(LEGAL)))
def test_replace_changes_one_key_and_nothing_else(data: st.DataObject, key: str) -> None:
    value = data.draw(LEGAL[key])
    before = Config()
    after = before.replace(key, value)
    section, name = key.split(".")
    assert after.model_dump()[section].pop(name) == value
    assert after.replace(key, before.model_dump()[section][name]) == before == Config()


def test_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Config().train.epochs = 3


class TestUnknownKeys:
    @pytest.mark.parametrize("key", config_keys())
    def test_near_miss_names_the_key_in_a_file_and_on_the_command_line(self, key: str, tmp_path: Path) -> None:
        section, name = key.split(".")
        miss = name[:-2] + name[-1] + name[-2]  # the last two letters swapped
        path = written(tmp_path, f"[{section}]\n{miss} = 1\n")
        with pytest.raises(InputError) as in_file:
            load_config(path)
        with pytest.raises(InputError) as in_override:
            load_config(overrides=[f"{section}.{miss}=1"])
        with pytest.raises(InputError) as in_replace:
            Config().replace(f"{section}.{miss}", 1)
        assert one_line(in_file) == f"unknown key {section}.{miss} [{path}]: did you mean {key}?"
        assert one_line(in_override) == one_line(in_replace) == f"unknown key {section}.{miss}: did you mean {key}?"

    def test_near_miss_of_a_section(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[trian]\nepochs = 3\n")
        with pytest.raises(InputError) as in_file:
            load_config(path)
        with pytest.raises(InputError) as in_override:
            load_config(overrides=["trian.epochs=3"])
        assert one_line(in_file) == f"unknown key trian [{path}]: did you mean train?"
        assert one_line(in_override) == "unknown key trian.epochs: did you mean train.epochs?"

    def test_key_without_its_section(self) -> None:
        with pytest.raises(InputError) as error:
            load_config(overrides=["epochs=3"])
        assert one_line(error) == "unknown key epochs: did you mean train.epochs?"

    def test_far_miss_lists_what_is_legal(self) -> None:
        with pytest.raises(InputError) as error:
            Config.parse({"zzz": {}})
        assert one_line(error) == "unknown key zzz: choose one of compute, data, model, train, transfer"

    @given(st.text())
    def test_any_other_key_is_refused_in_one_line(self, key: str) -> None:
        assume(key not in Config.model_fields)
        with pytest.raises(InputError) as section:
            Config.parse({key: {}})
        assume(key not in config_keys())
        with pytest.raises(InputError) as override:
            load_config(overrides=[f"{key}=1"])
        assert one_line(section).startswith("unknown key")
        assert one_line(override).startswith("unknown key")


class TestWrongValues:
    @pytest.mark.parametrize(
        ("key", "value", "remedy"),
        [
            ("train.epochs", 0, "it must be greater than or equal to 1"),
            ("train.lr", -1, "it must be greater than 0 or 'auto'"),
            ("train.lr", float("nan"), "it must be a finite number or 'auto'"),
            ("train.label_smoothing", 1, "it must be less than 1"),
            ("train.seed", 2**32, "it must be less than 4294967296"),
            ("data.val_fraction", float("inf"), "it must be a finite number"),
            ("data.augment", "perhaps", "it must be a valid boolean, unable to interpret input"),
            ("data.folder", ["a"], "it must be a valid string"),
            ("model.kernel", 4, "it must be 3, 5 or 7"),
            ("model.head", "none", "it must be 'fully_connected', 'global_average' or 'convolutional' or 'auto'"),
            ("transfer.lr_decay", 0, "it must be greater than 0 or 'auto'"),
            ("model.padding", "smae", "it must be 'same', 'valid', 'reflect', 'replicate' or 'circular'"),
            ("transfer.mode", "", "it must be 'scratch', 'freeze', 'finetune' or 'freeze_then_finetune'"),
        ],
    )
    def test_says_which_value_and_what_is_allowed(self, key: str, value: object, remedy: str) -> None:
        with pytest.raises(InputError) as error:
            Config().replace(key, value)
        assert one_line(error) == f"{key} cannot be {value!r}: {remedy}"

    @given(key=st.sampled_from(config_keys()), value=ANY_TEXT | st.floats() | st.none())
    def test_any_value_is_taken_or_refused_in_one_line(self, key: str, value: object) -> None:
        assert_taken_or_refused(lambda: Config().replace(key, value))

    def test_section_that_is_a_single_value(self, tmp_path: Path) -> None:
        path = written(tmp_path, "train = 3\n")
        with pytest.raises(InputError) as in_file:
            load_config(path)
        with pytest.raises(InputError) as with_override:
            load_config(path, ["train.epochs=3"])
        assert one_line(in_file) == f"train is a single value [{path}]: write it as a table [train]"
        assert one_line(with_override) == "train is a single value: write it as a table [train]"

    def test_folder_that_toml_cannot_hold(self) -> None:
        with pytest.raises(InputError) as error:
            Config().replace("data.folder", "/photos/caf\udce9")
        assert one_line(error).endswith("it must be valid Unicode: rename the folder")


class TestOverrides:
    @pytest.mark.parametrize(
        ("override", "section", "values"),
        [
            ("train.epochs=3", "train", {"epochs": 3}),
            (" train.lr = 1e-3 ", "train", {"lr": 0.001}),
            ("train.lr=auto", "train", {"lr": "auto"}),
            ('train.lr="auto"', "train", {"lr": "auto"}),
            ("data.augment=True", "data", {"augment": True}),
            ("data.augment=false", "data", {"augment": False}),
            ("data.folder=2024", "data", {"folder": "2024"}),
            ("data.folder=2024-05-01", "data", {"folder": "2024-05-01"}),
            ("data.folder=true", "data", {"folder": "true"}),
            ("data.folder=a=b", "data", {"folder": "a=b"}),
            ("data.folder=C:\\new\\table", "data", {"folder": "C:\\new\\table"}),
            ("data.folder='quoted'", "data", {"folder": "quoted"}),
            ("data.folder=x\ny = 3", "data", {"folder": "x\ny = 3"}),
            ("data.folder=", "data", {"folder": ""}),
            ("data.folder=" + "[" * 5000, "data", {"folder": "[" * 5000}),
            ("model.pretrained=false", "model", {"pretrained": False}),
            ("model.pretrained=~/weights.pth", "model", {"pretrained": "~/weights.pth"}),
            ("model.aux=0", "model", {"aux": 0.0}),
            (
                "transfer.lr_multipliers={layer1 = 0.1, fc = 2}",
                "transfer",
                {"lr_multipliers": {"layer1": 0.1, "fc": 2}},
            ),
        ],
    )
    def test_value_is_read_as_the_key_needs_it(self, override: str, section: str, values: dict[str, object]) -> None:
        changed = load_config(overrides=[override]).model_dump()[section]
        assert values.items() <= changed.items()

    def test_later_ones_win_over_earlier_ones_and_over_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, "[train]\nepochs = 1\nseed = 7\n")
        train = load_config(path, ["train.epochs=2", "train.epochs=3"]).train
        assert (train.epochs, train.seed) == (3, 7)

    def test_without_an_equals_sign(self) -> None:
        with pytest.raises(InputError) as error:
            load_config(overrides=["train.epochs"])
        assert one_line(error) == "--set train.epochs: write it as key=value, such as train.epochs=3"

    def test_second_line_does_not_smuggle_in_a_value(self) -> None:
        with pytest.raises(InputError) as error:
            load_config(overrides=["train.epochs=3\nother=4"])
        assert one_line(error).startswith(r"train.epochs cannot be '3\nother=4'")

    @given(key=st.sampled_from(config_keys()), text=ANY_TEXT)
    def test_any_text_is_taken_or_refused_in_one_line(self, key: str, text: str) -> None:
        assert_taken_or_refused(lambda: load_config(overrides=[f"{key}={text}"]))


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as error:
            load_config(tmp_path / "none.toml")
        assert one_line(error) == f"config file: no such file or directory [{tmp_path / 'none.toml'}]: check the path"

    @pytest.mark.parametrize(
        "content",
        [b"[train", b"epochs 3", b"a = 1\na = 2", b"\xff\xfe[\x00", b"a = " + b"[" * 5000, b"a = " + b"9" * 5000],
        ids=["cut", "no equals", "twice", "UTF-16", "deep", "long number"],
    )
    def test_not_toml(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "run.toml"
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            load_config(path)
        line = one_line(error)
        assert line.startswith("config file is not TOML: ")
        assert line.endswith(f" [{path}]: mend that line")

    def test_byte_order_mark_of_windows_editors_is_skipped(self, tmp_path: Path) -> None:
        path = tmp_path / "run.toml"
        path.write_bytes(b"\xef\xbb\xbf[train]\r\nepochs = 3\r\n")
        assert load_config(path).train.epochs == 3

    def test_empty_file_and_no_file_are_the_defaults(self, tmp_path: Path) -> None:
        assert load_config(written(tmp_path, "")) == load_config() == Config()
