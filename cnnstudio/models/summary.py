"""The network as a table: what each layer gives, costs and sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from cnnstudio.core.config import ModelConfig
from cnnstudio.core.errors import InputError
from cnnstudio.models import registry
from cnnstudio.models.blocks import BasicConv2d
from cnnstudio.models.flow import Flow, Passage, Signal, pair
from cnnstudio.models.network import Network

_MANY_PIXELS = 256
_LARGEST_MINIMUM = 1 << 14
_MINIMA: dict[ModelConfig, int] = {}
_NO_MAPS = (nn.Linear, nn.Dropout)
_IN_PLACE = frozenset({"ReLU", "ReLU6", "Hardswish", "Hardsigmoid", "Dropout", "Dropout2d"})
"""Layers whose output takes the place of their input, or is not made at all where nothing is dropped."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One leaf layer.

    Attributes:
        name: Path in the network, the prefix of its keys.
        type: Class in `torch.nn` or here, such as `Conv2d` or `Add`.
        detail: What sets it apart, such as `3×3, stride 2, same`.
        stage: Name of its stage.
        output_shape: Of one image: (C, H, W) or (F,).
        parameters: Those not counted in a row before.
        flops: Floating-point operations for one image, two to a multiply-add; convolutions and Linear layers only.
        receptive_field: Side, in pixels, of the part of the image that one output depends on; the image's size after
            global pooling.
        frozen: Whether its stage does not learn.
        note: What happened to it, such as `1000 → 6 classes`.
        block: Path of the residual block, inception module or auxiliary head that it lies in; its stage otherwise.
        inputs: Names of the layers that it takes its input from; the first layer takes the image.
        kernel: Height × width of its window; empty without one.
        stride: Steps of the window; empty without one.
        padding: `same`, `valid` or how a border is filled; empty without a window.
        activation: Bytes of its output for one image in float32.
        auxiliary: Whether it belongs to a head that is there for training only.
    """

    name: str
    type: str
    detail: str
    stage: str
    output_shape: tuple[int, ...]
    parameters: int
    flops: int
    receptive_field: int
    frozen: bool
    note: str
    block: str = ""
    inputs: tuple[str, ...] = ()
    kernel: str = ""
    stride: str = ""
    padding: str = ""
    activation: int = 0
    auxiliary: bool = False


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage: its name and title, the shape that it hands on, its parameters, and whether it is frozen."""

    name: str
    title: str
    output_shape: tuple[int, ...]
    parameters: int
    frozen: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """All layers of a network for one image size.

    Attributes:
        rows: The layers in the order of computation.
        image_size: Side of the square input in pixels.
        parameters: Of all layers.
        trainable: Of the layers that learn.
        flops: For one image, without auxiliary heads.
        minimum_size: Side of the smallest square input that the network can take.
        stages: From the input to the head.
        auxiliary: Parameters of the auxiliary heads, which are there for training only.
        activation: Bytes of all outputs for one image in float32, as they are kept for the backward pass.
    """

    rows: tuple[LayerRow, ...]
    image_size: int
    parameters: int
    trainable: int
    flops: int
    minimum_size: int
    stages: tuple[StageRow, ...]
    auxiliary: int = 0
    activation: int = 0


def summarise(network: Network, *, image_size: int, flow: Flow | None = None) -> Summary:
    """Return the table of a network, wherever its weights are; nothing is computed on them.

    Args:
        network: The network.
        image_size: Side of the square input.
        flow: What passes through it, if that is known.

    Raises:
        InputError: The image is too small for the network.
    """
    flow = flow or Flow(network)
    minimum = smallest(flow, image_size)
    _check(flow, network, image_size, minimum, "this network")
    parameters = tuple(network.parameters())
    uncounted = {id(each): each.numel() for each in parameters}
    rows = tuple(_row(network, passage, uncounted) for passage in flow.layers(image_size))
    return Summary(
        rows=rows,
        image_size=image_size,
        parameters=sum(each.numel() for each in parameters),
        trainable=sum(each.numel() for each in parameters if each.requires_grad),
        auxiliary=sum(row.parameters for row in rows if row.auxiliary),
        flops=sum(row.flops for row in rows if not row.auxiliary),
        activation=sum(row.activation for row in rows if row.type not in _IN_PLACE),
        minimum_size=minimum,
        stages=_stage_rows(network, rows),
    )


