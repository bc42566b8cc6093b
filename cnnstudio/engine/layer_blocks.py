"""Which residual or inception block a layer belongs to, and what the block computes."""

from dataclasses import dataclass
from typing import Self

from torch import nn

from cnnstudio.models.blocks import Add, Concat
from cnnstudio.models.mobilenet_v3 import SqueezeExcitation


@dataclass(frozen=True, slots=True)
class Block:
    """A residual block, or branches side by side.

    Attributes:
        path: Of its module.
        branch: What is added to the shortcut: `z(l+2)`; empty where nothing is.
        shortcut: What it is added to: `a(l)`, or `W a(l)` behind a convolution.
        output: What the block hands on: `a(l+2)`.
        rectified: Whether an activation σ follows the sum.
    """

    path: str
    branch: str = ""
    shortcut: str = ""
    output: str = ""
    rectified: bool = False

    @classmethod
    def residual(cls, path: str, module: nn.Module) -> Self:
        """Describe a block that ends in `blocks.Add`; l counts the convolutions, but not those of side paths."""
        aside = [f"{name}." for name, each in module.named_modules() if isinstance(each, SqueezeExcitation)]
        aside.append("downsample.")
        count = sum(
            isinstance(each, nn.Conv2d) and not any(name.startswith(side) for side in aside)
            for name, each in module.named_modules()
        )
        projected = getattr(module, "downsample", None) is not None
        shortcut = "W a(l)" if projected else "a(l)"
        rectified = isinstance(getattr(module, "relu", None), nn.Module)
        return cls(path, f"z(l+{count})", shortcut, f"a(l+{count})", rectified)

    @property
    def sum(self) -> str:
        """Branch and shortcut, added."""
        return f"{self.branch} + {self.shortcut}"

    @property
    def formula(self) -> str:
        """What it computes."""
        if not self.branch:
            return "the maps of its branches, one behind the other"
        return f"{self.output} = σ({self.sum})" if self.rectified else f"{self.output} = {self.sum}"

    @property
    def gradient(self) -> str:
        """How the gradient gets through it."""
        if not self.branch:
            return "each branch gets the gradient of its maps"
        through = "Wᵀ ∂L/∂s" if self.shortcut.startswith("W") else "∂L/∂s"
        return f"s = {self.sum}: ∂L/∂a(l) = {through} + what comes through the branch"


def blocks_of(network: nn.Module) -> dict[str, Block]:
    """Return all blocks of a network by their paths."""
    found: dict[str, Block] = {}
    for path, module in network.named_modules():
        parent = path.rpartition(".")[0]
        if isinstance(module, Add):
            found[parent] = Block.residual(parent, network.get_submodule(parent))
        elif isinstance(module, Concat):
            found.setdefault(parent, Block(parent))
    return found


def block_at(path: str, blocks: dict[str, Block]) -> Block | None:
    """Return the innermost block that a module belongs to."""
    while path:
        path = path.rpartition(".")[0]
        if path in blocks:
            return blocks[path]
    return None
