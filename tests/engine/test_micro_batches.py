"""A batch for which there is no memory is computed in parts that fit."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from cnnstudio.core.events import Warned
from cnnstudio.engine.micro_batches import (
    MicroBatches,
    Part,
    TooLittleMemoryError,
    fewest_images,
    is_out_of_memory,
)

OUT_OF_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you …"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:75] data. DefaultCPUAllocator: not enough memory: you tried to …"),
    RuntimeError("MPS backend out of memory (MPS allocated: 18.05 GB, other allocations: 72.03 MB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
)


class Device:
    """Has memory for some images, and notes what is computed on it."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[list[int]] = []
        self.undone = 0

    def work(self, parts: Sequence[Part]) -> str:
        sizes = [part.rows.stop - part.rows.start for part in parts]
        self.tried.append(sizes)
        if max(sizes) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    def undo(self) -> None:
        self.undone += 1


def sizes(parts: Sequence[Part]) -> list[int]:
    return [part.rows.stop - part.rows.start for part in parts]


def test_a_batch_that_fits_is_computed_whole_and_nothing_is_said() -> None:
    told: list[Warned] = []
    device, batches = Device(32), MicroBatches(told.append)
    assert batches.compute(device.work, 32, when="from step 1 on") == "done"
    assert (device.tried, device.undone, told, batches.portion) == ([[32]], 0, [], 0)


def test_it_is_halved_until_it_fits_which_is_said_once_and_remembered() -> None:
    told: list[Warned] = []
    device, batches = Device(9), MicroBatches(told.append)
    batches.compute(device.work, 32, when="from step 41 on", undo=device.undo)
    assert device.tried == [[32], [16, 16], [8, 8, 8, 8]]
    assert device.undone == 2
    batches.compute(device.work, 32, when="from step 42 on")
    batches.compute(device.work, 20, when="from step 43 on")
    assert device.tried[3:] == [[8, 8, 8, 8], [6, 7, 7]]
    texts = [each.text for each in told]
    assert texts == ["the device ran out of memory: batches of 32 are computed as 4 × 8 from step 41 on"]


def test_it_may_be_halved_again_later() -> None:
    told: list[Warned] = []
    device, batches = Device(16), MicroBatches(told.append)
    batches.compute(device.work, 32, when="from step 1 on")
    device.room = 8
    batches.compute(device.work, 32, when="from step 2 on")
    assert [each.text.partition("as ")[2] for each in told] == ["2 × 16 from step 1 on", "4 × 8 from step 2 on"]


def test_the_last_part_is_one_image_and_then_the_run_gives_up() -> None:
    device = Device(1)
    MicroBatches(lambda _: None).compute(device.work, 5, when="now")
    assert device.tried[-1] == [1] * 5
    device.room = 0
    with pytest.raises(TooLittleMemoryError, match=r"memory for 1 image at a time; lower data\.image_size"):
        MicroBatches(lambda _: None).compute(device.work, 5, when="now")


def test_where_batchnorm_learns_no_part_is_a_single_image() -> None:
    told: list[Warned] = []
    device, batches = Device(3), MicroBatches(told.append)
    batches.compute(device.work, 7, when="from step 1 on", fewest=2)
    assert device.tried == [[7], [3, 4], [2, 2, 3]]
    assert told[0].text.endswith("as 3 parts of at most 3 from step 1 on, and BatchNorm sees 3 images at a time")
    device.room = 2
    with pytest.raises(TooLittleMemoryError, match="memory for 3 images at a time"):
        batches.compute(device.work, 7, when="from step 2 on", fewest=2)


@pytest.mark.parametrize("fewest", [1, 2])
def test_parts_cover_a_batch_once_and_their_shares_add_up(fewest: int) -> None:
    for size in range(1, 40):
        for portion in range(size + 2):
            parts = MicroBatches(lambda _: None, portion).parts(size, fewest)
            covered = [row for part in parts for row in range(size)[part.rows]]
            assert covered == list(range(size))
            assert sum(part.share for part in parts) == pytest.approx(1.0)
            assert min(sizes(parts)) >= min(fewest, size)
            if portion:
                assert max(sizes(parts)) <= max(portion, 2 * fewest - 1)


def test_other_errors_are_not_repeated() -> None:
    calls = []

    def fails(parts: Sequence[Part]) -> None:
        calls.append(parts)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        MicroBatches(lambda _: None).compute(fails, 8, when="now")
    assert len(calls) == 1


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:40] or type(error).__name__)
def test_it_is_known_however_it_is_said(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_what_torch_itself_says_of_too_large_a_tensor_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: unspecified launch failure"), ValueError("memory")])
def test_other_errors_are_told_apart(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_batchnorm_needs_two_images_only_where_it_learns() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert fewest_images(network) == 2
    assert fewest_images(network.eval()) == 1
    assert fewest_images(nn.Conv2d(3, 4, 3)) == 1
