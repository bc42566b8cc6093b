"""Rounded weights, and biases that make up for what that does to the means of feature maps."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.core.config import load_config
from cnnstudio.engine.forms_kinds import graph_of
from cnnstudio.engine.traced_weights import CONVOLUTION, constant, round_constants, set_constant
from cnnstudio.models.create import create
from cnnstudio.models.split import Lower


def cloudy(count: int, seed: int) -> Tensor:
    """Return images (N, 3, 96, 96) that are smooth, as photographs are."""
    coarse = torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, size=(96, 96), mode="bicubic")


def test_real_weights_lose_less_than_half_as_much_where_biases_make_up_for_it() -> None:
    network, _ = create(load_config(None, ["model.arch=efficientnet_lite0", "transfer.mode=freeze"]), 3)
    lower, images, others = Lower(network, "avgpool"), cloudy(4, seed=0), cloudy(8, seed=1)
    with torch.no_grad():
        expected = lower(others).flatten(1)
        rounded = graph_of(lower, images)
        for node in rounded.graph.find_nodes(op="get_attr"):
            name = str(node.target)
            set_constant(rounded, name, constant(rounded, name).detach().to(torch.bfloat16))
        corrected = graph_of(lower, images)
        round_constants(corrected, images, torch.bfloat16)
        lost = [
            float(1 - torch.cosine_similarity(graph(others.bfloat16()).float().flatten(1), expected).mean())
            for graph in (rounded, corrected)
        ]
    assert lost[0] > 1e-4
    assert lost[1] < lost[0] / 2


def test_each_map_keeps_its_mean_though_its_weights_are_rounded_and_the_module_keeps_its_own() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)).requires_grad_(requires_grad=False)
    weights, images = [each.clone() for each in module.parameters()], torch.rand(8, 3, 24, 24) + 3
    graph = graph_of(module, images)
    round_constants(graph, images, torch.bfloat16)
    assert all(torch.equal(before, after) for before, after in zip(weights, module.parameters(), strict=True))
    names = [str(node.args[1].target) for node in graph.graph.find_nodes(op="call_function", target=CONVOLUTION)]
    assert [constant(graph, name).dtype for name in names] == [torch.bfloat16] * 2
    means, rounded = module(images).mean((0, 2, 3)), graph(images.bfloat16()).float().mean((0, 2, 3))
    spread = module(images).std((0, 2, 3))
    assert ((means - rounded).abs() < 0.1 * spread).all()


def test_a_convolution_without_a_bias_is_only_rounded() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU()).requires_grad_(requires_grad=False)
    images = torch.rand(2, 3, 8, 8)
    graph = graph_of(module, images)
    round_constants(graph, images, torch.bfloat16)
    torch.testing.assert_close(graph(images.bfloat16()).float(), module(images), rtol=0.02, atol=0.02)
