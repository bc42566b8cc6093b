"""What the drawn network says in words: tooltips, and descriptions for screen readers."""

from html import escape

from cnnstudio.gui.graph.blocks import Block
from cnnstudio.gui.graph.layers import Layer
from cnnstudio.gui.words import counted, in_short, memory


def layer_tip(layer: Layer) -> str:
    """Return a layer in figures, as rich text."""
    figures = {
        "Output": _shape(layer.output_shape),
        "Kernel": layer.kernel,
        "Stride": layer.stride,
        "Padding": layer.padding,
        "Parameters": f"{layer.parameters:,}" if layer.parameters else "",
        "FLOPs": in_short(layer.flops),
        "Receptive field": f"{layer.receptive_field:,} px" if layer.receptive_field else "",
        "Activation": memory(layer.activation),
    }
    words = (layer.type, layer.detail, layer.note, _layer_state(layer))
    return _tip(layer.name, " · ".join(filter(None, words)), figures)


def block_tip(block: Block) -> str:
    """Return a block in figures, as rich text."""
    figures = {
        "Layers": str(len(block.rows)),
        "Output": _shape(block.output_shape),
        "Parameters": f"{block.parameters:,}" if block.parameters else "",
        "FLOPs": in_short(sum(row.flops for row in block.rows)),
        "Activations": memory(sum(row.activation for row in block.rows)),
    }
    words = " · ".join(filter(None, (block.kind, _block_state(block))))
    return _tip(block.title, words, figures)


def spoken(layer: Layer, block: Block, *, expanded: bool) -> str:
    """Return what is selected, as a sentence."""
    if expanded or not block.expandable:
        parts = [layer.name, layer.type, layer.detail, layer.note]
        parts += _figures(layer.output_shape, layer.parameters)
        parts.append(_layer_state(layer))
    else:
        size = counted(len(block.rows), "layer")
        parts = [block.title, block.kind, "" if size in block.kind else size]
        parts += _figures(block.output_shape, block.parameters)
        parts += [_block_state(block), "collapsed"]
    return ", ".join(filter(None, parts)) + "."


def _figures(shape: tuple[int, ...], parameters: int) -> tuple[str, str]:
    return f"output {_shape(shape)}", counted(parameters, "parameter") if parameters else ""


def _layer_state(layer: Layer) -> str:
    if not layer.parameters:
        return ""
    return "frozen" if layer.frozen else "learns"


def _block_state(block: Block) -> str:
    return "frozen" if block.frozen else "learns" if block.learning else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _tip(title: str, words: str, figures: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{key}</td><td align='right'>&nbsp;&nbsp;{escape(text)}</td></tr>"
        for key, text in figures.items()
        if text not in {"", "–"}
    )
    return f"<b>{escape(title)}</b><br>{escape(words)}<table>{rows}</table>"
