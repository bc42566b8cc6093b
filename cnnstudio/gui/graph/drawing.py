"""What is drawn at the moment: the network, which of its blocks are open, and where its columns begin."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

from cnnstudio.gui.graph.arrange import arrange
from cnnstudio.gui.graph.blocks import Graph
from cnnstudio.gui.graph.columns import choose_breaks
from cnnstudio.gui.graph.picture import Picture


@dataclass(frozen=True)
class Drawing:
    """A network as it is seen.

    Attributes:
        graph: The network.
        expanded: Keys of the blocks whose layers are seen.
        breaks: Keys of the blocks that begin a column.
    """

    graph: Graph
    expanded: frozenset[str] = frozenset()
    breaks: tuple[str, ...] = ()

    @cached_property
    def picture(self) -> Picture:
        """Everything in its place."""
        return arrange(self.graph, self.expanded, self.breaks)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All blocks."""
        return tuple(block.key for block in self.graph.blocks)

    @cached_property
    def expandable(self) -> tuple[str, ...]:
        """The blocks with more than one layer."""
        return tuple(block.key for block in self.graph.blocks if block.expandable)

    def opened(self, keys: Collection[str]) -> "Drawing":
        """Return the drawing with these blocks open and no others; the columns stay as they are."""
        return replace(self, expanded=frozenset(keys) & frozenset(self.expandable))

    def of(self, graph: Graph) -> "Drawing":
        """Return the same view of another network."""
        return replace(self, graph=graph).opened(self.expanded)

    def wrapped(self, width: float, height: float) -> "Drawing":
        """Return the drawing in the columns that can be shown largest on a canvas of this size."""
        return replace(self, breaks=choose_breaks(self.graph, self.expanded, width, height))