def minimum_size(network: Network) -> int:
    """Return the side of the smallest square image that the network can take, found by trying."""
    return smallest(Flow(network))


def smallest(flow: Flow, image_size: int = _MANY_PIXELS) -> int:
    """Return the same of what passes through a network, for which images of `image_size` pixels are tried first."""
    return smallest_for(flow.model, lambda: flow, image_size)


def smallest_for(model: ModelConfig, flow: Callable[[], Flow], image_size: int = _MANY_PIXELS) -> int:
    """Return the same for some switches; it is remembered, as trying takes several passes and these alone decide.

    Args:
        model: The switches.
        flow: What passes through a network with these switches; asked only if that is needed.
        image_size: Tried first.
    """
    decides = {"dropout2d": 0.0, "pretrained": False, "batchnorm": True, "aux": float(model.aux > 0)}
    key = registry.resolved(model).model_copy(update=decides)
    if key not in _MINIMA:
        _MINIMA[key] = _tried(flow(), image_size)
    return _MINIMA[key]


def check_image_size(network: Network, image_size: int, title: str) -> None:
    """Check that images of `image_size` pixels are large enough.

    Args:
        network: The network with its switches.
        image_size: Side of the square input.
        title: What people call the architecture.

    Raises:
        InputError: They are not; the smallest legal size is named.
    """
    flow = Flow(network)
    if not flow.accepts(image_size):
        _check(flow, network, image_size, smallest(flow, image_size), title)


def watchable(network: Network) -> tuple[str, ...]:
    """Return the layers worth watching as feature maps (N, C, H, W), from the input to the head.

    These are all convolutions, and for each stage before the head the module that hands on its result.
    """
    paths: list[str] = []
    for stage in network.stages:
        modules = [path for path in stage.modules if path not in network.aux]  # which answer in training only
        for path in modules:
            layers = network.get_submodule(path).named_modules(prefix=path)
            paths += [name for name, module in layers if isinstance(module, nn.Conv2d)]
        if stage is not network.stages[-1] and isinstance(network.get_submodule(modules[-1]), _NO_MAPS):
            continue
        if stage is not network.stages[-1] and modules[-1] not in paths:
            paths.append(modules[-1])
    return tuple(paths)


def _tried(flow: Flow, first: int) -> int:
    legal, illegal, step = first, 0, 1
    while not flow.accepts(legal):
        illegal, legal = legal, 2 * legal
        assert legal <= _LARGEST_MINIMUM, "the network takes no image at all"
    guess = min(legal, max(illegal + 1, _guessed(flow.layers(legal))))
    while legal - illegal > 1 and guess > illegal:  # away from the guess in growing steps
        if not flow.accepts(guess):
            illegal = guess
            break
        legal, guess, step = guess, guess - step, 2 * step
    while legal - illegal > 1:
        middle = (legal + illegal) // 2
        legal, illegal = (middle, illegal) if flow.accepts(middle) else (legal, middle)
    return legal


