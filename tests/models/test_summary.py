"""The table of layers: its figures against torch's own counters."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights, list_models

from cnnstudio.core.config import Config, ModelConfig, Padding
from cnnstudio.core.errors import InputError
from cnnstudio.models.create import create, outline
from cnnstudio.models.registry import build, card
from cnnstudio.models.summary import LayerRow, check_image_size, minimum_size, summarise, watchable
from tests.models.combinations import ARCHITECTURES, FAMILIES, PADDED
from tests.models.random_weights import blank


@PADDED
def test_flops_are_those_that_torch_counts(arch: str, padding: Padding) -> None:
    network = blank(arch=arch, padding=padding)
    size = max(minimum_size(network), 70)
    image = torch.zeros(1, 3, size, size)
    table = summarise(network, image_size=size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(image)
    assert table.flops == counter.get_total_flops()
    network.training = True  # of the network alone: so auxiliary heads answer
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    assert sum(row.flops for row in table.rows) == counter.get_total_flops()


@ARCHITECTURES
@pytest.mark.parametrize("batchnorm", [True, False])
def test_parameters_are_counted_once(arch: str, batchnorm: bool) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch, batchnorm=batchnorm), classes=10)
    network.freeze(2)
    table = summarise(network, image_size=max(96, minimum_size(network)))
    assert table.parameters == sum(each.numel() for each in network.parameters())
    assert sum(row.parameters for row in table.rows) == table.parameters
    assert sum(stage.parameters for stage in table.stages) == table.parameters
    assert sum(row.parameters for row in table.rows if not row.frozen) == table.trainable
    assert sum(stage.parameters for stage in table.stages if not stage.frozen) == table.trainable
    assert sum(row.flops for row in table.rows if not row.auxiliary) == table.flops
    assert sum(row.parameters for row in table.rows if row.auxiliary) == table.auxiliary
    assert bool(table.auxiliary) == (arch in {"googlenet", "inception_v3"})
    assert [stage.frozen for stage in table.stages] == [True] * (len(table.stages) - 2) + [False] * 2


def test_flops_of_resnet18_are_twice_the_published_multiply_adds() -> None:
    """1.81 GMAC in torchvision's table of weights."""
    table = summarise(build(ModelConfig(arch="resnet18"), classes=1000), image_size=224)
    assert table.flops / 2e9 == pytest.approx(1.814, abs=0.001)


def _row(rows: tuple[LayerRow, ...], name: str) -> LayerRow:
    return next(row for row in rows if row.name == name)


def test_rows_say_what_a_layer_does() -> None:
    config = Config.parse(
        {"model": {"arch": "efficientnet_lite0", "dropout2d": 0.25}, "transfer": {"mode": "freeze", "train_last": 2}}
    )
    rows = summarise(create(config, 6)[0], image_size=224).rows
    assert _row(rows, "features.0.0") == LayerRow(
        name="features.0.0",
        type="Conv2d",
        detail="3×3, stride 2, same",
        stage="stem",
        output_shape=(32, 112, 112),
        parameters=864,
        flops=2 * 864 * 112 * 112,
        receptive_field=3,
        frozen=True,
        note="",
        block="stem",
        inputs=(),
        kernel="3×3",
        stride="2",
        padding="same",
        activation=4 * 32 * 112 * 112,
    )
    assert _row(rows, "features.3.0.block.1.0").detail == "5×5 depthwise, stride 2, same"
    assert _row(rows, "features.3.0.block.0.0").detail == "1×1"
    assert _row(rows, "features.0.2.1").detail == "p = 0.25"
    head = _row(rows, "classifier.1")
    assert (head.type, head.detail, head.note, head.frozen) == ("Linear", "1,280 → 6", "1000 → 6 classes", False)
    assert head.output_shape == (6,)
    assert not _row(rows, "features.8.0").frozen


@pytest.mark.parametrize(
    ("padding", "detail"),
    [
        ("same", "7×7, stride 2, same"),
        ("valid", "7×7, stride 2, valid"),
        ("reflect", "7×7, stride 2, reflect"),
        ("replicate", "7×7, stride 2, replicate"),
        ("circular", "7×7, stride 2, circular"),
    ],
)
def test_padding_is_named(padding: Padding, detail: str) -> None:
    rows = summarise(build(ModelConfig(arch="resnet18", padding=padding), classes=2), image_size=448).rows
    assert _row(rows, "conv1").detail == detail
    assert _row(rows, "maxpool").detail == "3×3, stride 2"
    assert _row(rows, "layer2.0.downsample.0").detail == "1×1, stride 2"


