"""A network as a graph of tensor operations answers as the network."""

import pytest
import torch

from cnnstudio.core.config import load_config
from cnnstudio.engine.device import resolve
from cnnstudio.engine.forms_kinds import graph_of
from cnnstudio.models import registry
from cnnstudio.models.split import Lower


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "bfloat16_dense"])
@pytest.mark.parametrize("boundary", ["", "layer2"])
def test_the_graph_answers_as_the_network_does(precision: str, boundary: str) -> None:
    config = load_config(None, ["model.arch=resnet18", "compute.device=cpu", f"compute.precision={precision}"])
    compute = resolve(config.compute)
    lower = Lower(registry.build(registry.resolved(config.model), classes=3), boundary)
    compute.place(lower)
    images = torch.randn(2, 3, 64, 64).contiguous(memory_format=compute.memory_format)
    with torch.no_grad():
        with compute.autocast():
            graph, expected = graph_of(lower, images), lower(images)
        answer = graph(images)  # casts are in the graph
    assert answer.dtype == expected.dtype
    assert answer.shape == expected.shape
    likeness = torch.cosine_similarity(answer.float().flatten(1), expected.float().flatten(1)).min()
    assert likeness > 0.9999
    assert not any(isinstance(each, torch.nn.Conv2d) for each in graph.modules())
