"""The one seam to devices: which one computes, in what arithmetic and layout, and how to say so."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import psutil
import torch
from torch import Tensor, nn

from cnnstudio.core.config import ComputeConfig
from cnnstudio.core.errors import InputError
from cnnstudio.engine.depthwise import dense_autocast, has_depthwise

ResolvedPrecision = Literal["float32", "bfloat16", "bfloat16_dense", "bfloat16_products", "float16"]
ResolvedLayout = Literal["channels_last", "contiguous"]

# Read once a process, at its first product on a GPU: a deterministic run may come after an ordinary one.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

_SHORT: Final[dict[ResolvedPrecision, str]] = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "bfloat16_dense": "bf16, depthwise fp32",
    "bfloat16_products": "fp32, bf16 products",
    "float16": "fp16",
}
_BFLOAT16: Final = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")  # what CPUs that multiply in it call that


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how a run computes.

    Attributes:
        device: The device of network and images.
        name: The device in words, such as `NVIDIA GeForce RTX 4070`.
        precision: Arithmetic of convolutions and matrix products; weights stay float32.
        memory_format: Layout of `(N, C, H, W)` tensors.
    """

    device: torch.device
    name: str
    precision: ResolvedPrecision
    memory_format: torch.memory_format

    @property
    def label(self) -> str:
        """Device and arithmetic as the device chip shows them: `CUDA · RTX 4070 · bf16`."""
        kind = self.device.type.upper()
        parts = [kind] if self.device.type in {"cpu", "mps"} else [kind, self.name]
        return " · ".join([*parts, _SHORT[self.precision]])

    @property
    def layout(self) -> ResolvedLayout:
        """The memory format as the configuration names it."""
        return "channels_last" if self.memory_format == torch.channels_last else "contiguous"

    @property
    def halves(self) -> bool:
        """Whether all that passes between layers takes half the memory of float32."""
        return self.precision in {"bfloat16", "float16"}

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes run."""
        match self.precision:
            case "float32" | "bfloat16_products":
                return contextlib.nullcontext()
            case "bfloat16_dense":
                return dense_autocast(self.device.type)
            case "bfloat16" | "float16":
                return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))

    def suited_to(self, module: nn.Module) -> "Compute":
        """Return what does the same for a module: telling convolutions apart takes time where none is depthwise."""
        simpler = self.precision == "bfloat16_dense" and not has_depthwise(module)
        return replace(self, precision="bfloat16") if simpler else self

    def place(self, network: nn.Module) -> None:
        """Move a network to the device and into the memory format."""
        network.to(self.device).to(memory_format=self.memory_format)

    def there(self, tensor: Tensor) -> Tensor:
        """Return a tensor on the device; nothing waits for a GPU, unless the tensor is large."""
        return tensor.to(self.device, non_blocking=self.device.type == "cuda")

    def rows(self, tensor: Tensor, indices: Tensor) -> Tensor:
        """Return some rows (B, ...) of a tensor (N, ...), which is on the CPU, on the device; nothing waits for a GPU.

        Args:
            tensor: Of any size.
            indices: (B,) int64, on the CPU.
        """
        if self.device.type != "cuda":
            return tensor.index_select(0, indices).to(self.device)  # copies rows, which `[indices]` does not
        pinned = torch.empty((len(indices), *tensor.shape[1:]), dtype=tensor.dtype, pin_memory=True)
        return torch.index_select(tensor, 0, indices, out=pinned).to(self.device, non_blocking=True)

    def images(self, pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Bring a batch of pixels to the device as the network wants it.

        Args:
            pixels: `(B, S, S, 3)` uint8, on the CPU or there already.
            mean: `(3, 1, 1)` float32 on the device, in units of [0, 1].
            std: The same for the standard deviation.

        Returns:
            `(B, 3, S, S)` float32 on the device, normalised.
        """
        on_device = self.there(pixels).permute(0, 3, 1, 2)
        scaled = on_device.to(torch.float32).div_(255.0).sub_(mean).div_(std)
        return scaled.contiguous(memory_format=self.memory_format)


def resolve(config: ComputeConfig, *, depthwise: bool = False) -> Compute:
    """Turn every `auto` into what such a machine does best as a rule; `tuning` finds out what it really is.

    Args:
        config: The wishes.
        depthwise: Whether the network has depthwise convolutions, which are slow in bfloat16.

    Raises:
        InputError: The device does not exist here, or cannot do the arithmetic.
    """
    device = _device(config.device)
    memory_format = torch.contiguous_format if device.type == "mps" else torch.channels_last
    if config.memory_format != "auto":
        memory_format = torch.channels_last if config.memory_format == "channels_last" else torch.contiguous_format
    if config.precision == "float16" and device.type == "cpu":
        raise InputError(
            "float16 trains on GPUs only", where="compute.precision", remedy="choose bfloat16 or float32 for the CPU"
        )
    if config.precision == "bfloat16_products" and not (device.type == "cpu" and multiplies_bfloat16()):
        raise InputError(
            "bfloat16_products is for CPUs that multiply in bfloat16, and this device is none",
            where="compute.precision",
            remedy="choose auto or float32",
        )
    precision = _best_precision(device, depthwise) if config.precision == "auto" else config.precision
    return Compute(device, device_name(device), precision, memory_format)