def test_without_batchnorm_there_is_no_row_for_it() -> None:
    rows = summarise(build(ModelConfig(arch="resnet18", batchnorm=False), classes=2), image_size=64).rows
    assert {row.type for row in rows} == {"Conv2d", "ReLU", "MaxPool2d", "Add", "AdaptiveAvgPool2d", "Linear"}


@FAMILIES
def test_an_outline_has_the_table_of_the_network(arch: str) -> None:
    config = Config(model=ModelConfig(arch=arch))
    size = card(arch).image_size
    assert summarise(outline(config, 4), image_size=size) == summarise(create(config, 4)[0], image_size=size)


@ARCHITECTURES
def test_stage_rows_follow_the_stages(arch: str) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch), classes=4)
    table = summarise(network, image_size=card(arch).image_size)
    assert [(row.name, row.title) for row in table.stages] == [(stage.name, stage.title) for stage in network.stages]
    sides = [row.output_shape[-1] for row in table.stages[:-1] if len(row.output_shape) == 3]
    assert sides == sorted(sides, reverse=True)
    assert table.stages[-1].output_shape in {(4,), (4, 1, 1)}


@pytest.mark.parametrize(
    ("arch", "padding", "smallest"),
    [("compact", "same", 16), ("compact", "valid", 70), ("resnet18", "same", 1), ("resnet18", "valid", 435)],
)
def test_smallest_sizes_known_by_hand(arch: str, padding: Padding, smallest: int) -> None:
    """Without padding, ResNet-18 needs exactly its receptive field."""
    network = build(ModelConfig(arch=arch, padding=padding), classes=2)
    assert minimum_size(network) == summarise(network, image_size=500).minimum_size == smallest


def test_too_small_an_image_is_an_error_that_names_the_smallest() -> None:
    network = build(ModelConfig(arch="compact"), classes=2)
    with pytest.raises(InputError) as caught:
        check_image_size(network, 15, "Compact CNN")
    assert caught.value.one_line() == (
        "15 pixels are too few for Compact CNN with these switches [data.image_size]: set it to 16 or more"
    )
    with pytest.raises(InputError, match="16 or more"):
        summarise(network, image_size=8)


@FAMILIES
@pytest.mark.parametrize("dropout2d", [0.0, 0.3])
def test_watchable_layers_give_maps_in_order_of_depth(arch: str, dropout2d: float) -> None:
    network = blank(arch=arch, dropout2d=dropout2d)
    paths = watchable(network)
    assert len(set(paths)) == len(paths)
    convolutions = {name for name, each in network.named_modules() if isinstance(each, torch.nn.Conv2d)}
    assert {name for name in convolutions if name.partition(".")[0] not in network.aux} < set(paths)
    seen: dict[str, Tensor] = {}
    for path in paths:
        network.get_submodule(path).register_forward_hook(lambda _m, _i, output, path=path: seen.update({path: output}))
    size = max(64, minimum_size(network))
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    assert set(seen) == set(paths)
    assert {maps.dim() for maps in seen.values()} == {4}


