"""A long run of which everything is watched, in a process of its own: it tells how much memory it held when.

`python -m tests.engine.watched_memory IMAGES RUN MODE EPOCHS STEP...` prints one JSON object: the resident bytes at
each of these steps, and how many pictures of each kind have come.
"""

import gc
import json
import sys
import threading
from collections import Counter
from pathlib import Path

import psutil

from cnnstudio.core import control
from cnnstudio.core.config import load_config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Event, RunStarted, StepEnded, Warned
from cnnstudio.core.pictures import Picture
from cnnstudio.engine import dropout_masks
from cnnstudio.engine.trainer import train
from cnnstudio.runtime.mailbox import Mailbox
from tests.watches import everything


def main(images: str, run: str, mode: str, epochs: str, *steps: str) -> None:
    """Train, watch and tell."""
    config = load_config(
        None,
        [
            *(f"data.folder='{images}'", "data.image_size=16", "data.batch_size=2", "data.augment=false"),
            *("model.arch=compact", "model.batchnorm=true", "model.dropout2d=0.2", "model.pretrained=false"),
            *(f"transfer.mode={mode}", f"train.epochs={epochs}", "compute.device=cpu", "compute.precision=float32"),
        ],
    )
    control._LOOKING = 0.2  # type: ignore[misc]  # more looks than a run affords
    dropout_masks._SHORTEST = 0.05  # type: ignore[misc]  # a fast machine is over before the eye could follow
    steering, mailbox, over = Control(), Mailbox(), threading.Event()
    seen: Counter[str] = Counter()
    memory: dict[int, int] = {}

    def sink(event: Event) -> None:
        assert not isinstance(event, Warned) or event.path, event
        if isinstance(event, RunStarted):
            steering.watch(everything(event))
        if isinstance(event, StepEnded):
            for step in map(int, steps):
                if event.step >= step and step not in memory:
                    gc.collect()
                    memory[step] = psutil.Process().memory_info().rss
        mailbox.put(event)

    def read() -> None:
        while not over.wait(0.03):
            seen.update(type(event).__name__ for event in mailbox.drain() if isinstance(event, Picture))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        ended = train(config, sink, steering, out=Path(run))
    finally:
        over.set()
        reader.join()
    sys.stdout.write(json.dumps({"reason": ended.reason, "memory": [*memory.values()], "pictures": seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