def _guessed(passages: Sequence[Passage]) -> int:
    """Return the smallest size by the windows alone, from the last one that must fit back to the image."""
    needed = dict.fromkeys(("", *(each.path for each in passages)), (1, 1))
    for passage in reversed(passages):
        height, width = needed[passage.path]
        window = passage.module
        if isinstance(window, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            height, width = _entering(window, height, 0), _entering(window, width, 1)
        for source in passage.inputs or ("",):
            needed[source] = max(needed[source][0], height), max(needed[source][1], width)
    return max(needed[""])


def _entering(window: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, side: int, axis: int) -> int:
    """Return how many pixels a window needs along an axis to hand on `side` of them."""
    assert not isinstance(window.padding, str), "borders are numbers here"
    stride, border = pair(window.stride)[axis], pair(window.padding)[axis]
    hanging = 0 if isinstance(window, nn.Conv2d) else window.ceil_mode * (stride - 1)
    least = border + (window.padding_mode == "reflect") if getattr(window, "padding_mode", "zeros") != "zeros" else 1
    return max(1, least, (side - 1) * stride + pair(window.kernel_size)[axis] - 2 * border - hanging)


def _check(flow: Flow, network: Network, image_size: int, minimum: int, title: str) -> None:
    if image_size >= minimum:
        return
    remedies = [f"set it to {minimum} or more"]
    if network.model.padding == "valid":
        remedies.append("set model.padding=same")
    if network.aux and flow.accepts_without_auxiliary(image_size):
        remedies.append("set model.aux=0")
    raise InputError(
        f"{image_size} pixels are too few for {title} with these switches",
        where="data.image_size",
        remedy=", or ".join(remedies),
    )


def _row(network: Network, passage: Passage, uncounted: dict[int, int]) -> LayerRow:
    name, module, signal = passage.path, passage.module, passage.output
    stage = network.stage_of(name).name
    window = module if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) else None
    return LayerRow(
        name=name,
        type=_type(module),
        detail=_detail(module),
        stage=stage,
        block=_block(network, name) or stage,
        inputs=passage.inputs,
        output_shape=signal.shape[1:],
        kernel=_sides(window.kernel_size) if window else "",
        stride=str(_first(window.stride)) if window else "",
        padding=_padding(window) if window else "",
        parameters=sum(uncounted.pop(id(each), 0) for each in module.parameters(recurse=False)),
        flops=_flops(module, signal),
        receptive_field=signal.field,
        activation=4 * prod(signal.shape[1:]),
        auxiliary=name.partition(".")[0] in network.aux,
        frozen=stage in network.frozen_stages,
        note=network.notes.get(name, ""),
    )


def _block(network: Network, name: str) -> str:
    """Return the outermost module with parts of its own making that holds a layer; empty if there is none."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        path = ".".join(parts[:length])
        if not isinstance(network.get_submodule(path), nn.Sequential | BasicConv2d):
            return path
    return ""


def _stage_rows(network: Network, rows: tuple[LayerRow, ...]) -> tuple[StageRow, ...]:
    stages = []
    for stage in network.stages:
        inside = [row for row in rows if row.stage == stage.name]
        handed_on = [row for row in inside if not row.auxiliary][-1]
        stages.append(
            StageRow(
                name=stage.name,
                title=stage.title,
                output_shape=handed_on.output_shape,
                parameters=sum(row.parameters for row in inside),
                frozen=stage.name in network.frozen_stages,
            )
        )
    return tuple(stages)


def _flops(module: nn.Module, signal: Signal) -> int:
    if isinstance(module, nn.Conv2d):
        return 2 * prod(signal.shape[1:]) * prod(module.weight.shape[1:])
    if isinstance(module, nn.Linear):
        return 2 * prod(signal.shape[1:]) * module.in_features
    return 0


def _type(module: nn.Module) -> str:
    # A convolution with its own idea of padding is still called by the name that people know.
    return "Conv2d" if isinstance(module, nn.Conv2d) else type(module).__name__


def _detail(module: nn.Module) -> str:
    match module:
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d():
            depthwise = isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
            stride = _first(module.stride)
            padding = _padding(module) if isinstance(module, nn.Conv2d) else ""
            parts = (f"stride {stride}" if stride > 1 else "", padding)
            return (
                _sides(module.kernel_size) + " depthwise" * depthwise + "".join(f", {part}" for part in parts if part)
            )
        case nn.Linear():
            return f"{module.in_features:,} → {module.out_features:,}"
        case nn.Dropout() | nn.Dropout2d():
            return f"p = {module.p:g}"
    return ""


def _sides(kernel: int | tuple[int, ...]) -> str:
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return f"{height}×{width}"


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _padding(module: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> str:
    if module.kernel_size in {1, (1, 1)}:
        return ""
    padding = module.padding if isinstance(module.padding, tuple) else (module.padding,)
    # A subclass with its own idea of `same` pads in its forward pass; its attribute tells as well.
    if not any(padding):
        return "valid"
    return module.padding_mode if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros" else "same"