def test_a_summary_does_not_load_torchs_compiler() -> None:
    """Importing torch._dynamo takes seconds, at the moment when the window shows its first table."""
    code = """if True:
        import sys
        from cnnstudio.core.config import Config
        from cnnstudio.models.create import outline, rehearse
        from cnnstudio.models.registry import cards
        from cnnstudio.models.summary import summarise
        for arch in cards():
            summarise(outline(Config().replace("model.arch", arch.name), 6), image_size=arch.image_size)
        config = Config().replace("model.arch", "efficientnet_lite0").replace("transfer.mode", "finetune")
        for batchnorm in (True, False):
            rehearse(config.replace("model.batchnorm", batchnorm), 6)
        sys.exit("torch._dynamo" in sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("switches", "published"),
    [
        ({"arch": "vgg11"}, 132_863_336),
        ({"arch": "vgg11", "batchnorm": True}, 132_868_840),
        ({"arch": "vgg13"}, 133_047_848),
        ({"arch": "vgg13", "batchnorm": True}, 133_053_736),
        ({"arch": "vgg16"}, 138_357_544),
        ({"arch": "vgg16", "batchnorm": True}, 138_365_992),
        ({"arch": "vgg19"}, 143_667_240),
        ({"arch": "vgg19", "batchnorm": True}, 143_678_248),
        ({"arch": "resnet18"}, 11_689_512),
        ({"arch": "resnet34"}, 21_797_672),
        ({"arch": "resnet50"}, 25_557_032),
        ({"arch": "resnet101"}, 44_549_160),
        ({"arch": "googlenet", "aux": 0}, 6_624_904),
        ({"arch": "inception_v3"}, 27_161_264),
        ({"arch": "mobilenet_v3_large"}, 5_483_032),
        ({"arch": "mobilenet_v3_small"}, 2_542_856),
        ({"arch": "fcn_vgg16"}, 138_357_544),
    ],
    ids=str,
)
def test_parameters_are_those_that_torchvision_publishes(switches: dict[str, Any], published: int) -> None:
    with torch.device("meta"):
        network = build(ModelConfig(**switches), classes=1000)
    arch = card(switches["arch"])
    assert summarise(network, image_size=arch.image_size).parameters == published
    if arch.name != "fcn_vgg16":
        name = f"{arch.name}_bn" if arch.family == "VGG" and switches.get("batchnorm") else arch.name
        assert get_model_weights(name)["DEFAULT"].meta["num_params"] == published


@ARCHITECTURES
def test_multiply_adds_are_those_that_torchvision_publishes(arch: str) -> None:
    if arch in {"compact", "nin", "fcn_vgg16", "efficientnet_lite0"}:
        assert arch not in list_models()
        return
    with torch.device("meta"):
        network = build(ModelConfig(arch=arch), classes=1000)
    found = summarise(network, image_size=card(arch).image_size).flops / 2e9
    assert found == pytest.approx(get_model_weights(arch)["DEFAULT"].meta["_ops"], rel=0.01, abs=0.002)


@pytest.mark.parametrize(
    ("arch", "layer", "block"),
    [
        ("vgg16", "features.0", "stage1"),
        ("resnet18", "conv1", "stem"),
        ("resnet18", "layer2.0.downsample.0", "layer2.0"),
        ("googlenet", "inception4b.branch2.1.conv", "inception4b"),
        ("googlenet", "conv3.conv", "conv2"),
        ("googlenet", "aux1.fc2", "aux1"),
        ("efficientnet_lite0", "features.3.1.add", "features.3.1"),
        ("mobilenet_v3_small", "features.1.block.1.scale", "features.1"),
    ],
)
def test_layers_know_their_block(arch: str, layer: str, block: str) -> None:
    with torch.device("meta"):
        rows = summarise(build(ModelConfig(arch=arch), classes=2), image_size=224).rows
    assert _row(rows, layer).block == block


def test_a_kernel_that_is_not_square_is_told_as_height_by_width() -> None:
    with torch.device("meta"):
        rows = summarise(build(ModelConfig(arch="inception_v3"), classes=2), image_size=299).rows
    row = _row(rows, "Mixed_6b.branch7x7_2.conv")
    assert (row.kernel, row.stride, row.padding, row.detail) == ("1×7", "1", "same", "1×7, same")
    assert _row(rows, "Conv2d_1a_3x3.conv").padding == "valid"
    assert (_row(rows, "maxpool1").kernel, _row(rows, "maxpool1").stride) == ("3×3", "2")


def test_activations_that_are_kept_for_the_backward_pass_are_summed() -> None:
    """By hand: convolution, BatchNorm and pooling of each stage, in float32; ReLU writes in place."""
    with torch.device("meta"):
        table = summarise(build(ModelConfig(depth=1, width=4), classes=2), image_size=8)
    assert table.activation == 4 * (4 * 64 + 4 * 64 + 4 * 16 + 4 + 2)


def test_too_small_for_an_auxiliary_head_names_that_remedy() -> None:
    with torch.device("meta"):
        network = build(ModelConfig(arch="inception_v3"), classes=2)
    with pytest.raises(InputError) as caught:
        check_image_size(network, 224, "Inception v3")
    assert caught.value.remedy == "set it to 299 or more, or set model.aux=0"
    with torch.device("meta"):
        assert minimum_size(build(ModelConfig(arch="inception_v3", aux=0), classes=2)) == 75
