import threading
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from cnnstudio.core.config import ComputeConfig, Config, Precision
from cnnstudio.core.errors import InputError
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.device import (
    Compute,
    ResolvedPrecision,
    arithmetic,
    compute_threads,
    devices,
    free_memory,
    physical_cores,
    resolve,
)
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import losses
from cnnstudio.engine.metrics import Running
from cnnstudio.engine.schedule import make_optimizer, make_schedule, training_phases
from cnnstudio.models.network import Network
from cnnstudio.models.registry import build, cards
from cnnstudio.models.summary import minimum_size


def test_the_cpu_is_always_there_and_said() -> None:
    assert devices()[-1] == torch.device("cpu")
    compute = resolve(ComputeConfig(device="cpu", precision="bfloat16", memory_format="contiguous"))
    assert compute.label == "CPU · bf16"
    assert compute.memory_format == torch.contiguous_format


@pytest.mark.parametrize("wish", ["cuda:99", "tpu", "cpu0", ""])
def test_a_device_that_is_not_there_is_refused_not_replaced(wish: str) -> None:
    with pytest.raises(InputError, match=r"no device .*compute\.device.*use auto or one of .*cpu"):
        resolve(ComputeConfig(device=wish))


def test_float16_is_for_gpus() -> None:
    with pytest.raises(InputError, match="float16 trains on GPUs only"):
        resolve(ComputeConfig(device="cpu", precision="float16"))


@pytest.mark.parametrize(
    ("capable", "depthwise", "expected"),
    [(True, False, "bfloat16"), (True, True, "bfloat16_dense"), (False, False, "float32"), (False, True, "float32")],
)
def test_auto_uses_bfloat16_only_where_the_cpu_is_made_for_it(
    monkeypatch: pytest.MonkeyPatch, capable: bool, depthwise: bool, expected: Precision
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": capable})
    assert resolve(ComputeConfig(device="cpu"), depthwise=depthwise).precision == expected


@pytest.mark.parametrize(("instructions", "there"), [("avx512_bf16", True), ("bf16", True), ("avx2", False)])
def test_products_in_bfloat16_need_instructions_for_them(
    monkeypatch: pytest.MonkeyPatch, instructions: str, there: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {instructions: True})
    wish = ComputeConfig(device="cpu", precision="bfloat16_products")
    if there:
        assert resolve(wish).label == "CPU · fp32, bf16 products"
    else:
        with pytest.raises(InputError, match=r"bfloat16_products is for CPUs .*compute\.precision.*auto or float32"):
            resolve(wish)


@pytest.mark.parametrize(
    ("precision", "dtype", "halves"),
    [
        ("float32", torch.float32, False),
        ("bfloat16", torch.bfloat16, True),
        ("bfloat16_dense", torch.bfloat16, False),
        ("bfloat16_products", torch.float32, False),
    ],
)
def test_what_passes_between_layers(precision: ResolvedPrecision, dtype: torch.dtype, halves: bool) -> None:
    compute = Compute(torch.device("cpu"), "a CPU", precision, torch.channels_last)
    with compute.autocast():
        answer = torch.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3))
    assert (answer.dtype, compute.halves) == (dtype, halves)


def test_images_are_scaled_and_normalised_in_the_chosen_layout() -> None:
    pixels = torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8).expand(2, 4, 4, 3)
    mean, std = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1), torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1)
    images = resolve(ComputeConfig(device="cpu", memory_format="channels_last")).images(pixels, mean, std)

    assert images.shape == (2, 3, 4, 4)
    assert images.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([0.0, (128 / 255 - 0.5) / 0.5, 0.0]))
    assert pixels[0, 0, 0].tolist() == [0, 128, 255]


def test_rows_are_those_of_the_indices_in_their_order() -> None:
    compute = resolve(ComputeConfig(device="cpu"))
    tensor = torch.arange(24, dtype=torch.uint8).view(6, 2, 2)
    rows = compute.rows(tensor, torch.tensor([4, 0, 4]))
    assert torch.equal(rows, tensor[torch.tensor([4, 0, 4])])
    rows.zero_()
    assert int(tensor.sum()) == sum(range(24))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_rows_reach_a_gpu_as_they_are() -> None:
    compute = resolve(ComputeConfig(device="cuda"))
    tensor = torch.randint(256, (50, 64, 64, 3), dtype=torch.uint8)
    for _ in range(20):  # pinned memory is used again, and not before it has been read
        indices = torch.randint(50, (16,))
        rows = compute.rows(tensor, indices)
        assert rows.device.type == "cuda"
        assert torch.equal(rows.cpu(), tensor[indices])
        assert torch.equal(compute.there(indices).cpu(), indices)