def device_name(device: torch.device) -> str:
    """Return the name of a device in words."""
    if device.type == "cpu":
        return str(torch.cpu.get_capabilities().get("cpu_name") or platform.processor() or platform.machine())
    module = torch.get_device_module(device)
    if hasattr(module, "get_device_name"):
        return str(module.get_device_name(device)).removeprefix("NVIDIA ").removeprefix("GeForce ")
    return "Apple GPU" if device.type == "mps" else device.type.upper()


def multiplies_bfloat16() -> bool:
    """Whether the CPU has instructions for products in bfloat16; without them it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(each) for each in _BFLOAT16)


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes a run could use on a device, those included that torch keeps of an earlier one.

    Apple's GPUs use the memory of the system. None where a device does not tell.
    """
    if device.type in {"cpu", "mps"}:
        return int(psutil.virtual_memory().available)
    try:
        free, _ = torch.accelerator.get_memory_info(device)
    except RuntimeError:
        return None
    return free + torch.accelerator.memory_reserved(device) - torch.accelerator.memory_allocated(device)


def devices() -> tuple[torch.device, ...]:
    """Return all devices that can compute here, the CPU last."""
    found = torch.accelerator.current_accelerator(check_available=True)
    accelerators = (
        [] if found is None else [torch.device(found.type, i) for i in range(torch.accelerator.device_count())]
    )
    return (*accelerators, torch.device("cpu"))


@contextlib.contextmanager
def arithmetic(*, deterministic: bool, precision: ResolvedPrecision = "float32") -> Iterator[None]:
    """Set the process-wide switches of a run and put them back afterwards.

    Deterministic means the same weights again on the same machine with the same versions: cuDNN picks deterministic
    algorithms, and an operation that has none raises.

    On CPUs numbers too small to have all their digits count as 0 on this thread, and on those that share its work if
    they are begun later: a step of a head whose gradient had vanished took 780 µs with them and 290 µs without.

    Args:
        deterministic: Whether that is wanted.
        precision: Of the run; `bfloat16_products` is such a switch, as backward passes have to see it too.
    """
    cudnn = torch.backends.cudnn
    before = (
        cudnn.deterministic,
        cudnn.benchmark,
        cudnn.allow_tf32,
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        _flushes_denormals(),
    )
    cudnn.deterministic = deterministic
    cudnn.benchmark = False  # trying all algorithms took 5 to 27 s before the first step of a size (H200, cuDNN 9)
    cudnn.allow_tf32 = False  # float32 means float32; the shorter types are for speed
    _use_deterministic(deterministic)
    # The number is a thread's own; a fresh thread may start with another one, and sums would round differently.
    torch.set_num_threads(compute_threads())
    torch.set_flush_denormal(True)
    try:
        with _bfloat16_products() if precision == "bfloat16_products" else contextlib.nullcontext():
            yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before[:3]
        _use_deterministic(before[3])
        torch.set_num_threads(before[4])
        torch.set_flush_denormal(before[5])


def _flushes_denormals() -> bool:
    """Whether this thread takes numbers that are not normal for 0; torch does not tell."""
    return sys.float_info.min / 2 == 0


def _use_deterministic(wanted: bool) -> None:
    if torch.are_deterministic_algorithms_enabled() != wanted:  # setting it loads torch's compiler, for two seconds
        torch.use_deterministic_algorithms(wanted)


@contextlib.contextmanager
def _bfloat16_products() -> Iterator[None]:
    """Let oneDNN round the factors of float32 convolutions and matrix products to bfloat16; sums stay float32."""
    mkldnn: Any = torch.backends.mkldnn
    before, product = mkldnn.conv.fp32_precision, torch.get_float32_matmul_precision()
    mkldnn.conv.fp32_precision = "bf16"
    torch.set_float32_matmul_precision("medium")  # by this name, or reading it back raises
    try:
        yield
    finally:
        mkldnn.conv.fp32_precision = before
        torch.set_float32_matmul_precision(product)


@contextlib.contextmanager
def all_threads() -> Iterator[None]:
    """Share operations among all threads that compute, even where the steps of a small head have but one."""
    before = torch.get_num_threads()
    if before == compute_threads():  # setting the number makes oneDNN forget what it has prepared
        yield
        return
    torch.set_num_threads(compute_threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compute_threads() -> int:
    """Return the number of threads that compute: `OMP_NUM_THREADS` where it is set, else one a physical core."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return int(wish) if wish.isdecimal() and int(wish) > 0 else physical_cores()


def physical_cores() -> int:
    """Return the number of physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def _device(wish: str) -> torch.device:
    if wish == "auto":
        return devices()[0]
    try:
        device = torch.device(wish)
    except RuntimeError:
        device = torch.device("meta")
    known = {str(each) for each in devices()} | {each.type for each in devices()}
    if str(device) not in known:
        raise InputError(
            f"no device {wish!r} on this machine",
            where="compute.device",
            remedy=f"use auto or one of {', '.join(sorted(known))}",
        )
    return device


def _best_precision(device: torch.device, depthwise: bool) -> ResolvedPrecision:
    if device.type == "cuda":
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            return "float16"
        # cuDNN 9 takes 12 s to begin with depthwise convolutions in bfloat16 (EfficientNet-Lite0, H200).
        return "bfloat16_dense" if depthwise else "bfloat16"
    if device.type == "cpu":
        # Without AMX tiles bfloat16 is slower than float32 (pytorch#118499).
        if not torch.cpu.get_capabilities().get("amx_bf16"):
            return "float32"
        return "bfloat16_dense" if depthwise else "bfloat16"
    return "float32"
