"""What is worth trying, by device, network and wishes."""

import pytest
import torch

from cnnstudio.core.config import ComputeConfig
from cnnstudio.engine.candidates import candidates
from cnnstudio.engine.device import Compute


def names(config: ComputeConfig, *, depthwise: bool = False) -> list[str]:
    return [f"{each.precision} {each.layout}" for each in candidates(config, depthwise=depthwise)]


def both(*precisions: str) -> list[str]:
    return [f"{each} {layout}" for each in precisions for layout in ("channels_last", "contiguous")]


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True, "avx512_bf16": True})


def pretend(monkeypatch: pytest.MonkeyPatch, kind: str, *, bfloat16: bool = True) -> None:
    monkeypatch.setattr("cnnstudio.engine.device.devices", lambda: (torch.device(kind),))
    monkeypatch.setattr("cnnstudio.engine.device.device_name", lambda _: "imaginary")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bfloat16)


def test_a_cpu_without_bfloat16_has_only_layouts_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    for depthwise in (False, True):
        assert names(ComputeConfig(device="cpu"), depthwise=depthwise) == both("float32")


@pytest.mark.usefixtures("cpu")
def test_a_cpu_with_bfloat16_tries_all_forms_of_it() -> None:
    assert names(ComputeConfig(device="cpu")) == both("bfloat16", "bfloat16_products", "float32")
    found = names(ComputeConfig(device="cpu"), depthwise=True)
    assert found[0] == "bfloat16_dense channels_last"
    assert sorted(found) == sorted(both("bfloat16", "bfloat16_dense", "bfloat16_products", "float32"))


def test_without_amx_float32_is_the_rule_and_bfloat16_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    found = names(ComputeConfig(device="cpu"))
    assert found[0] == "float32 channels_last"
    assert sorted(found) == sorted(both("bfloat16", "bfloat16_products", "float32"))


@pytest.mark.usefixtures("cpu")
def test_what_the_user_has_chosen_is_not_tried() -> None:
    layout = ComputeConfig(device="cpu", memory_format="contiguous")
    assert names(layout) == ["bfloat16 contiguous", "bfloat16_products contiguous", "float32 contiguous"]
    assert names(ComputeConfig(device="cpu", precision="float32")) == both("float32")
    chosen = ComputeConfig(device="cpu", precision="bfloat16_dense", memory_format="contiguous")
    assert names(chosen) == ["bfloat16_dense contiguous"]


@pytest.mark.parametrize(
    ("bfloat16", "depthwise", "expected"),
    [
        (True, False, ("bfloat16", "float32")),
        (True, True, ("bfloat16_dense", "float32")),
        (False, True, ("float16", "float32")),
    ],
)
def test_a_gpu_tries_its_shortest_type(
    monkeypatch: pytest.MonkeyPatch, bfloat16: bool, depthwise: bool, expected: tuple[str, ...]
) -> None:
    pretend(monkeypatch, "cuda", bfloat16=bfloat16)
    assert names(ComputeConfig(), depthwise=depthwise) == both(*expected)


def test_apples_gpus_are_left_to_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "mps")
    assert candidates(ComputeConfig(), depthwise=True) == (
        Compute(torch.device("mps"), "imaginary", "float32", torch.contiguous_format),
    )
