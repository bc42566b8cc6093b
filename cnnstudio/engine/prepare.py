"""From a configuration to images in memory and a network on its device."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError
from cnnstudio.core.events import Phase
from cnnstudio.data.cache import begin_catalog, read_catalog
from cnnstudio.data.decoded import Decoded
from cnnstudio.data.glance import glance
from cnnstudio.data.image_store import ImageStore
from cnnstudio.data.scan import Catalog, scan
from cnnstudio.data.splits import Split, split
from cnnstudio.engine.allocator import given_back
from cnnstudio.engine.arrival import Coming
from cnnstudio.engine.depthwise import has_depthwise
from cnnstudio.engine.device import Compute, resolve
from cnnstudio.engine.feature_room import views_of
from cnnstudio.engine.progressive import check_progressive
from cnnstudio.engine.resume import Checkpoint, same_split
from cnnstudio.engine.schedule import make_optimizer, peak_lr, training_phases
from cnnstudio.engine.tuning import Subject, Tuned, remembered, tune
from cnnstudio.models import registry
from cnnstudio.models.create import create, outline
from cnnstudio.models.network import Network
from cnnstudio.models.summary import check_image_size, minimum_size
from cnnstudio.models.weights import LoadReport, fetch, locate, wanted

_TICK = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that a run needs before its first step.

    Attributes:
        config: The configuration with every `auto` resolved.
        store: The images.
        split: Which ones are for what.
        network: On its device, in its memory format.
        compute: Where and how to compute.
        mean: `(3, 1, 1)` on the device, subtracted from images in [0, 1].
        std: `(3, 1, 1)` on the device, divided by.
        loaded: What became of the pretrained weights, where there are any.
        tuned: How `compute` was chosen.
        resumed_step: Optimizer steps that an earlier process has done.
        notes: What the user should know, each a clause.
    """

    config: Config
    store: ImageStore
    split: Split
    network: Network
    compute: Compute
    mean: Tensor
    std: Tensor
    loaded: LoadReport | None
    tuned: Tuned
    resumed_step: int = 0
    notes: tuple[str, ...] = ()

    def weights_told(self) -> dict[str, Any]:
        """Return what `RunStarted` says of the initial weights."""
        if self.resumed_step:
            return {"weights": f"those of the run after step {self.resumed_step:,}", "resumed_step": self.resumed_step}
        if self.loaded is None:
            return {"weights": "random initial weights"}
        return {
            "weights": self.loaded.sentence(),
            "weights_loaded": len(self.loaded.loaded),
            "weights_missing": self.loaded.missing,
            "weights_skipped": self.loaded.skipped,
        }


def prepare(
    config: Config,
    report: Callable[[Phase], None],
    control: Control,
    checkpoint: Checkpoint | None = None,
    *,
    early: bool = False,
    store: ImageStore | None = None,
) -> Prepared:
    """Check everything, read the images, build the network; the quick checks come first.

    Args:
        config: What to train.
        report: Told what is being done.
        control: May stop it.
        checkpoint: Where the run goes on; then its split and its weights hold.
        early: Whether images may still be decoded when this returns; then the store is to be closed some time. Runs
            that go on wait for all of them.
        store: The images, where they have been read already.

    Raises:
        InputError: Something the user gave cannot be used.
        StopRun: Asked to stop meanwhile.
    """
    registry.check(config)
    training_phases(config)
    on_cpu = resolve(config.compute).device.type == "cpu"
    if not config.data.folder:
        raise InputError(
            "no image folder chosen", where="data.folder", remedy="name a folder that holds one folder for each class"
        )
    report(Phase(text="Looking through the folder"))
    catalog = store.catalog if store is not None else scan(Path(config.data.folder))
    card = registry.card(config.model.arch)
    side = card.image_size if config.data.image_size == "auto" else config.data.image_size
    planned = outline(config, len(catalog.classes))
    check_image_size(planned, side, card.title)
    if config.train.progressive:
        check_progressive(config, full=side, minimum=minimum_size(planned))
    for phase in training_phases(config):
        planned.freeze(phase.train_last)
        make_optimizer(planned, config, phase)  # refuses stages that do not exist, and a run that learns nothing
    if wanted(config) and checkpoint is None:
        _have_weights(config, report, control)
    if store is None:
        stages = len(planned.stages)
        frozen = [(phase.train_last or stages) < stages for phase in training_phases(config)]

        def coming(catalog: Catalog) -> Coming:
            division = split(catalog, val_fraction=config.data.val_fraction, seed=config.train.seed)
            features = frozen[0] and config.train.mix != "cutmix"
            return Coming.of(catalog, division, config, frozen=features)

        order = coming if early and checkpoint is None else None
        store = _read(catalog, side, report, control, resident=not all(frozen), on_cpu=on_cpu, coming=order)
    try:
        return _prepared(config, store, side, report, control, checkpoint)
    except BaseException:
        store.close()
        raise


