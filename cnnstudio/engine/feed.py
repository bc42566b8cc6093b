"""What a step of the training gets: images for the whole network, or features for the part that learns."""

import math
from dataclasses import replace
from functools import cached_property
from typing import Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnstudio.data.augment import Augmentation
from cnnstudio.engine.device import Compute, compute_threads
from cnnstudio.engine.prepare import Prepared
from cnnstudio.engine.progressive import side_of
from cnnstudio.models.summary import minimum_size

# Multiplications in a forward pass, below which to share a step among threads takes longer than the step: a second
# thread has to be woken for every operation. On two cores a step of 0.2, 17, 41 and 67 million took 1.4 instead of
# 3.2 ms, 4.1 instead of 8.7, 10.4 instead of 9.6 and 15.3 instead of 15.4 (AMD EPYC, torch 2.14.1).
_LIGHT: Final = 2**25


class Feed(Protocol):
    """Inputs by image number, and the module that takes them.

    Attributes:
        module: From inputs to logits; in training mode it may give auxiliary ones too.
        compute: Device and arithmetic of a step.
        threads: Of the processor that should share the operations of a step.
    """

    module: nn.Module
    compute: Compute
    threads: int

    def begin(self, epoch: int) -> str:
        """Prepare for the training batches of an epoch; return what is special about them, empty for nothing."""

    def training(self, indices: Tensor) -> Tensor:
        """Return the inputs of a training batch on the device; `indices` (B,) are numbers of images."""

    def validating(self, indices: Tensor) -> Tensor:
        """Return the inputs of a validation batch on the device."""


class PixelFeed:
    """Images, shifted and mirrored at random for training, and small in early epochs where that is wanted.

    Attributes:
        module: The whole network.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.module: nn.Module = prepared.network
        self.compute = prepared.compute
        self.threads = compute_threads()
        self._prepared = prepared
        self._augment: Augmentation | None = None
        self._side = prepared.store.side
        self._minimum = minimum_size(prepared.network) if prepared.config.train.progressive else self._side

    def begin(self, epoch: int) -> str:
        """Draw the shifts and mirrors of an epoch, and choose the size of its images."""
        train, (count, full) = self._prepared.config.train, self._pixels.shape[:2]
        if self._prepared.config.data.augment:
            drawn = Augmentation(count, full, seed=train.seed, epoch=epoch)
            self._augment = drawn.on(self._prepared.compute.device)
        if not train.progressive:
            return ""
        self._side = side_of(epoch, epochs=train.epochs, full=full, minimum=self._minimum)
        return f"at {self._side} of {full} pixels" if self._side < full else "at full size"

    def training(self, indices: Tensor) -> Tensor:
        """Return images (B, 3, S, S), where S is the side of this epoch."""
        compute = self._prepared.compute
        pixels = compute.rows(self._pixels, indices)
        images = self._normalised(pixels if self._augment is None else self._augment(pixels, compute.there(indices)))
        if self._side == images.shape[-1]:
            return images
        small = functional.interpolate(images, size=(self._side, self._side), mode="bilinear", antialias=True)
        return small.contiguous(memory_format=compute.memory_format)

    def validating(self, indices: Tensor) -> Tensor:
        """Return images (B, 3, S, S) as they are."""
        return self._normalised(self._prepared.compute.rows(self._pixels, indices))

    @cached_property
    def _pixels(self) -> Tensor:
        """All images (N, S, S, 3) uint8; those on the disk are read no sooner than a batch of them is wanted."""
        return torch.from_numpy(self._prepared.store.growing)

    def _normalised(self, pixels: Tensor) -> Tensor:
        prepared = self._prepared
        return prepared.compute.images(pixels, prepared.mean, prepared.std)


class FeatureFeed:
    """What the frozen part has answered to each view of each image, computed once.

    Attributes:
        module: The part of the network that learns.
        compute: In float32 for a small head, which converts more numbers than it multiplies.
        threads: One for a small head.
    """

    def __init__(
        self, module: nn.Module, features: Tensor, rows: Tensor, *, compute: Compute, batch: int, seed: int
    ) -> None:
        """Make a feed.

        Args:
            module: The part that learns.
            features: `(R, *shape)` float16.
            rows: `(views, N)` int64, the row of each view of each image; the first view is the image as it is.
            compute: Where the inputs are wanted.
            batch: Images in a step.
            seed: Decides which view is learnt from when.
        """
        self.module = module
        places = math.prod(features.shape[2:])  # at which each weight of a convolution is used, at most
        multiplications = batch * places * sum(each.numel() for each in module.parameters())
        light = multiplications < _LIGHT
        self.threads = 1 if light else compute_threads()
        self.compute = replace(compute, precision="float32") if light else compute.suited_to(module)
        self._features, self._rows = features, rows
        self._seed = seed
        self._chosen = rows[0]

    def begin(self, epoch: int) -> str:
        """Draw a view of each image."""
        views, images = self._rows.shape
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        chosen = torch.randint(views, (images,), generator=generator)
        self._chosen = self._rows[chosen, torch.arange(images)]
        return ""

    def training(self, indices: Tensor) -> Tensor:
        """Return features (B, *shape) float32 of the views of this epoch."""
        return self._on_device(self._chosen.index_select(0, indices))

    def validating(self, indices: Tensor) -> Tensor:
        """Return features (B, *shape) float32 of the images as they are."""
        return self._on_device(self._rows[0].index_select(0, indices))

    def _on_device(self, rows: Tensor) -> Tensor:
        return self.compute.rows(self._features, rows).float()
