"""Networks as rows, drawn up by hand as torchvision builds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of `LayerRow`."""

    name: str
    type: str
    detail: str
    stage: str
    block: str
    inputs: tuple[str, ...]
    output_shape: tuple[int, ...]
    kernel: str
    stride: str
    padding: str
    parameters: int
    flops: int
    receptive_field: int
    activation: int
    frozen: bool
    note: str


class Builder:
    """Adds one layer after another; each takes its input from the one before unless told otherwise."""

    def __init__(self, size: int = 224) -> None:
        self.rows: list[Row] = []
        self.shapes: dict[str, tuple[int, ...]] = {"": (3, size, size)}
        self.last = ""
        self.stage = ""
        self.block = ""

    def at(self, stage: str, block: str = "") -> None:
        self.stage, self.block = stage, block or stage

    def add(
        self,
        name: str,
        kind: str,
        shape: tuple[int, ...] | None = None,
        *,
        inputs: Sequence[str] | None = None,
        kernel: str = "",
        stride: int = 0,
        parameters: int = 0,
        detail: str = "",
        note: str = "",
    ) -> str:
        sources = tuple(inputs) if inputs is not None else (self.last,)
        out = shape or self.shapes[sources[0]]
        words = ", ".join(filter(None, (kernel, f"stride {stride}" if stride > 1 else "", detail)))
        self.rows.append(
            Row(
                name=name,
                type=kind,
                detail=words,
                stage=self.stage,
                block=self.block,
                inputs=tuple(each for each in sources if each),
                output_shape=out,
                kernel=kernel,
                stride=str(stride) if stride else "",
                padding="same" if kind == "Conv2d" else "",
                parameters=parameters,
                flops=2 * parameters * prod(out[1:]),
                receptive_field=min(224, 3 + 4 * len(self.rows)),
                activation=4 * prod(out),
                frozen=False,
                note=note,
            )
        )
        self.shapes[name] = out
        self.last = name
        return name

    def conv(
        self,
        name: str,
        maps: int,
        side: int = 3,
        *,
        stride: int = 1,
        source: str | None = None,
        depthwise: bool = False,
    ) -> str:
        before = self.last if source is None else source
        channels, height, width = self.shapes[before]
        shape = (maps, -(-height // stride), -(-width // stride))
        weights = maps * side**2 * (1 if depthwise else channels)
        kernel = f"{side}×{side}"
        detail = "depthwise" if depthwise else "same" if side > 1 else ""
        return self.add(
            name, "Conv2d", shape, inputs=(before,), kernel=kernel, stride=stride, parameters=weights, detail=detail
        )

    def norm(self, name: str) -> str:
        return self.add(name, "BatchNorm2d", parameters=2 * self.shapes[self.last][0])

    def relu(self, name: str) -> str:
        return self.add(name, "ReLU")

    def conv_bn_relu(self, name: str, maps: int, side: int, *, stride: int = 1, source: str | None = None) -> str:
        self.conv(f"{name}.conv", maps, side, stride=stride, source=source)
        self.norm(f"{name}.bn")
        return self.relu(f"{name}.relu")

    def pool(self, name: str, side: int = 2, stride: int = 2, *, source: str | None = None) -> str:
        before = self.last if source is None else source
        channels, height, width = self.shapes[before]
        shape = (channels, -(-height // stride), -(-width // stride))
        return self.add(name, "MaxPool2d", shape, inputs=(before,), kernel=f"{side}×{side}", stride=stride)

    def average(self, name: str, side: int = 1) -> str:
        return self.add(name, "AdaptiveAvgPool2d", (self.shapes[self.last][0], side, side))

    def linear(self, name: str, features: int, note: str = "") -> str:
        before = prod(self.shapes[self.last])
        detail = f"{before:,} → {features:,}"
        return self.add(name, "Linear", (features,), parameters=(before + 1) * features, detail=detail, note=note)


def frozen_until(rows: Sequence[Row], stage: str) -> tuple[Row, ...]:
    """Return the rows with all stages before one frozen."""
    first = next(number for number, row in enumerate(rows) if row.stage == stage)
    return tuple(replace(row, frozen=number < first) for number, row in enumerate(rows))


def vgg16() -> tuple[Row, ...]:
    net = Builder()
    position = 0
    for stage, (count, maps) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1):
        net.at(f"conv{stage}")
        for _ in range(count):
            net.conv(f"features.{position}", maps)
            net.relu(f"features.{position + 1}")
            position += 2
        net.pool(f"features.{position}")
        position += 1
    net.at("classifier")
    net.average("avgpool", 7)
    for number in (0, 3):
        net.linear(f"classifier.{number}", 4096)
        net.relu(f"classifier.{number + 1}")
        net.add(f"classifier.{number + 2}", "Dropout", detail="p = 0.5")
    net.linear("classifier.6", 6, note="1000 → 6 classes")
    return tuple(net.rows)


def _stem(net: Builder) -> None:
    net.at("conv1")
    net.conv("conv1", 64, 7, stride=2)
    net.norm("bn1")
    net.relu("relu")
    net.pool("maxpool", 3)


def _end(net: Builder) -> tuple[Row, ...]:
    net.at("avgpool")
    net.average("avgpool")
    net.at("fc")
    net.linear("fc", 6, note="1000 → 6 classes")
    return tuple(net.rows)


def resnet18(*, norm: bool = True) -> tuple[Row, ...]:
    net = Builder()
    _stem(net)
    for stage, maps in enumerate((64, 128, 256, 512), start=1):
        for number in range(2):
            block = f"layer{stage}.{number}"
            net.at(f"layer{stage}", block)
            start, stride = net.last, 2 if stage > 1 and number == 0 else 1
            net.conv(f"{block}.conv1", maps, stride=stride)
            if norm:
                net.norm(f"{block}.bn1")
            net.relu(f"{block}.relu")
            net.conv(f"{block}.conv2", maps)
            end = net.norm(f"{block}.bn2") if norm else net.last
            shortcut = start
            if stride > 1:
                net.conv(f"{block}.downsample.0", maps, 1, stride=2, source=start)
                shortcut = net.norm(f"{block}.downsample.1") if norm else net.last
            net.add(f"{block}.add", "Add", inputs=(end, shortcut))
            net.relu(f"{block}.relu2")
    return _end(net)


def resnet101() -> tuple[Row, ...]:
    net = Builder()
    _stem(net)
    for stage, (count, maps) in enumerate(((3, 64), (4, 128), (23, 256), (3, 512)), start=1):
        for number in range(count):
            block = f"layer{stage}.{number}"
            net.at(f"layer{stage}", block)
            start, stride = net.last, 2 if stage > 1 and number == 0 else 1
            for part, (width, side) in enumerate(((maps, 1), (maps, 3), (4 * maps, 1)), start=1):
                net.conv(f"{block}.conv{part}", width, side, stride=stride if part == 2 else 1)
                net.norm(f"{block}.bn{part}")
                if part < 3:
                    net.relu(f"{block}.relu{part}")
            end = shortcut = net.last
            if number == 0:
                net.conv(f"{block}.downsample.0", 4 * maps, 1, stride=stride, source=start)
                shortcut = net.norm(f"{block}.downsample.1")
            net.add(f"{block}.add", "Add", inputs=(end, shortcut if number == 0 else start))
            net.relu(f"{block}.relu3")
    return _end(net)


_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def _inception(net: Builder, name: str, widths: Sequence[int]) -> None:
    net.at(f"inception{name[0]}", f"inception{name}")
    block, start = net.block, net.last
    one, reduce3, three, reduce5, five, after = widths
    ends = [net.conv_bn_relu(f"{block}.branch1", one, 1)]
    net.conv_bn_relu(f"{block}.branch2.0", reduce3, 1, source=start)
    ends.append(net.conv_bn_relu(f"{block}.branch2.1", three, 3))
    net.conv_bn_relu(f"{block}.branch3.0", reduce5, 1, source=start)
    ends.append(net.conv_bn_relu(f"{block}.branch3.1", five, 3))
    net.pool(f"{block}.branch4.0", 3, 1, source=start)
    ends.append(net.conv_bn_relu(f"{block}.branch4.1", after, 1))
    height, width = net.shapes[start][1:]
    net.add(f"{block}.concat", "Concat", (sum(net.shapes[end][0] for end in ends), height, width), inputs=ends)


def _auxiliary(net: Builder, name: str) -> None:
    main = net.last
    net.at(name)
    net.average(f"{name}.pool", 4)
    net.conv_bn_relu(f"{name}.conv", 128, 1)
    net.linear(f"{name}.fc1", 1024)
    net.relu(f"{name}.relu")
    net.add(f"{name}.dropout", "Dropout", detail="p = 0.7")
    net.linear(f"{name}.fc2", 6, note="1000 → 6 classes")
    net.last = main


def googlenet(*, auxiliary: bool = True) -> tuple[Row, ...]:
    net = Builder()
    net.at("conv1")
    net.conv_bn_relu("conv1", 64, 7, stride=2)
    net.pool("maxpool1", 3)
    net.at("conv2")
    net.conv_bn_relu("conv2", 64, 1)
    net.conv_bn_relu("conv3", 192, 3)
    net.pool("maxpool2", 3)
    for name, widths in _INCEPTIONS.items():
        _inception(net, name, widths)
        if auxiliary and name in {"4a", "4d"}:
            _auxiliary(net, "aux1" if name == "4a" else "aux2")
        if name in {"3b", "4e"}:
            net.at(f"inception{name[0]}")
            net.pool(f"maxpool{name[0]}", 3)
    net.at("fc")
    net.average("avgpool")
    net.add("dropout", "Dropout", detail="p = 0.2")
    net.linear("fc", 6, note="1000 → 6 classes")
    return tuple(net.rows)


def mobile() -> tuple[Row, ...]:
    """Return inverted residuals with squeeze and excitation, and layers of the stage itself around them."""
    net = Builder()
    net.at("features")
    net.conv("features.0.0", 16, stride=2)
    net.norm("features.0.1")
    net.add("features.0.2", "Hardswish")
    for number in (1, 2):
        block = f"features.{number}"
        net.at("features", block)
        start = net.last
        net.conv(f"{block}.expand.0", 64, 1)
        net.norm(f"{block}.expand.1")
        net.add(f"{block}.expand.2", "Hardswish")
        net.conv(f"{block}.depthwise.0", 64, 5, depthwise=True)
        net.norm(f"{block}.depthwise.1")
        wide = net.add(f"{block}.depthwise.2", "Hardswish")
        net.average(f"{block}.se.avgpool")
        net.conv(f"{block}.se.fc1", 16, 1)
        net.relu(f"{block}.se.activation")
        net.conv(f"{block}.se.fc2", 64, 1)
        gate = net.add(f"{block}.se.scale_activation", "Hardsigmoid")
        net.add(f"{block}.se.scale", "Scale", net.shapes[wide], inputs=(gate, wide))
        net.conv(f"{block}.project.0", 16, 1)
        end = net.norm(f"{block}.project.1")
        net.add(f"{block}.add", "Add", inputs=(end, start))
    net.at("features")
    net.conv("features.3.0", 96, 1)
    net.norm("features.3.1")
    net.at("classifier")
    net.average("avgpool")
    net.linear("classifier", 6)
    return tuple(net.rows)
