from dataclasses import replace

import pytest

from cnnstudio.gui.graph.layers import Kind, kind_of, short_count, short_name, short_shape
from tests.gui.graph.networks import Row, googlenet, mobile, vgg16


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        ("Conv2d", Kind.CONV),
        ("BatchNorm2d", Kind.NORM),
        ("ReLU6", Kind.ACTIVATION),
        ("Hardswish", Kind.ACTIVATION),
        ("Hardsigmoid", Kind.ACTIVATION),
        ("AdaptiveAvgPool2d", Kind.POOLING),
        ("Linear", Kind.LINEAR),
        ("Dropout2d", Kind.DROPOUT),
        ("StochasticDepth", Kind.DROPOUT),
        ("Add", Kind.MERGE),
        ("Scale", Kind.MERGE),
        ("Concat", Kind.MERGE),
        ("Flatten", Kind.OTHER),
    ],
)
def test_kinds(layer: str, kind: Kind) -> None:
    assert kind_of(layer) == kind


def named(rows: tuple[Row, ...], name: str) -> str:
    return short_name(next(row for row in rows if row.name == name))


def test_layers_are_named_as_papers_do() -> None:
    assert named(googlenet(), "conv1.conv") == "Conv 7×7 /2"
    assert named(googlenet(), "conv1.bn") == "BatchNorm"
    assert named(googlenet(), "maxpool1") == "Max pool 3×3 /2"
    assert named(googlenet(), "avgpool") == "Global avg pool"
    assert named(vgg16(), "avgpool") == "Avg pool"
    assert named(vgg16(), "classifier.2") == "Dropout"
    assert named(mobile(), "features.1.depthwise.0") == "Depthwise 5×5"
    unheard = replace(vgg16()[0], type="PixelShuffle", kernel="", stride="")
    assert short_name(unheard) == "PixelShuffle"


def test_shapes_and_counts_are_short() -> None:
    assert short_shape((64, 56, 56)) == "64 × 56²"
    assert short_shape((64, 56, 28)) == "64 × 56 × 28"
    assert short_shape((1000,)) == "1000"
    assert [short_count(each) for each in (0, 640, 38_720, 11_689_512, 1_500_000_000)] == [
        "–",
        "640",
        "38.7 K",
        "11.7 M",
        "1.50 G",
    ]
