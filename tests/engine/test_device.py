import pytest
import torch

from cnnstudio.core.config import ComputeConfig, Precision
from cnnstudio.core.errors import InputError
from cnnstudio.engine.device import Compute, arithmetic, compute_threads, devices, physical_cores, resolve


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
    [(True, False, "bfloat16"), (True, True, "float32"), (False, False, "float32")],
)
def test_auto_uses_bfloat16_only_where_the_cpu_is_made_for_it(
    monkeypatch: pytest.MonkeyPatch, capable: bool, depthwise: bool, expected: Precision
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": capable})
    assert resolve(ComputeConfig(device="cpu"), depthwise=depthwise).precision == expected


def test_images_are_scaled_and_normalised_in_the_chosen_layout() -> None:
    pixels = torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8).expand(2, 4, 4, 3)
    mean, std = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1), torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1)
    images = resolve(ComputeConfig(device="cpu", memory_format="channels_last")).images(pixels, mean, std)

    assert images.shape == (2, 3, 4, 4)
    assert images.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([0.0, (128 / 255 - 0.5) / 0.5, 0.0]))
    assert pixels[0, 0, 0].tolist() == [0, 128, 255]


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
