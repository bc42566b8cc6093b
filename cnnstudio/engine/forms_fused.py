"""Convolutions that add and activate in the same pass, with weights in oneDNN's order: nothing has to be compiled."""

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, fx, nn

from cnnstudio.engine.device import Compute, multiplies_bfloat16
from cnnstudio.engine.forms_kinds import Computation, Expected, graph_of
from cnnstudio.engine.traced_weights import CONVOLUTION, constant, round_constants, set_constant

_ATEN: Final[Any] = torch.ops.aten
_ADD: Final = frozenset({_ATEN.add.Tensor, _ATEN.add_.Tensor})
_RELU: Final = frozenset({_ATEN.relu.default, _ATEN.relu_.default})
_CLAMP: Final = frozenset({_ATEN.hardtanh.default, _ATEN.hardtanh_.default})  # ReLU6


class Fused:
    """The network's own operations, but for what oneDNN does in the same pass as a convolution.

    In bfloat16 depthwise convolutions are computed in it too: it is only their backward pass that is slow there.

    Attributes:
        key: What its measurements are kept under.
        title: As what the network runs.
        verb: What is done for it.
        repeat: Share of the first warm-up that later ones take.
    """

    title = "fused"
    verb = "Fusing"
    repeat = 1.0

    def __init__(self, dtype: torch.dtype) -> None:
        """Choose the type of weights and of what passes between layers: float32 or bfloat16."""
        self._dtype = dtype
        self.key = f"fused {str(dtype).removeprefix('torch.')}"

    def obstacle(self, compute: Compute) -> str:
        """Return what is missing for it; empty where nothing is."""
        if compute.device.type != "cpu":
            return f"it is not used on {compute.device.type.upper()}"
        if not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
            return "torch comes without oneDNN here"
        if self._dtype == torch.bfloat16 and (compute.precision == "float32" or not multiplies_bfloat16()):
            return "the run does not compute in bfloat16"
        return ""

    def expected(self, compute: Compute) -> Expected:
        """Return the least that it brought on a CPU with AMX.

        In bfloat16 2.0 times the speed of EfficientNet-Lite0, whose depthwise convolutions are else computed in
        float32, and 1.15 times that of ResNet-18; in float32 1.1 times both.
        """
        if self._dtype == torch.float32:
            return Expected(1.1, 2.0)
        return Expected(1.8 if compute.precision == "bfloat16_dense" else 1.15, 2.0)

    def build(self, module: nn.Module, images: Tensor, _compute: Compute) -> tuple[Computation, Tensor]:
        """Fuse what can be fused; everything else stays as it is."""
        with torch.no_grad():
            graph = graph_of(module, images)
            if self._dtype != torch.float32:
                round_constants(graph, images, self._dtype)
            _fuse(graph)

        def computation(batch: Tensor) -> Tensor:
            features: Tensor = graph(batch.to(self._dtype))
            return features

        return computation, computation(images)


@dataclass(frozen=True, slots=True, eq=False)
class _Behind:
    """What a convolution does in the same pass.

    Attributes:
        nodes: What it stands for, the convolution first; the last one gives the result.
        added: What is added first, if anything.
        activation: What comes last, as oneDNN calls it.
        limits: Of that.
    """

    nodes: tuple[fx.Node, ...]
    added: fx.Node | None = None
    activation: str = "none"
    limits: tuple[float, ...] = ()


def _fuse(graph: fx.GraphModule) -> None:
    for node in graph.graph.find_nodes(op="call_function", target=CONVOLUTION):
        transposed, weight = node.args[6], node.args[1]
        if not transposed and isinstance(weight, fx.Node) and weight.op == "get_attr" and len(weight.users) == 1:
            _replace(graph, node, weight)
    graph.graph.eliminate_dead_code()
    graph.graph.lint()
    graph.recompile()


def _replace(graph: fx.GraphModule, node: fx.Node, weight: fx.Node) -> None:
    """Put oneDNN's convolution in the place of a node and of what can be done in the same pass."""
    inputs, _, bias, stride, padding, dilation, _, _, groups = node.args
    where: tuple[Any, ...] = (padding, stride, dilation, groups)
    assert isinstance(inputs, fx.Node)
    name = str(weight.target)
    reordered = torch.ops.mkldnn._reorder_convolution_weight(  # noqa: SLF001 - as torch's own compiler uses it
        constant(graph, name), *where, list(inputs.meta["val"].shape)
    )
    set_constant(graph, name, reordered)
    behind = _behind(node)
    limits = list(behind.limits)
    operation = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - the same
    with graph.graph.inserting_before(behind.nodes[-1]):
        if behind.added is None:
            arguments = (inputs, weight, bias, *where, behind.activation, limits, "")
            new = graph.graph.call_function(operation.default, arguments)
        else:
            activation = None if behind.activation == "none" else behind.activation
            arguments = (inputs, behind.added, weight, bias, *where, "add", 1.0, activation, limits, "")
            new = graph.graph.call_function(operation.binary, arguments)
    new.meta = behind.nodes[-1].meta
    behind.nodes[-1].replace_all_uses_with(new)
    for each in reversed(behind.nodes):
        graph.graph.erase_node(each)


def _behind(node: fx.Node) -> _Behind:
    """Return what follows a convolution and can be done with it: a sum of the same size, then ReLU or ReLU6."""
    nodes: tuple[fx.Node, ...] = (node,)
    user = _only_user(node)
    added = None if user is None else _added(node, user)
    if user is not None and added is not None:
        nodes = (node, user)
    user = _only_user(nodes[-1])
    if user is not None and user.target in _RELU:
        return _Behind((*nodes, user), added, "relu")
    if user is not None and user.target in _CLAMP:
        limits: Any = user.args[1:] or (-1.0, 1.0)
        return _Behind((*nodes, user), added, "hardtanh", tuple(map(float, limits)))
    return _Behind(nodes, added)


def _added(node: fx.Node, user: fx.Node) -> fx.Node | None:
    """Return what a node adds to a convolution, if that is what it does, and changes nothing else."""
    if user.target not in _ADD or user.kwargs:
        return None
    ours = user.args[0] is node
    other = user.args[1] if ours else user.args[0]
    if not isinstance(other, fx.Node) or other is node or not (ours or user.target is _ATEN.add.Tensor):
        return None
    return other if other.meta["val"].shape == node.meta["val"].shape else None


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None
