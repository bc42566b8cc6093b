"""What somebody could watch of a run."""

from typing import Final

from cnnstudio.core.control import ANY_DROPOUT, ANY_TENSOR, Watch
from cnnstudio.core.events import RunStarted

_ROWS: Final = 6  # as many layers as the window shows below each other


def everything(started: RunStarted) -> Watch:
    """Return all that the live views watch, as if each of them were seen, in the middle of the network."""
    layers, step = started.layers, -(-len(started.layers) // _ROWS)
    convolutions = list(started.norms) or [layer for layer in layers if "conv" in layer or layer.startswith("features")]
    norms = list(started.norms.values())
    return Watch(
        layer=layers[len(layers) // 2],
        layers=layers[step - 1 :: step],
        batchnorm=norms[len(norms) // 2] if norms else "",
        filters=convolutions[len(convolutions) // 2],
        tensor=ANY_TENSOR,
        dropout=ANY_DROPOUT,
    )
