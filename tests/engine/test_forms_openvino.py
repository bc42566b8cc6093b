"""OpenVINO runs where it is installed, and reports to nobody."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from cnnstudio.core.config import ComputeConfig
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.forms_openvino import OpenVino

COMPUTE = resolve(ComputeConfig(device="cpu", precision="float32"))
Floats = NDArray[np.float32]


@pytest.fixture
def module() -> nn.Module:
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.Sigmoid()]
    module = nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)
    COMPUTE.place(module)
    return module


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Put something in OpenVINO's place that runs the graph by torch; returns the settings that it was given."""
    given: list[dict[str, str]] = []

    def compile_model(program: Any, device: str, settings: dict[str, str]) -> Any:
        assert device == "CPU"
        given.append(settings)

        def network(inputs: list[Floats]) -> list[Floats]:
            assert inputs[0].flags.c_contiguous
            return [program.module()(torch.from_numpy(inputs[0])).numpy()]

        return network

    fake: Any = ModuleType("openvino")
    fake.convert_model = lambda program: program
    fake.Core = lambda: SimpleNamespace(compile_model=compile_model)
    monkeypatch.setitem(sys.modules, "openvino", fake)
    return given


def test_where_it_is_not_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert OpenVino().obstacle(COMPUTE) == "openvino is not installed"


def test_it_is_for_cpus(settings: list[dict[str, str]]) -> None:
    assert OpenVino().obstacle(COMPUTE) == ""
    cuda = Compute(torch.device("cuda"), "any", "bfloat16", torch.channels_last)
    assert OpenVino().obstacle(cuda) == "it is not used on CUDA"


@pytest.mark.parametrize(("precision", "hint"), [("float32", "f32"), ("bfloat16", "bf16")])
def test_the_graph_is_converted_and_the_precision_asked_for(
    settings: list[dict[str, str]], module: nn.Module, precision: str, hint: str
) -> None:
    compute = resolve(ComputeConfig.model_validate({"device": "cpu", "precision": precision}))
    first, second = torch.randn(2, 8, 3, 16, 16)
    form, answer = OpenVino().build(module, first.contiguous(memory_format=torch.channels_last), compute)
    torch.testing.assert_close([answer, form(second)], [module(first), module(second)])
    assert settings[0]["INFERENCE_PRECISION_HINT"] == hint


def test_it_is_imported_without_what_reports_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    telemetry = ModuleType("openvino_telemetry")
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    monkeypatch.setitem(sys.modules, "openvino_telemetry", telemetry)

    def import_module(name: str) -> Any:
        imported.append(name)
        with pytest.raises(ImportError):
            __import__("openvino_telemetry")
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ImportError):
        OpenVino().build(nn.Identity(), torch.zeros(1, 3, 8, 8), COMPUTE)
    assert imported == ["openvino"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is an optional extra")
def test_the_real_one_answers_as_the_network_does(module: nn.Module, user_home: Path) -> None:
    first, second = torch.randn(2, 8, 3, 16, 16)
    form, answer = OpenVino().build(module, first, COMPUTE)
    torch.testing.assert_close([answer, form(second)], [module(first), module(second)])
    assert "openvino_telemetry.main" not in sys.modules
    assert not (user_home / "intel").exists()  # where it would keep the number by which it reports
