"""What every layer hands on in one pass forward, and the gradient of that on the way back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cnnstudio.engine.layer_blocks import Block, block_at, blocks_of
from cnnstudio.engine.tensor_rows import Kept, Row, figures, of_first_image, of_parameter
from cnnstudio.models.blocks import Add, Concat


@dataclass(frozen=True, slots=True)
class _Label:
    """What a tensor is called.

    Attributes:
        name: Unique.
        title: What it is within its block; empty where the name says it.
        kind: Type of the layer, or what it is.
        block: What it belongs to.
        symbol: Whether the title is a part of the block's formula.
    """

    name: str
    title: str
    kind: str
    block: Block | None
    symbol: bool = False


class Recording:
    """Takes the figures of each tensor the moment it is computed, by hooks: what follows may work in place.

    Nothing that is computed changes, and nothing of the device's memory is kept.
    """

    def __init__(self, network: nn.Module) -> None:
        """Begin; the next pass through the network is recorded.

        Args:
            network: A module in training mode; layers without children are recorded, and what enters a sum or is put
                one behind the other.
        """
        self._network = network
        self._blocks = blocks_of(network)
        self._labels: list[_Label] = []
        self._layers: dict[str, nn.Module] = {}
        self._outputs: dict[str, Row] = {}
        self._gradients: dict[str, Row] = {}
        self._scale = 1.0
        self._forward, self._backward = ExitStack(), ExitStack()
        for path, module in network.named_modules():
            if isinstance(module, Add):
                self._keep(self._forward, module.register_forward_pre_hook(partial(self._see_summands, path)))
            elif isinstance(module, Concat):
                self._keep(self._forward, module.register_forward_pre_hook(partial(self._see_branches, path)))
            if not isinstance(module, nn.Identity) and next(module.children(), None) is None:
                self._keep(self._forward, module.register_forward_hook(partial(self._see_output, path)))

    def close(self) -> None:
        """Take all hooks away."""
        self._forward.close()
        self._backward.close()

    def end_forward(self, scale: float) -> tuple[Row, ...]:
        """Return what was computed, in that order; what passes later is not recorded.

        Args:
            scale: By which the loss will be multiplied before it goes back.
        """
        self._forward.close()
        self._scale = scale
        rows, self._outputs = tuple(self._outputs.values()), {}
        return rows

    def end_backward(self) -> tuple[Row, ...]:
        """Return the gradients of all outputs, of the last one first, each with those of its layer's parameters."""
        self._backward.close()
        return tuple(self._all_gradients())

    def _all_gradients(self) -> Iterator[Row]:
        for label in reversed(self._labels):
            if label.name in self._gradients:
                yield self._gradients[label.name]
            layer = self._layers.get(label.name)
            if layer is None:
                continue
            for name, parameter in layer.named_parameters(recurse=False):
                if parameter.grad is not None:
                    kind = f"gradient of the parameter {name}"
                    of = replace(label, name=f"{label.name}.{name}", title="", kind=kind)
                    yield _row(of, parameter.grad / self._scale, of_parameter, gradient=True)

    def _see_output(self, path: str, module: nn.Module, _inputs: object, output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        name = self._take(_label(path, module, block_at(path, self._blocks)), output)
        self._layers[name] = module

    def _see_summands(self, path: str, _module: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        block = self._blocks[path.rpartition(".")[0]]
        words = "shortcut" if block.shortcut == "a(l)" else "shortcut, as wide as the branch"
        self._take(_Label(f"{path}:branch", block.branch, "branch", block, symbol=True), inputs[0])
        self._take(_Label(f"{path}:shortcut", block.shortcut, words, block, symbol=True), inputs[1])

    def _see_branches(self, path: str, _module: nn.Module, inputs: tuple[Sequence[Tensor]]) -> None:
        block = self._blocks[path.rpartition(".")[0]]
        last = path.rpartition(".")[2]
        for number, branch in enumerate(inputs[0], start=1):
            title = f"branch {number} of {len(inputs[0])}"
            self._take(_Label(f"{path}:{number}", title, f"into {last}", block), branch)

    @torch.no_grad()
    def _take(self, label: _Label, tensor: Tensor) -> str:
        """Note a tensor (N, ...); return its name, which tells a second pass through the same layer."""
        if label.name in self._outputs:
            again = sum(name.startswith(f"{label.name} #") for name in self._outputs) + 2
            label = replace(label, name=f"{label.name} #{again}")
        self._labels.append(label)
        self._outputs[label.name] = _row(label, tensor, of_first_image)
        if tensor.requires_grad:
            handle = tensor.register_hook(partial(self._see_gradient, label))  # type: ignore[no-untyped-call]
            self._keep(self._backward, handle)
        return label.name

    @torch.no_grad()
    def _see_gradient(self, label: _Label, gradient: Tensor) -> None:
        title, kind = label.title, f"gradient of the output, {label.kind}"
        if label.symbol:
            title, kind = f"∂L/∂({title})" if " + " in title else f"∂L/∂{title}", f"gradient, {label.kind}"
        of = replace(label, title=title, kind=kind)
        self._gradients[label.name] = _row(of, gradient / self._scale, of_first_image, gradient=True)

    @staticmethod
    def _keep(stack: ExitStack, handle: Any) -> None:
        stack.callback(handle.remove)


def _label(path: str, module: nn.Module, block: Block | None) -> _Label:
    """Return what the output of a layer is called: the sum of a residual block and what follows it by its formula."""
    title, kind = path.removeprefix(f"{block.path}.") if block else "", type(module).__name__
    if block is not None and isinstance(module, Add):
        if block.rectified:
            return _Label(path, block.sum, "sum before the ReLU", block, symbol=True)
        return _Label(path, block.output, f"sum {block.sum}", block, symbol=True)
    if block is not None and block.rectified and title == "relu":
        return _Label(path, block.output, f"ReLU: σ({block.sum})", block, symbol=True)
    return _Label(path, title, kind, block)


def _row(label: _Label, tensor: Tensor, keep: Callable[[Tensor], Kept], *, gradient: bool = False) -> Row:
    formula = "" if label.block is None else label.block.gradient if gradient else label.block.formula
    return Row(
        name=label.name,
        title=label.title,
        kind=label.kind,
        block=label.block.path if label.block else "",
        formula=formula,
        shape=tuple(tensor.shape),
        figures=figures(tensor),
        kept=keep(tensor),
    )
