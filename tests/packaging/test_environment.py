import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import environment
import machine
import pytest
from environment import Environment
from machine import SetupError

PYPROJECT = """
[project]
name = "tiny"
dependencies = ["torch>=2.10", "torchvision>=0.25", "torchmetrics", "torch-scatter", "numpy"]
"""
TORCH = ["torch>=2.10", "torchvision>=0.25"]
CPU = f"--index-url={environment.CPU_INDEX}"


class _Machine:
    """A machine on which set-ups are tried without a network.

    Attributes:
        calls: The arguments of each call of pip.
        on_pip: What pip does beyond being recorded.
        made: How often an environment was made.
        asked_gb: The disk space that was asked for.
        gpu: Whether there is an NVIDIA GPU.
        index: Whether PyTorch's own index can be reached; how often it was asked is `probes`.
        version: The version of Python in the environments that are made.
    """

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.on_pip: Callable[[list[str]], None] = lambda arguments: None
        self.made = 0
        self.asked_gb: list[float] = []
        self.gpu = False
        self.index = True
        self.probes = 0
        self.version = "3.11"

    def answers_index(self, url: str) -> bool:
        self.probes += 1
        return self.index


class _Environment(Environment):
    """An environment on that machine, whose Python is a file that holds its version."""

    def __init__(self, root: Path, here: _Machine) -> None:
        super().__init__(root)
        self._here = here

    def pip(self, _what: str, *arguments: str) -> None:
        self._here.calls.append(list(arguments))
        self._here.on_pip(list(arguments))

    def _make(self) -> None:
        self._here.made += 1
        self.python.parent.mkdir(parents=True)
        self.python.write_text(self._here.version)

    def _answer(self, *_arguments: str) -> str:
        return self.python.read_text() if self.python.exists() else ""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> _Machine:
    here = _Machine()
    monkeypatch.setattr(machine, "check_disk", lambda folder, gigabytes: here.asked_gb.append(gigabytes))
    monkeypatch.setattr(machine, "has_nvidia_gpu", lambda: here.gpu)
    monkeypatch.setattr(machine, "index_answers", here.answers_index)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    return here


@pytest.fixture
def env(tmp_path: Path, here: _Machine) -> Environment:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return _Environment(tmp_path, here)


def _project(env: Environment, *, dev: bool) -> list[str]:
    group = [f"--group={env.root / 'pyproject.toml'}:dev"] if dev else []
    return ["--progress-bar=raw", f"--editable={env.root}", *group]


def _torch_for_the_cpu() -> list[str]:
    return ["--progress-bar=raw", CPU, *TORCH]


def test_the_first_start_installs_pip_then_pytorch_then_the_project(here: _Machine, env: Environment) -> None:
    env.set_up(dev=False)
    assert here.made == 1
    assert here.calls == [["pip>=25.1"], _torch_for_the_cpu(), _project(env, dev=False)]
    assert not env.marker.exists()


def test_the_second_start_changes_nothing(here: _Machine, env: Environment) -> None:
    env.set_up(dev=True)
    here.calls.clear()
    stamp = env.stamp.read_bytes()
    for dev in (True, False):  # the development tools include what `run` needs
        env.set_up(dev=dev)
    assert here.calls == []
    assert (here.made, here.probes) == (1, 1)
    assert env.stamp.read_bytes() == stamp


def test_the_tests_add_their_tools_to_what_is_there(here: _Machine, env: Environment) -> None:
    env.set_up(dev=False)
    here.calls.clear()
    env.set_up(dev=True)
    assert here.calls == [["pip>=25.1"], _project(env, dev=True)]
    assert (here.made, here.probes) == (1, 1)


