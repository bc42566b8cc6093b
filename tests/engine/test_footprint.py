"""The memory that a run is said to need against what torch keeps and allocates."""

import contextlib
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from cnnstudio.core.config import Config, load_config
from cnnstudio.engine.device import Compute, ResolvedPrecision
from cnnstudio.engine.footprint import Footprint, footprint
from cnnstudio.engine.losses import losses
from cnnstudio.engine.schedule import make_optimizer, training_phases
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build

CLASSES = 5
BATCH = 2


def compute(precision: ResolvedPrecision = "float32", device: str = "cpu") -> Compute:
    return Compute(torch.device(device), "a device", precision, torch.channels_last)


def made(*settings: str) -> tuple[Config, Network]:
    config = load_config(None, settings)
    network = build(config.model, classes=CLASSES)
    network.freeze(training_phases(config)[0].train_last)
    return config, network.train().to(memory_format=torch.channels_last)


def batch(side: int) -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, 3, side, side).contiguous(memory_format=torch.channels_last), torch.arange(BATCH)


def kept(network: Network, config: Config, side: int, precision: ResolvedPrecision) -> int:
    """Return the bytes that autograd keeps for the backward pass, weights and images left out."""
    images, labels = batch(side)
    own = {each.untyped_storage().data_ptr() for each in (*network.parameters(), *network.buffers(), images)}
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    half = precision != "float32"
    context: Any = torch.autocast("cpu", getattr(torch, precision)) if half else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), context:
        answer = losses(network(images), labels, config)
    assert answer.total.requires_grad
    return sum(seen.values())


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        (("model.arch=compact",), 48),
        (("model.arch=compact", "model.padding=reflect", "model.head=fully_connected"), 48),
        (("model.arch=resnet18",), 64),
        (("model.arch=resnet18", "model.dropout2d=0.2"), 64),
        (("model.arch=resnet18", "model.batchnorm=false"), 64),
        (("model.arch=vgg11", "model.head=global_average"), 64),
        (("model.arch=googlenet",), 64),
        (("model.arch=efficientnet_lite0",), 64),
        (("model.arch=mobilenet_v3_small",), 64),
        (("model.arch=nin",), 64),
        (("model.arch=resnet18", "transfer.mode=freeze", "transfer.train_last=3"), 64),
        (("model.arch=googlenet", "transfer.mode=freeze", "transfer.train_last=2"), 64),
    ],
)
def test_activations_are_those_that_autograd_keeps(settings: tuple[str, ...], side: int) -> None:
    config, network = made(*settings)
    found = footprint(network, image_size=side, optimizer="adamw", compute=compute())
    measured = kept(network, config, side, "float32") / BATCH
    image = 4 * 3 * side**2
    # What lives for a moment only comes on top; where much is frozen it is the most.
    assert 0.95 * measured <= found.image - image
    if config.transfer.mode != "freeze":
        assert found.image - image <= 1.15 * measured


@pytest.mark.parametrize("settings", [("model.arch=resnet18",), ("model.arch=googlenet",)])
def test_in_bfloat16_activations_and_copies_of_the_weights_are_half_as_large(settings: tuple[str, ...]) -> None:
    config, network = made(*settings)
    found = footprint(network, image_size=32, optimizer="adamw", compute=compute("bfloat16"))
    largest = 4 * max(each.numel() for each in network.parameters())
    measured = kept(network, config, 32, "bfloat16")
    assert found.copies - largest + BATCH * found.image == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        (("model.arch=compact",), 64),
        (("model.arch=resnet18",), 64),
        (("model.arch=resnet18", "transfer.mode=freeze", "transfer.train_last=2", "train.optimizer=sgd"), 64),
        (("model.arch=vgg11", "model.head=global_average"), 64),
        (("model.arch=googlenet",), 64),
    ],
)
def test_the_peak_of_two_steps_is_met(settings: tuple[str, ...], side: int) -> None:
    config, network = made(*settings)
    found = footprint(network, image_size=side, optimizer=config.train.optimizer, compute=compute())
    without_saving = Footprint(found.lasting, found.copies, found.image, between=0, checkpoint=0)
    assert without_saving.of(BATCH) == pytest.approx(peak(network, config, side), rel=0.1)


def peak(network: nn.Module, config: Config, side: int) -> int:
    """Return the most bytes that are allocated at any time of two steps, with all that lasts."""
    optimizer = make_optimizer(network, config, training_phases(config)[0])  # type: ignore[arg-type]

    def step() -> None:
        images, labels = batch(side)
        answer = losses(network(images), labels, config)
        optimizer.zero_grad(set_to_none=True)
        answer.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    step()
    optimizer.zero_grad(set_to_none=True)
    kept = [each for state in optimizer.state.values() for each in state.values() if isinstance(each, Tensor)]
    lasting = sum(each.untyped_storage().nbytes() for each in (*network.parameters(), *network.buffers(), *kept))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
        step()
    assert profiled.profiler is not None
    events = profiled.profiler.kineto_results.events()
    memory = sorted((each.start_ns(), each.nbytes()) for each in events if each.name() == "[memory]")
    now = most = 0
    for (_, change), (_, following) in itertools.pairwise((*memory, (0, 0))):
        now += change
        if change != -following:  # scratch of a kernel, which depends on the machine, goes as it came
            most = max(most, now)
    return lasting + most


def test_a_gpu_holds_no_copy_for_the_disk() -> None:
    _, network = made("model.arch=vgg11", "transfer.mode=freeze", "transfer.train_last=3")
    on_cpu, on_gpu = (
        footprint(network, image_size=32, optimizer="adamw", compute=compute(device=device))
        for device in ("cpu", "cuda")
    )
    assert on_cpu.checkpoint > 0 == on_gpu.checkpoint
    assert on_gpu.lasting == on_cpu.lasting
    assert on_gpu.between < on_cpu.between  # nothing is turned into bytes there


def test_an_optimizer_makes_copies_in_passing_only_where_it_is_not_fused() -> None:
    _, network = made("model.arch=resnet18")
    apple, cuda = (
        footprint(network, image_size=32, optimizer="adamw", compute=compute(device=device))
        for device in ("mps", "cuda")
    )
    assert (apple.between, cuda.between) == (2 * 4 * max(each.numel() for each in network.parameters()), 0)


def test_larger_batches_need_more_and_frozen_stages_less() -> None:
    _, network = made("model.arch=resnet18")
    everything = footprint(network, image_size=64, optimizer="adamw", compute=compute())
    network.freeze(1)
    head = footprint(network, image_size=64, optimizer="adamw", compute=compute())
    assert everything.of(256) - everything.of(128) == 128 * everything.image
    assert head.image < everything.image / 3
    assert head.lasting < everything.lasting / 3
    assert everything.of(1) == everything.of(0) == everything.lasting + everything.checkpoint + everything.between


def test_an_outline_tells_as_much_as_the_network() -> None:
    _, network = made("model.arch=mobilenet_v3_small")
    with torch.device("meta"):
        outline = build(network.model, classes=CLASSES)
    both = [footprint(each, image_size=64, optimizer="sgd", compute=compute()) for each in (network, outline)]
    assert both[0] == both[1]