@pytest.mark.parametrize(("wish", "threads"), [("3", 3), ("0", physical_cores()), ("many", physical_cores())])
def test_the_number_of_threads_can_be_wished_for(monkeypatch: pytest.MonkeyPatch, wish: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    assert compute_threads() == threads


def test_the_switches_of_a_run_are_put_back() -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    with arithmetic(deterministic=True):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark
        assert torch.get_num_threads() == compute_threads()
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic


def test_numbers_that_are_not_normal_are_zero_on_all_threads_of_a_run_and_nowhere_else() -> None:
    tiny = torch.full((2**22,), 1e-39)
    found: dict[str, Tensor] = {}

    def compute() -> None:
        with arithmetic(deterministic=False):
            with arithmetic(deterministic=True):
                found["inner"] = tiny * 0.5  # shared by threads that are begun now
            found["outer"] = tiny * 0.5
        found["after"] = tiny[:1] * 0.5

    before = tiny[:1] * 0.5
    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    assert not found["inner"].any()
    assert not found["outer"].any()
    assert found["after"] == before == tiny[:1] * 0.5 != 0


def test_products_in_bfloat16_are_a_switch_of_the_process_that_is_put_back() -> None:
    mkldnn: Any = torch.backends.mkldnn
    before = mkldnn.conv.fp32_precision
    with arithmetic(deterministic=False), arithmetic(deterministic=False, precision="bfloat16_products"):
        assert (mkldnn.conv.fp32_precision, mkldnn.matmul.fp32_precision) == ("bf16", "bf16")
        assert torch.get_float32_matmul_precision() == "medium"
    assert mkldnn.conv.fp32_precision == before != "bf16"
    assert mkldnn.matmul.fp32_precision != "bf16"
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_batch_reaches_a_gpu_without_a_gpu() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    compute = Compute(torch.device("cuda"), "imaginary", "bfloat16", torch.channels_last)
    with FakeTensorMode():
        pixels = torch.empty(2, 8, 8, 3, dtype=torch.uint8)
        mean = torch.empty(3, 1, 1, device="cuda")
        images = compute.images(pixels, mean, mean)
    assert images.device.type == "cuda"
    assert images.shape == (2, 3, 8, 8)
    assert compute.label == "CUDA · imaginary · bf16"


@pytest.mark.gpu
def test_auto_takes_the_gpu_where_there_is_one() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    compute = resolve(ComputeConfig())
    assert compute.device.type == "cuda"
    assert compute.label.startswith("CUDA · ")


def test_free_memory_counts_what_torch_keeps_without_using_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "get_memory_info", lambda _: (6_000, 8_000))
    monkeypatch.setattr(torch.accelerator, "memory_reserved", lambda _: 1_500)
    monkeypatch.setattr(torch.accelerator, "memory_allocated", lambda _: 400)
    assert free_memory(torch.device("cuda")) == 7_100


def test_the_cpu_and_apples_gpus_have_the_memory_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5_000))
    assert free_memory(torch.device("cpu")) == free_memory(torch.device("mps")) == 5_000


def test_a_device_need_not_tell_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: torch.device) -> tuple[int, int]:
        raise RuntimeError("not supported")

    monkeypatch.setattr(torch.accelerator, "get_memory_info", refuse)
    assert free_memory(torch.device("xpu")) is None


def _train_step(network: Network, compute: Compute, config: Config) -> None:
    """Do what a run does between two batches, with images of the smallest size that the network takes."""
    side = max(minimum_size(network), 64)
    mean = torch.zeros(3, 1, 1, device=compute.device)
    images = compute.images(torch.zeros(2, side, side, 3, dtype=torch.uint8), mean, mean + 1)
    labels = torch.tensor([0, 1]).to(compute.device)
    (phase,) = training_phases(config)
    network.freeze(phase.train_last)
    optimizer = make_optimizer(network.train(), config, phase)
    schedule = make_schedule(optimizer, config, steps=10)
    sums = Running(compute.device, network.listening)
    with compute.autocast():
        found = losses(network(images), labels, config)
    scaler = torch.amp.GradScaler(compute.device.type, enabled=False)
    Learning(0, phase, optimizer, schedule, scaler, Average(network, network, 0)).step(found.total)
    sums.add(found.main, found.logits, labels, found.aux)
    assert set(found.aux) == network.listening
    grads = [each.grad for each in network.parameters() if each.requires_grad]
    states = [each for state in optimizer.state.values() for each in state.values() if each.ndim]
    kinds = {each.device.type for each in (found.total, *states, *network.buffers(), *grads) if each is not None}
    assert kinds == {compute.device.type}
    assert None not in grads


@pytest.mark.parametrize("arch", [each.name for each in cards()])
def test_a_training_step_stays_on_a_gpu_without_a_gpu(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for autograd's own part, which needs a real device even for tensors that are none (pytorch#92627)."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    def backward(loss: Tensor) -> None:
        assert (loss.shape, loss.device.type, loss.requires_grad) == ((), "cuda", True)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    monkeypatch.setattr(Tensor, "backward", backward)
    compute = Compute(torch.device("cuda"), "imaginary", "float32", torch.channels_last)
    config = Config().replace("model.arch", arch)
    with FakeTensorMode():
        with torch.device("cuda"):
            network = build(config.model, classes=2)
        _train_step(network, compute, config)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "bfloat16_dense"])
@pytest.mark.parametrize("arch", [each.name for each in cards()])
def test_a_training_step_on_a_gpu(arch: str, precision: Precision) -> None:
    compute = resolve(ComputeConfig(device="cuda", precision=precision))
    config = Config().replace("model.arch", arch).replace("train.optimizer", "sgd")
    network = build(config.model, classes=2)
    compute.place(network)
    _train_step(network, compute, config)
    assert all(each.isfinite().all() for each in network.parameters())