def test_a_changed_project_file_is_installed_in_place(here: _Machine, env: Environment) -> None:
    env.set_up(dev=True)
    here.calls.clear()
    (env.root / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    env.set_up(dev=False)
    assert here.calls == [["pip>=25.1"], _project(env, dev=True)]
    assert here.made == 1
    env.set_up(dev=False)
    assert len(here.calls) == 2


def test_an_interrupted_set_up_is_made_anew(
    here: _Machine, env: Environment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(arguments: list[str]) -> None:
        (env.folder / "half-unpacked").mkdir()
        (env.folder / "half-unpacked" / "file").touch()
        raise KeyboardInterrupt

    here.on_pip = interrupt
    with pytest.raises(KeyboardInterrupt):
        env.set_up(dev=False)
    assert env.marker.exists()

    monkeypatch.setattr(machine, "process_lives", lambda pid: False)
    here.on_pip = lambda arguments: None
    here.calls.clear()
    env.set_up(dev=False)
    assert "an earlier set-up was interrupted" in capsys.readouterr().err
    assert here.made == 2
    assert here.calls == [["pip>=25.1"], _torch_for_the_cpu(), _project(env, dev=False)]
    assert not (env.folder / "half-unpacked").exists()
    assert not env.marker.exists()


def test_a_set_up_that_is_still_busy_is_left_alone(here: _Machine, env: Environment) -> None:
    env.folder.mkdir()
    env.marker.write_text(f"{os.getpid()} 999999999")
    with pytest.raises(SetupError, match="another set-up is busy here"):
        env.set_up(dev=False)
    assert env.marker.exists()
    assert here.calls == []


def test_a_failure_of_pip_loses_nothing(here: _Machine, env: Environment) -> None:
    def fail(arguments: list[str]) -> None:
        raise SetupError("no network")

    env.set_up(dev=False)
    here.on_pip = fail
    with pytest.raises(SetupError, match="no network"):
        env.set_up(dev=True)
    assert not env.marker.exists()
    here.calls.clear()
    env.set_up(dev=False)  # works offline, as before
    assert here.calls == []
    assert here.made == 1


def test_a_killed_pip_may_have_broken_things(here: _Machine, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(arguments: list[str]) -> None:
        raise SetupError("killed", half_done=True)

    here.on_pip = die
    with pytest.raises(SetupError, match="killed"):
        env.set_up(dev=False)
    monkeypatch.setattr(machine, "process_lives", lambda pid: False)
    here.on_pip = lambda arguments: None
    env.set_up(dev=False)
    assert here.made == 2


def test_another_python_means_a_new_environment(
    here: _Machine, env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    env.set_up(dev=False)
    env.python.write_text("3.12")
    here.version = "3.12"
    env.set_up(dev=False)
    assert "it was made for python 3.11, which is 3.12 now" in capsys.readouterr().err
    assert here.made == 2
    env.set_up(dev=False)
    assert here.made == 2


def test_a_moved_project_means_a_new_environment(here: _Machine, env: Environment) -> None:
    env.set_up(dev=False)
    moved = env.root.rename(env.root.with_name("moved"))
    _Environment(moved, here).set_up(dev=False)
    assert here.made == 2
    assert json.loads(Environment(moved).stamp.read_text())["root"] == str(moved)


@pytest.mark.parametrize("stamp", ["", "[]", "{not json"])
def test_an_unreadable_stamp_is_no_stamp(stamp: str, here: _Machine, env: Environment) -> None:
    env.set_up(dev=False)
    env.stamp.write_text(stamp)
    here.calls.clear()
    env.set_up(dev=False)
    assert here.calls[-1] == _project(env, dev=False)


def test_a_small_disk_stops_before_anything_is_made(
    here: _Machine, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, gigabytes: float) -> None:
        raise SetupError("the disk is too small")

    monkeypatch.setattr(machine, "check_disk", refuse)
    with pytest.raises(SetupError, match="the disk is too small"):
        env.set_up(dev=False)
    assert not env.folder.exists()


def test_without_pytorchs_index_the_default_build_is_taken_and_said(
    here: _Machine, env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    here.index = False
    env.set_up(dev=False)
    assert here.calls == [["pip>=25.1"], _project(env, dev=False)]
    assert here.asked_gb == [environment.CPU_BUILD_GB, environment.CUDA_BUILD_GB]
    said = capsys.readouterr().err
    assert "Taking PyTorch's default build, about 5 GB, because PyTorch's own index" in said
    assert "cannot be reached" in said


def test_where_the_cpu_build_fails_the_default_build_is_taken_and_said(
    here: _Machine, env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> None:
        if CPU in arguments:
            raise SetupError("torch does not exist for this machine")

    here.on_pip = fail
    env.set_up(dev=False)
    assert here.calls == [["pip>=25.1"], _torch_for_the_cpu(), _project(env, dev=False)]
    assert here.asked_gb == [environment.CPU_BUILD_GB, environment.CUDA_BUILD_GB]
    assert "because the CPU build failed: torch does not exist for this machine" in capsys.readouterr().err
    assert env.stamp.exists()


def test_an_nvidia_gpu_gets_the_default_build(
    here: _Machine, env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    here.gpu = True
    env.set_up(dev=False)
    assert here.calls == [["pip>=25.1"], _project(env, dev=False)]
    assert here.probes == 0
    assert here.asked_gb == [environment.CPU_BUILD_GB, environment.CUDA_BUILD_GB]
    assert "default build, about 5 GB, for the NVIDIA GPU" in capsys.readouterr().err


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_elsewhere_pypis_build_is_small_already(
    system: str, here: _Machine, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    env.set_up(dev=False)
    assert here.calls == [["pip>=25.1"], _project(env, dev=False)]
    assert (here.probes, here.asked_gb) == (0, [environment.CPU_BUILD_GB])


def test_a_windows_user_with_a_gpu_hears_where_cuda_is(
    here: _Machine, env: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    here.gpu = True
    env.set_up(dev=False)
    assert "has no CUDA" in capsys.readouterr().err
