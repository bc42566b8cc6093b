"""PyTorch's optimizers without what costs more than it brings here.

Its compiler, which they load at their first use, takes two seconds and 170 MB; to tell a profiler of each step takes a
fifth of the step of a small head.
"""

import functools
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
    return {**methods, "step": _with_hooks(torch.no_grad()(inspect.unwrap(kind.step)))}


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that calls the hooks of its optimizer before and behind it; what they return is ignored."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, args, kwargs)
        found = step(self, *args, **kwargs)
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, args, kwargs)
        return found

    wrapper.hooked = True  # type: ignore[attr-defined]  # by this torch knows that it need not do so
    return wrapper


# Subclasses made at run time: whatever torch's own methods are, these are the same.
PlainSGD: Final[type[SGD]] = type("PlainSGD", (SGD,), _bare(SGD))
PlainAdamW: Final[type[AdamW]] = type("PlainAdamW", (AdamW,), _bare(AdamW))
