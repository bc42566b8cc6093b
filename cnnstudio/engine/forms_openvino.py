"""Intel's inference engine, where it is installed: `pip install cnnstudio[openvino]`."""

import importlib
import importlib.util
import sys
from typing import Any

import torch
from torch import Tensor, nn

from cnnstudio.engine.device import Compute, compute_threads
from cnnstudio.engine.forms_kinds import HALVES, Computation, Expected, graph_of


class OpenVino:
    """The network converted to OpenVINO, on the CPU.

    Attributes:
        key: What its measurements are kept under.
        title: As what the network runs.
        verb: What is done for it.
        repeat: Share of the first warm-up that later ones take.
    """

    key = "openvino"
    title = "by OpenVINO"
    verb = "Converting"
    repeat = 1.0

    def obstacle(self, compute: Compute) -> str:
        """Return what is missing for it; empty where nothing is."""
        if compute.device.type != "cpu":
            return f"it is not used on {compute.device.type.upper()}"
        installed = "openvino" in sys.modules or importlib.util.find_spec("openvino") is not None
        return "" if installed else "openvino is not installed"

    def expected(self, compute: Compute) -> Expected:
        """Return the least that it brought: 1.6-3.4 times the speed in bfloat16 (AMX), 1.2-4 in float32 (AVX2)."""
        return Expected(1.6 if compute.precision in HALVES else 1.2, 25.0)

    def build(self, module: nn.Module, images: Tensor, compute: Compute) -> tuple[Computation, Tensor]:
        """Convert from float32; OpenVINO itself computes in bfloat16 where the run does."""
        openvino = _openvino()
        example = images.contiguous()
        with torch.no_grad():
            program = torch.export.export(graph_of(module, example), (example,), strict=False)
        model = openvino.convert_model(program)
        settings = {
            "INFERENCE_PRECISION_HINT": "f32" if compute.precision == "float32" else "bf16",
            "INFERENCE_NUM_THREADS": str(compute_threads()),
            "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, on all threads
        }
        network = openvino.Core().compile_model(model, "CPU", settings)

        def computation(batch: Tensor) -> Tensor:
            return torch.from_numpy(network([batch.contiguous().numpy()])[0].copy())

        return computation, computation(example)


def _openvino() -> Any:
    """Import OpenVINO without the module by which it reports its use to Intel; it has a stand-in that sends nothing."""
    if "openvino" not in sys.modules:
        modules: dict[str, Any] = vars(sys)["modules"]
        modules["openvino_telemetry"] = None  # importing it raises from now on
    return importlib.import_module("openvino")
