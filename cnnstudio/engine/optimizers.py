"""PyTorch's optimizers without its compiler, which they load at their first use: two seconds and 170 MB."""

import inspect
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.optim import SGD, AdamW, Optimizer

# What of an optimizer is kept from the compiler; torch wraps it into functions that load the compiler to tell it so.
_KEPT: Final = ("state_dict", "load_state_dict", "zero_grad", "add_param_group")


def _bare(kind: type[Optimizer]) -> dict[str, Callable[..., Any]]:
    """Return the methods of an optimizer as they were written."""
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in _KEPT}
    return {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))}


# Subclasses made at run time: whatever torch's own methods are, these are the same.
PlainSGD: Final[type[SGD]] = type("PlainSGD", (SGD,), _bare(SGD))
PlainAdamW: Final[type[AdamW]] = type("PlainAdamW", (AdamW,), _bare(AdamW))
