"""What the drawn network says in words: tooltips, and descriptions for screen readers."""

from html import escape

from cnnstudio.gui.graph.blocks import Block
from cnnstudio.gui.graph.layers import Layer
from cnnstudio.gui.words import counted, in_short


def layer_tip(layer: Layer) -> str:
    """Return a layer in figures, as rich text."""
    figures = {
        "Output": _shape(layer.output_shape),
        "Kernel": layer.kernel,
        "Stride": layer.stride,
        "Padding": layer.padding,
        "Parameters": f"{layer.parameters:,}" if layer.parameters else "",
        "FLOPs": in_short(layer.flops) if layer.flops else "",
        "Receptive field": f"{layer.receptive_field:,} px" if layer.receptive_field else "",
        "Activation": _memory(layer.activation),
    }
    state = ("frozen" if layer.frozen else "learns") if layer.parameters else ""
    return _tip(layer.name, " · ".join(filter(None, (layer.type, layer.detail, layer.note, state))), figures)


def block_tip(block: Block) -> str:
    """Return a block in figures, as rich text."""
    figures = {
        "Layers": str(len(block.rows)),
        "Output": _shape(block.output_shape),
        "Parameters": f"{block.parameters:,}" if block.parameters else "",
        "FLOPs": in_short(sum(row.flops for row in block.rows)),
        "Activations": _memory(sum(row.activation for row in block.rows)),
    }
    words = " · ".join(filter(None, (block.kind, _state(block))))
    return _tip(block.title, words, figures)


def spoken(layer: Layer, block: Block, *, expanded: bool) -> str:
    """Return what is selected, as a sentence."""
    if expanded or not block.expandable:
        words = (layer.name, layer.type, layer.detail, layer.note, f"output {_shape(layer.output_shape)}")
    else:
        size = counted(len(block.rows), "layer")
        words = (block.title, block.kind, size, f"output {_shape(block.output_shape)}", "collapsed")
    return ", ".join(filter(None, (*words, _state(block)))) + "."


def _state(block: Block) -> str:
    return "frozen" if block.frozen else "learns" if block.learning else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _memory(count: int) -> str:
    if not count:
        return ""
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{count / 2**10:.1f} KB"


def _tip(title: str, words: str, figures: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{key}</td><td align='right'>&nbsp;&nbsp;{escape(text)}</td></tr>"
        for key, text in figures.items()
        if text
    )
    return f"<b>{escape(title)}</b><br>{escape(words)}<table>{rows}</table>"