def _prepared(
    config: Config,
    store: ImageStore,
    side: int,
    report: Callable[[Phase], None],
    control: Control,
    checkpoint: Checkpoint | None,
) -> Prepared:
    """Divide the images, of which the first ones are there, and build the network."""
    card = registry.card(config.model.arch)
    changed = ""
    if checkpoint is None:
        division = split(store.catalog, val_fraction=config.data.val_fraction, seed=config.train.seed)
    else:
        division, changed = same_split(checkpoint, store.catalog)
    report(Phase(text=f"Building {card.title}"))
    torch.manual_seed(config.train.seed)
    network, loaded = _build(config, len(store.catalog.classes), checkpoint)
    by_rule = resolve(config.compute, depthwise=has_depthwise(network))
    check_deterministic(config, by_rule)
    mean, std = (
        torch.tensor(values, device=by_rule.device).view(3, 1, 1)
        for values in (card.preprocessing.mean, card.preprocessing.std)
    )
    if checkpoint is None:
        images = division.train[: config.data.batch_size]
        pixels, labels = (torch.from_numpy(each) for each in (store.rows(images), store.labels[list(images)]))
        subject = Subject(config, network, has_depthwise(network), pixels, labels, mean, std, len(division.train))
        with store.held():
            tuned = tune(subject, report, control.check)
    else:
        tuned = remembered(config, side, depthwise=has_depthwise(network))
    compute = tuned.compute
    compute.place(network)
    notes = (f"the folder has changed since: {changed}",) if changed else ()
    final = _resolved(config, side, compute, views=views_of(config, len(division.train), compute.device.type))
    step = checkpoint.position.step if checkpoint else 0
    return Prepared(final, store, division, network, compute, mean, std, loaded, tuned, step, notes)


def _build(config: Config, classes: int, checkpoint: Checkpoint | None) -> tuple[Network, LoadReport | None]:
    """Build the network with its first weights, or with those of the checkpoint."""
    if checkpoint is None:
        return create(config, classes)
    network, _ = create(config.replace("model.pretrained", False), classes)
    network.load_state_dict(checkpoint.network)
    return network, None


def _have_weights(config: Config, report: Callable[[Phase], None], control: Control) -> None:
    """Download the pretrained weights if they are not on this machine."""
    reported = -math.inf

    def progress(done: int, total: int | None) -> None:
        nonlocal reported
        if time.monotonic() - reported >= _TICK or done == total:
            reported = time.monotonic()
            text = f"Downloading weights, {done / 1e6:,.0f}" + (f" of {total / 1e6:,.0f} MB" if total else " MB")
            report(Phase(text=text, done=done / total if total else None))

    def cancelled() -> bool:
        control.check()
        return False

    fetch(config, progress, cancelled)
    locate(config)


def _read(
    catalog: Catalog,
    side: int,
    report: Callable[[Phase], None],
    control: Control,
    *,
    resident: bool,
    on_cpu: bool,
    coming: Callable[[Catalog], Coming] | None,
) -> ImageStore:
    """Read the images, or begin to: `coming` tells the order then, of those whose headers look well."""
    reported = -math.inf

    def progress(done: int) -> None:
        nonlocal reported
        control.check()
        total = len(catalog.images)
        if time.monotonic() - reported >= _TICK or done == total:
            reported = time.monotonic()
            report(Phase(text=f"Reading {total:,} images", done=done / total))

    if coming is None:
        with given_back(), Decoded(catalog, side) as decoded:
            return read_catalog(catalog, side, progress=progress, decoded=decoded, resident=resident)
    with contextlib.ExitStack() as during, contextlib.ExitStack() as held:
        decoded = held.enter_context(Decoded(catalog, side))
        unknown = [index for index, digest in enumerate(decoded.digests) if digest is None]
        unusable = glance(catalog, unknown, control.check)
        if unusable:
            catalog = catalog.without(unusable)
            decoded.leave_out(unusable)
        order = coming(catalog)
        # Steps and frozen parts take a fifth longer on the CPU where memory is given back meanwhile.
        (during if on_cpu else held).enter_context(given_back())
        return begin_catalog(
            catalog,
            side,
            first=order.first,
            then=order.then,
            held=held,
            progress=progress,
            decoded=decoded,
            resident=resident,
        )


def _resolved(config: Config, side: int, compute: Compute, *, views: int) -> Config:
    model = registry.resolved(config.model)
    resolved: dict[str, object] = {
        "data.folder": str(Path(config.data.folder).absolute()),
        "data.image_size": side,
        "model.batchnorm": model.batchnorm,
        "model.head": model.head,
        "transfer.views": views,
        "transfer.lr_decay": config.transfer.lr_decay_resolved,
        "train.lr": peak_lr(config),
        "compute.device": str(compute.device),
        "compute.precision": compute.precision,
        "compute.memory_format": compute.layout,
    }
    for key, value in resolved.items():
        config = config.replace(key, value)
    return config


def check_deterministic(config: Config, compute: Compute) -> None:
    """Refuse what PyTorch cannot do deterministically on a GPU before the first backward pass finds out.

    Raises:
        InputError: The run is to be deterministic and cannot be.
    """
    padding = config.model.padding
    if config.compute.deterministic and compute.device.type == "cuda" and padding in {"reflect", "replicate"}:
        raise InputError(
            f"PyTorch has no deterministic {padding} padding on CUDA",
            where="compute.deterministic",
            remedy="set model.padding to same, valid or circular, or compute.deterministic=false",
        )
