"""The compiler runs where it can, in silence, and keeps what it has made."""

import threading
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from cnnstudio.core.config import ComputeConfig
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.forms_inductor import Inductor

COMPUTE = resolve(ComputeConfig(device="cpu", precision="float32"))
OBSTACLE = Inductor().obstacle(COMPUTE)


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert Inductor().obstacle(COMPUTE).startswith("there is no C++ compiler (")
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    assert Inductor().obstacle(COMPUTE) == "there is no C++ compiler (no-such-compiler -O2)"


def test_without_headers_of_python_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr("cnnstudio.engine.forms_inductor.sysconfig.get_path", lambda _: str(tmp_path))
    assert Inductor().obstacle(COMPUTE) == "Python's headers are missing"
    (tmp_path / "Python.h").touch()
    assert Inductor().obstacle(COMPUTE) == ""


def test_it_is_for_cpus() -> None:
    cuda = Compute(torch.device("cuda"), "any", "bfloat16", torch.channels_last)
    assert Inductor().obstacle(cuda) == "it is not used on CUDA"


def test_it_promises_nothing_in_float32() -> None:
    amx = Compute(torch.device("cpu"), "any", "bfloat16", torch.channels_last)
    assert Inductor().expected(COMPUTE).speed_up == 1.0
    assert Inductor().expected(amx).speed_up > 1.5


@pytest.mark.slow
@pytest.mark.skipif(bool(OBSTACLE), reason=OBSTACLE)
def test_it_compiles_in_a_thread_in_silence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.Sigmoid()]
    module = nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)
    COMPUTE.place(module)
    first, second = torch.randn(2, 8, 3, 16, 16)
    answers: list[torch.Tensor] = []

    def work() -> None:
        form, answer = Inductor().build(module, first, COMPUTE)
        with torch.no_grad():
            answers.extend((answer, form(second)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with torch.no_grad():
        torch.testing.assert_close(answers, [module(first), module(second)])
    assert list((tmp_path / "compiled").rglob("*.so")) or list((tmp_path / "compiled").rglob("*.pyd"))
    assert capfd.readouterr() == ("", "")
    assert psutil.Process().children() == []
