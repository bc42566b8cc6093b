"""The network of a run as it was after each of its epochs: what can be seen of it is computed from the kept weights."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from cnnstudio.core.control import Watch
from cnnstudio.core.errors import InputError
from cnnstudio.core.history import LostEpochError, epoch_file, kept_epochs
from cnnstudio.core.pictures import Picture
from cnnstudio.data.images import UnreadableImageError
from cnnstudio.data.scan import Catalog, scan
from cnnstudio.data.splits import Split, split
from cnnstudio.engine.batches import some_of
from cnnstudio.engine.device import Compute
from cnnstudio.engine.evaluate import load_model
from cnnstudio.engine.filters import StartWeights
from cnnstudio.engine.history import KeptEpoch, read_epoch
from cnnstudio.engine.preview import probes_of
from cnnstudio.engine.preview_images import PreviewImages
from cnnstudio.engine.schedule import training_phases
from cnnstudio.models import registry


class Past:
    """Looks at one run with the eyes of its preview, on the CPU in float32, whatever the run computes with.

    The network is built once and takes on the weights of one epoch after another. It draws nothing from torch's random
    numbers, so that a run in progress is not disturbed; for that, nothing is dropped where a view lets the network
    learn. One thread at a time may look.

    Attributes:
        run: The run folder.
    """

    def __init__(self, run: Path) -> None:
        """Build the network.

        Raises:
            InputError: The folder is not a run with a history, or it is damaged.
        """
        self.run = run
        epochs = kept_epochs(run)
        if not epochs:
            raise LostEpochError("no weights of its epochs are kept", where=run, remedy="train anew to see epochs")
        model = load_model(run, device="cpu", epoch=epochs[0])
        self._config, self._network = model.config, model.network
        self._first = epochs[0]
        self._worn = frozenset(self._network.state_dict())
        self._at: int | None = None  # the epoch whose weights are worn
        self._stamp, self._step = 0, 0
        colours = registry.card(self._config.model.arch).preprocessing
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (colours.mean, colours.std))
        self._images = _Images(model.compute, mean, std, size=model.side, default=lambda: self._default)
        start = StartWeights.of(self._network, read_epoch(run, self._first, ()).step)
        self._probes = probes_of(self._network, model.compute, self._images, lambda: self._batch, start, drops=False)

    def look(self, epoch: int, watch: Watch) -> tuple[Picture, ...]:
        """Return what is watched, as it was after an epoch; nothing where that can be seen in a run only.

        Args:
            epoch: Counted from 1; 0 stands for the time before the first step.
            watch: What is asked for.

        Raises:
            LostEpochError: The weights of the epoch are damaged, or not kept.
            InputError: An image cannot be read, or the network has nothing of that name.
        """
        wanted = [probe for probe in self._probes if probe.wanted(watch)]
        if not wanted:
            return ()
        step = self._wear(epoch)
        try:
            return tuple(probe.look(watch, step) for probe in wanted)
        except UnreadableImageError as error:
            what = f"the preview image cannot be shown: {error}"
            raise InputError(what, where=self._images.path(watch), remedy="choose another one") from None
        except LookupError as error:
            what = f"the network of the run has no layer {error.args[0]}"
            raise InputError(what, where=self.run, remedy="choose another layer") from None

    @torch.no_grad()
    def _wear(self, epoch: int) -> int:
        """Take on the weights of an epoch; return the number of optimizer steps that were done."""
        if epoch == self._at and _stamp(self.run, epoch) == self._stamp:
            return self._step
        stamp, self._at = _stamp(self.run, epoch), None
        kept = read_epoch(self.run, epoch)
        stale = self._worn - kept.keys
        if stale and kept.base is None:
            raise LostEpochError(
                f"the weights of epoch {epoch} are incomplete",
                where=epoch_file(self.run, epoch),
                remedy="choose another epoch",
            )
        rest = {} if kept.base is None else read_epoch(self.run, kept.base, stale).tensors
        state = self._network.state_dict()
        self._worn |= kept.keys  # if one does not fit, nothing is known of what is worn by then
        for key, tensor in (rest | kept.tensors).items():
            if key not in state or state[key].shape != tensor.shape:
                raise LostEpochError(
                    f"the weights of epoch {epoch} are of another network",
                    where=epoch_file(self.run, epoch),
                    remedy="choose another epoch",
                )
            state[key].copy_(tensor)
        self._worn = kept.keys
        self._freeze(kept)
        self._at, self._stamp, self._step = epoch, stamp, kept.step
        return kept.step

    def _freeze(self, kept: KeptEpoch) -> None:
        """Let those stages learn that had learnt by then; before the first step, those that were about to."""
        if kept.epoch == self._first:
            train_last, still = training_phases(self._config)[0].train_last, frozenset[str]()
        else:
            own = {name for name, _ in self._network.named_parameters()}
            learnt = {self._network.stage_of(key).name for key in kept.keys & own}
            names = [stage.name for stage in self._network.stages]
            first = next((number for number, name in enumerate(names) if name in learnt), len(names) - 1)
            train_last, still = len(names) - first, frozenset(names[first:]) - learnt
        self._network.freeze(train_last, still=still)

    @cached_property
    def _found(self) -> tuple[Catalog, Split]:
        """The images as they lie now, divided as for the run."""
        catalog = scan(Path(self._config.data.folder))
        return catalog, split(catalog, val_fraction=self._config.data.val_fraction, seed=self._config.train.seed)

    @property
    def _default(self) -> Path:
        catalog, division = self._found
        return catalog.images[division.val[0]].path

    @cached_property
    def _batch(self) -> Tensor:
        catalog, division = self._found
        chosen = some_of(division.train, self._config.data.batch_size)
        return self._images.batch(*(catalog.images[number].path for number in chosen))


def _stamp(run: Path, epoch: int) -> int:
    """Return when the file of an epoch was written: a run that was resumed may write it anew."""
    try:
        return epoch_file(run, epoch).stat().st_mtime_ns
    except OSError:
        return 0


class _Images(PreviewImages):
    """Preview images of a run whose folder is only looked through if nobody has chosen one."""

    def __init__(self, compute: Compute, mean: Tensor, std: Tensor, *, size: int, default: Callable[[], Path]) -> None:
        super().__init__(compute, mean, std, size=size, default=Path())
        self._first = default

    def path(self, watch: Watch) -> Path:
        """Return the image that is watched."""
        return Path(watch.image) if watch.image else self._first()
