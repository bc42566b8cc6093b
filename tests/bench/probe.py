"""A plain probe: scikit-learn's logistic regression on what the frozen network answers to each image as it is."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from cnnstudio.core.config import load_config
from cnnstudio.data.cache import read_catalog
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.scan import scan
from cnnstudio.models import registry
from cnnstudio.models.create import create
from tests.bench.task import Task

_BATCH = 64


def main() -> None:
    """Tell the validation accuracy for each tree of the task on the command line, as lines of JSON."""
    task = Task.from_json(sys.argv[1])
    known: dict[Path, NDArray[np.float32]] = {}
    for tree in task.tree:
        catalog = scan(tree)
        paths = [image.path.resolve() for image in catalog.images]
        if any(path not in known for path in paths):
            store = read_catalog(catalog, task.image_size)
            known |= dict(zip(paths, features(task, store), strict=True))
        inputs = np.stack([known[path] for path in paths])
        labels = np.array([image.label for image in catalog.images])
        learnt = np.array([image.part == "train" for image in catalog.images])
        probe = LogisticRegression(max_iter=5000).fit(inputs[learnt], labels[learnt])
        accuracy = float(probe.score(inputs[~learnt], labels[~learnt]))
        sys.stdout.write(json.dumps({"event": "probe", "val_accuracy": accuracy}) + "\n")


@torch.inference_mode()
def features(task: Task, store: ImageStore) -> NDArray[np.float32]:
    """Return what reaches the last layer of the network, `(N, F)`, of images in float32."""
    network, _ = create(load_config(None, task.settings()), len(store.catalog.classes))
    network.eval()
    seen: list[Tensor] = []

    def keep(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].flatten(1))

    network.get_submodule(network.head).register_forward_pre_hook(keep)
    means = registry.card(task.arch).preprocessing
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (means.mean, means.std))
    for start in range(0, len(store.pixels), _BATCH):
        pixels = torch.from_numpy(store.pixels[start : start + _BATCH]).permute(0, 3, 1, 2)
        network(pixels.float().div_(255).sub_(mean).div_(std))
    found: NDArray[np.float32] = torch.cat(seen).numpy()
    return found


if __name__ == "__main__":
    main()
