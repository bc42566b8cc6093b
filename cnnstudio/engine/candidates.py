"""In which arithmetics and layouts a device may be fastest; `tuning` finds out."""

import torch

from cnnstudio.core.config import ComputeConfig
from cnnstudio.engine.device import Compute, ResolvedPrecision, multiplies_bfloat16, resolve


def candidates(config: ComputeConfig, *, depthwise: bool) -> tuple[Compute, ...]:
    """Return what is worth trying where the configuration leaves it open, the choice by rule first.

    CPUs without instructions for bfloat16 are known to be slower with it. float16 is only for GPUs that lack bfloat16,
    which is as fast and needs no scaling of gradients; depthwise convolutions stay in float32 there, as a single first
    step in bfloat16 takes longer than tuning may. Accelerators other than CUDA's are left to the rule.

    Args:
        config: The wishes.
        depthwise: Whether the network has depthwise convolutions.

    Raises:
        InputError: The device does not exist here, or cannot do the arithmetic.
    """
    rule = resolve(config, depthwise=depthwise)
    if rule.device.type not in {"cpu", "cuda"}:
        return (rule,)
    precisions = _precisions(rule, depthwise) if config.precision == "auto" else (rule.precision,)
    open_layout = config.memory_format == "auto"
    layouts = (torch.channels_last, torch.contiguous_format) if open_layout else (rule.memory_format,)
    tried = (Compute(rule.device, rule.name, each, layout) for each in precisions for layout in layouts)
    return (rule, *(each for each in tried if each != rule))


def _precisions(rule: Compute, depthwise: bool) -> tuple[ResolvedPrecision, ...]:
    if rule.device.type != "cpu":
        return (rule.precision, "float32")
    dense: tuple[ResolvedPrecision, ...] = ("bfloat16_dense",) if depthwise else ()
    return ("bfloat16", *dense, "bfloat16_products", "float32") if multiplies_bfloat16() else ("float32",)
