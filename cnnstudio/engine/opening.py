"""What a run says of itself before its first step."""

from pathlib import Path

import numpy as np

from cnnstudio.core.events import RunStarted
from cnnstudio.data.twins import twins
from cnnstudio.engine.batchnorm_probe import norms_of
from cnnstudio.engine.prepare import Prepared
from cnnstudio.models.summary import watchable


def opening(prepared: Prepared, run: Path, *, steps_per_epoch: int, processes: int) -> RunStarted:
    """Return the first event of a run.

    Args:
        prepared: The run; its network is frozen as in the first phase.
        run: The run folder.
        steps_per_epoch: Optimizer steps in an epoch.
        processes: How many compute, each on a device.
    """
    catalog, network, compute = prepared.store.catalog, prepared.network, prepared.compute
    tuned, split, labels = prepared.tuned, prepared.split, prepared.store.labels
    return RunStarted(
        run=str(run),
        config=prepared.config,
        device=compute.label + (f" × {processes}" if processes > 1 else ""),
        precision=compute.precision,
        tuned=tuned.tried,
        tuning=tuned.why,
        deterministic_cost=tuned.deterministic_cost,
        classes=catalog.classes,
        train_images=len(split.train),
        val_images=len(split.val),
        set_aside=catalog.set_aside,
        layers=watchable(network),
        norms=norms_of(network),
        stages=tuple(stage.name for stage in network.stages),
        steps_per_epoch=steps_per_epoch,
        parameters=sum(each.numel() for each in network.parameters()),
        trainable=sum(each.numel() for each in network.parameters() if each.requires_grad),
        val_counts=tuple(np.bincount(labels[list(split.val)], minlength=len(catalog.classes)).tolist()),
        val_twins=0 if prepared.store.reading else len(twins(prepared.store.digests, split.train, split.val)),
        **prepared.weights_told(),
    )
