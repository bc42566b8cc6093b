"""One run in many processes: who is who, who takes which images, and what they tell each other."""

import contextlib
import gc
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config
from cnnstudio.core.errors import InputError, StopRun
from cnnstudio.engine.device import Compute, devices
from cnnstudio.engine.endings import reason_of
from cnnstudio.engine.meeting import meeting_place

T = TypeVar("T")

_PATIENCE: Final = timedelta(hours=12)  # others wait while the first one decodes; torchrun ends them if one has died


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What one rank does of a batch.

    Attributes:
        indices: (B,) int64, its own images first. BatchNorm needs two, so a rank with fewer sees some of the others'.
        own: How many of them are its own.
        whole: Whether that is the whole batch, with nobody else to go in step with.
        weight: By what the mean loss of its own images is to be multiplied, so that the mean over the ranks is the
            mean over the whole batch.
    """

    indices: Tensor
    own: int
    whole: bool
    weight: float


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train one network together; nearly always there is one, and then nothing here does anything.

    All ranks call the same methods in the same order: each one waits for the others.

    Attributes:
        rank: Number of this process, from 0.
        size: How many there are.
        local_rank: Number of this process on its machine.
        launch: Which launch of torchrun it belongs to; the same after a restart. Empty without torchrun.
        restarts: How often torchrun has started all of them anew.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    launch: str = ""
    restarts: int = 0

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "World":
        """Return the world that torchrun describes in the environment; without it that of a single process.

        Raises:
            InputError: The environment contradicts itself.
        """
        if "WORLD_SIZE" not in environment:
            return cls()
        try:
            rank, size, local_rank = (int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
            restarts = int(environment.get("TORCHELASTIC_RESTART_COUNT", "0"))
        except (KeyError, ValueError):
            rank = size = local_rank = restarts = -1
        if not 0 <= rank < size or not 0 <= local_rank <= rank or (size > 1 and "MASTER_ADDR" not in environment):
            raise InputError(
                "RANK, LOCAL_RANK, WORLD_SIZE and MASTER_ADDR do not describe a process of a run",
                where="environment",
                remedy="start it with torchrun, which sets them, or unset WORLD_SIZE",
            )
        return cls(rank, size, local_rank, environment.get("TORCHELASTIC_RUN_ID", ""), restarts)

    @property
    def many(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    @property
    def leads(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def with_own_device(self, config: Config) -> Config:
        """Return a configuration whose device is this rank's own: the GPU of its number on its machine, or the CPU.

        Raises:
            InputError: Several processes cannot train on such a device.
        """
        return config.replace("compute.device", self._own_device(config.compute.device)) if self.many else config

    @contextlib.contextmanager
    def joined(self, config: Config) -> Iterator[None]:
        """Meet the others, and part from them at the end.

        Args:
            config: Its device is this rank's own.

        Raises:
            InputError: A machine has fewer GPUs than processes.
        """
        if not self.many:
            yield
            return
        on_gpu = config.compute.device.startswith("cuda")
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        torch.distributed.init_process_group(
            backend,
            store=meeting_place(self.rank, self.size, _PATIENCE),
            rank=self.rank,
            world_size=self.size,
            timeout=_PATIENCE,
        )
        try:
            if on_gpu:
                self.together(self._take_gpu)
            yield
        finally:
            gc.collect()  # what trained in step is part of cycles; left to the end, gloo may abort (pytorch#190489)
            torch.distributed.destroy_process_group()

    def _own_device(self, wish: str) -> str:
        kind = devices()[0].type if wish == "auto" else wish.partition(":")[0]
        if kind == "cuda":
            return f"cuda:{self.local_rank}"
        if kind != "cpu" and wish != "auto":
            raise InputError(
                f"{wish} cannot train in several processes", where="compute.device", remedy="set it to cpu"
            )
        return "cpu"

    def _take_gpu(self) -> None:
        here = torch.cuda.device_count()
        if self.local_rank >= here:
            raise InputError(
                f"{here} GPUs are too few for process {self.local_rank + 1} of this machine",
                where="compute.device",
                remedy=f"start it with --nproc-per-node {here}" if here else "set compute.device=cpu",
            )
        torch.cuda.set_device(self.local_rank)

    # Who does what

    def own(self, batch: Tensor) -> Tensor:
        """Return the images of a batch (B,) that are this rank's own: every image is one rank's, and only one's."""
        return batch[self.rank :: self.size]

    def share(self, batch: Tensor) -> Share:
        """Return what this rank does of a batch (B,) that is learnt from."""
        own = self.own(batch)
        indices, least = own, min(2, len(batch))
        if len(own) < least:
            others = torch.arange(len(batch)) % self.size != self.rank
            indices = torch.cat((own, batch[others]))[:least]
        return Share(indices, len(own), not self.many, len(own) * self.size / len(batch))

    def spread(self, module: nn.Module, compute: Compute) -> nn.Module:
        """Return a module that averages the gradients of all ranks, and on GPUs BatchNorm's statistics too.

        Parameters and buffers are those of `module`, which begins as that of the first rank.
        """
        if not self.many:
            return module
        if compute.device.type == "cuda":
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        # Auxiliary heads that do not listen have no parameters that learn, so none is ever unused.
        on = [compute.device] if compute.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=on)

    def notes(self, config: Config, network: nn.Module, compute: Compute) -> tuple[str, ...]:
        """Return what is otherwise than in a single process, each a clause; the network is frozen as at first."""
        if not self.many or compute.device.type == "cuda":
            return ()
        norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
        later = config.transfer.mode == "freeze_then_finetune"
        if not any(later or each.weight.requires_grad for each in norms):
            return ()
        each = f"each of the {self.size} processes normalises its own share of a batch"
        return (f"{each}: PyTorch has no synchronised BatchNorm2d on the CPU",)

    # What they tell each other

    def together(self, work: Callable[[], T]) -> T:
        """Do the same on all ranks: the first one, then the first of each further machine, then the rest.

        So each finds in the caches what an earlier one has left there. What one of them raises, all raise.
        """
        if not self.many:
            return work()
        turn = 0 if self.leads else 1 if self.local_rank == 0 else 2
        results: list[T] = []
        for now in range(3):
            trouble: Exception | None = None
            if now == turn:
                try:
                    results.append(work())
                except Exception as error:  # noqa: BLE001 - all the others have to hear of it
                    trouble = error
            self._agree(trouble)
        return results[0]

    def from_leader(self, work: Callable[[], T]) -> T:
        """Do something on the first rank only and give the result to all; what it raises, all raise."""
        if not self.many:
            return work()
        trouble: Exception | None = None
        result: list[T | None] = [None]
        if self.leads:
            try:
                result = [work()]
            except Exception as error:  # noqa: BLE001 - all the others have to hear of it
                trouble = error
        self._agree(trouble)
        torch.distributed.broadcast_object_list(result, src=0)
        (found,) = result
        return found  # type: ignore[return-value]  # what was sent is a T

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set on any rank."""
        if not self.many:
            return flags
        votes = torch.tensor(flags, dtype=torch.int32)  # on the CPU: no step has to wait for a GPU
        torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
        return tuple(bool(vote) for vote in votes.tolist())

    def total(self, sums: Tensor) -> Tensor:
        """Return the sums over all ranks."""
        if not self.many:
            return sums
        sums = sums.clone()
        torch.distributed.all_reduce(sums)
        return sums

    @torch.no_grad()
    def align(self, *tensors: Tensor) -> None:
        """Put the values of the first rank into these tensors."""
        if not self.many:
            return
        for each in tensors:
            dense = each.detach().contiguous()
            torch.distributed.broadcast(dense, src=0)
            each.copy_(dense)

    def part_ways(self, seed: int, step: int) -> None:
        """Let each further rank draw random numbers of its own from here on, such as for Dropout."""
        if not self.leads:
            torch.manual_seed(hash((seed, step, self.rank)))

    def _agree(self, trouble: Exception | None) -> None:
        told: list[dict[str, Any] | None] = [None] * self.size
        torch.distributed.all_gather_object(told, None if trouble is None else self._packed(trouble))
        worst = next((each for each in told if each is not None), None)
        if worst is None:
            return
        if trouble is not None and worst["rank"] == self.rank:
            raise trouble
        raise _unpacked(worst)

    def _packed(self, trouble: Exception) -> dict[str, Any]:
        where = f" (process {self.rank}, on {socket.gethostname()})" if not self.leads else ""
        packed: dict[str, Any] = {"rank": self.rank, "stop": isinstance(trouble, StopRun)}
        if isinstance(trouble, InputError):
            return packed | {"what": trouble.what + where, "where": trouble.where, "remedy": trouble.remedy}
        return packed | {"what": reason_of(trouble) + where}


def _unpacked(packed: Mapping[str, Any]) -> Exception:
    if packed["stop"]:
        return StopRun()
    if "remedy" in packed:
        return InputError(packed["what"], where=packed["where"], remedy=packed["remedy"])
    return RuntimeError(packed["what"])
