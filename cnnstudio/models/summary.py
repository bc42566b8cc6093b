"""The network as a table: what each layer gives, costs and sees."""

from dataclasses import dataclass
from math import prod

from torch import nn

from cnnstudio.core.errors import InputError
from cnnstudio.models.flow import Flow, Signal
from cnnstudio.models.network import Network

_LARGEST_MINIMUM = 1 << 14


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One leaf layer.

    Attributes:
        name: Path in the network, the prefix of its keys.
        type: Class in `torch.nn`, such as `Conv2d`.
        detail: What sets it apart, such as `3×3, stride 2, same`.
        stage: Name of its stage.
        output_shape: Of one image: (C, H, W) or (F,).
        parameters: Those not counted in a row before.
        flops: Floating-point operations for one image, two to a multiply-add; convolutions and Linear layers only.
        receptive_field: Side, in pixels, of the part of the image that one output depends on; the image's size after
            global pooling.
        frozen: Whether its stage does not learn.
        note: What happened to it, such as `1000 → 6 classes`.
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
        flops: For one image.
        minimum_size: Side of the smallest square input that the network can take.
        stages: From the input to the head.
    """

    rows: tuple[LayerRow, ...]
    image_size: int
    parameters: int
    trainable: int
    flops: int
    minimum_size: int
    stages: tuple[StageRow, ...]


def summarise(network: Network, *, image_size: int) -> Summary:
    """Return the table of a network, wherever its weights are; nothing is computed on them.

    Raises:
        InputError: The image is too small for the network.
    """
    flow = Flow(network)
    minimum = _minimum_size(flow)
    _check(network, image_size, minimum, "this network")
    parameters = {id(each): each.numel() for each in network.parameters()}
    stage_of = {path: stage.name for stage in network.stages for path in stage.modules}
    rows: list[LayerRow] = []
    for name, module, signal in flow.layers(image_size):
        if isinstance(module, nn.Identity):
            continue
        stage = next(stage for path, stage in stage_of.items() if f"{name}.".startswith(f"{path}."))
        rows.append(
            LayerRow(
                name=name,
                type=_type(module),
                detail=_detail(module),
                stage=stage,
                output_shape=signal.shape[1:],
                parameters=sum(parameters.pop(id(each), 0) for each in module.parameters()),
                flops=_flops(module, signal),
                receptive_field=signal.field,
                frozen=stage in network.frozen_stages,
                note=network.notes.get(name, ""),
            )
        )
    return Summary(
        rows=tuple(rows),
        image_size=image_size,
        parameters=sum(each.numel() for each in network.parameters()),
        trainable=sum(each.numel() for each in network.parameters() if each.requires_grad),
        flops=sum(row.flops for row in rows),
        minimum_size=minimum,
        stages=_stage_rows(network, rows),
    )


def minimum_size(network: Network) -> int:
    """Return the side of the smallest square image that the network can take, found by trying."""
    return _minimum_size(Flow(network))


def check_image_size(network: Network, image_size: int, title: str) -> None:
    """Check that images of `image_size` pixels are large enough.

    Args:
        network: The network with its switches.
        image_size: Side of the square input.
        title: What people call the architecture.

    Raises:
        InputError: They are not; the smallest legal size is named.
    """
    _check(network, image_size, minimum_size(network), title)


def watchable(network: Network) -> tuple[str, ...]:
    """Return the layers worth watching as feature maps (N, C, H, W), from the input to the head.

    These are all convolutions, and for each stage before the head the module that hands on its result.
    """
    paths: list[str] = []
    for stage in network.stages:
        for path in stage.modules:
            layers = network.get_submodule(path).named_modules(prefix=path)
            paths += [name for name, module in layers if isinstance(module, nn.Conv2d)]
        if stage is not network.stages[-1] and stage.modules[-1] not in paths:
            paths.append(stage.modules[-1])
    return tuple(paths)


def _minimum_size(flow: Flow) -> int:
    legal = 1
    while not flow.accepts(legal):
        legal *= 2
        assert legal <= _LARGEST_MINIMUM, "the network takes no image at all"
    illegal = legal // 2
    while legal - illegal > 1:
        middle = (legal + illegal) // 2
        legal, illegal = (middle, illegal) if flow.accepts(middle) else (legal, middle)
    return legal


def _check(network: Network, image_size: int, minimum: int, title: str) -> None:
    if image_size >= minimum:
        return
    unpadded = any(isinstance(each, nn.Conv2d) and _unpadded(each) for each in network.modules())
    raise InputError(
        f"{image_size} pixels are too few for {title} with these switches",
        where="data.image_size",
        remedy=f"set it to {minimum} or more" + (", or set model.padding=same" if unpadded else ""),
    )


def _stage_rows(network: Network, rows: list[LayerRow]) -> tuple[StageRow, ...]:
    stages = []
    for stage in network.stages:
        inside = [row for row in rows if row.stage == stage.name]
        stages.append(
            StageRow(
                name=stage.name,
                title=stage.title,
                output_shape=inside[-1].output_shape,
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
        case nn.Conv2d():
            return _window(module) + _padding(module)
        case nn.MaxPool2d():
            return _window(module)
        case nn.Linear():
            return f"{module.in_features:,} → {module.out_features:,}"
        case nn.Dropout() | nn.Dropout2d():
            return f"p = {module.p:g}"
    return ""


def _window(module: nn.Conv2d | nn.MaxPool2d) -> str:
    kernel, stride = (each if isinstance(each, int) else each[0] for each in (module.kernel_size, module.stride))
    depthwise = isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
    return f"{kernel}×{kernel}" + (" depthwise" if depthwise else "") + (f", stride {stride}" if stride > 1 else "")


def _padding(module: nn.Conv2d) -> str:
    if module.kernel_size == (1, 1):
        return ""
    if _unpadded(module):
        return ", valid"
    return ", same" if module.padding_mode == "zeros" else f", {module.padding_mode}"


def _unpadded(module: nn.Conv2d) -> bool:
    return module.kernel_size != (1, 1) and module.padding == (0, 0)
