"""Where the processes of a run find each other, and none that has died."""

import time
import uuid
from datetime import timedelta
from typing import Final

from torch.distributed import distributed_c10d as c10d
from torch.distributed.rendezvous import rendezvous

_TICK: Final = 0.02  # seconds between two looks at who has come


def meeting_place(rank: int, size: int, patience: timedelta) -> c10d.Store:
    """Return a store that only the processes alive share, once all of them are there.

    torchrun's own store outlives a restart, with the addresses of processes that have died (pytorch#135712). So the
    first rank draws a name for this start, and tells it to the others in answer to names that they have drawn now.

    Args:
        rank: Of this process.
        size: Number of all of them.
        patience: For how long to wait for the first one.

    Raises:
        ValueError: The environment does not say where to meet.
    """
    torchruns, _, _ = next(rendezvous("env://", rank, size, timeout=patience))
    store = c10d.PrefixStore("cnnstudio", torchruns)
    name = uuid.uuid4().hex
    if rank == 0:
        _answer(store, name, set(range(1, size)))
    else:
        store.set(f"asks/{rank}", name)
        name = store.get(f"answers/{name}").decode()
        store.set(f"{name}/{rank}", "heard")
    return c10d.PrefixStore(name, store)


def _answer(store: c10d.Store, name: str, others: set[int]) -> None:
    while others := {rank for rank in others if not store.check([f"{name}/{rank}"])}:
        for rank in others:
            if store.check([f"asks/{rank}"]):  # perhaps by one that has died: the living ask again
                store.set(f"answers/{store.get(f'asks/{rank}').decode()}", name)
        time.sleep(_TICK)
