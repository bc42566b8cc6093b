"""The results for people: a table, and below it the sentences to read it with."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench.machine import Machine
from tests.bench.result import Result, Target
from tests.bench.statistics import Estimate

_HEAD = ("row", "value", "target", "reached", "95 % interval", "A/A", "CPU", "memory", "seconds")


def show(machine: Machine, results: Sequence[Result], stream: TextIO) -> None:
    """Write the description of the machine, the table and the notes."""
    console = Console(file=stream, width=None if stream.isatty() else 140, highlight=False)
    for line in machine.lines():
        console.print(Text(line, style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in _HEAD:
        table.add_column(name, justify="left" if name in {"row", "reached"} else "right", no_wrap=True)
    for each in results:
        table.add_row(*(Text(cell) for cell in cells(each)))
    console.print(table)
    for each in results:
        console.print(Text(f"{each.row}: {each.what}", style="bold"))
        for note in each.notes:
            console.print(Text(f"  {note}"))


def cells(result: Result) -> tuple[str, ...]:
    """Return the cells of a row."""
    unit = result.unit
    return (
        result.row,
        _value(result.found, unit),
        _target(result.target, unit) if result.target else "–",
        {None: "–", True: "yes", False: "NO"}[result.reached],
        _interval(result.found),
        _interval(result.control),
        _value(result.cpu, unit),
        " / ".join(f"{each / 1e9:.2f}" for each in (result.ours, result.peer) if each is not None) + " GB"
        if result.ours is not None
        else "–",
        f"{result.seconds:,.0f}",
    )


def _value(found: Estimate | None, unit: str) -> str:
    return "–" if found is None else f"{_number(found.value)}{unit}"


def _interval(found: Estimate | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{_number(found.value)} (once)"
    return f"{_number(found.low)} … {_number(found.high)}"


def _target(target: Target, unit: str) -> str:
    if target.low is not None and target.high is not None:
        text = f"{target.low:g} … {target.high:g}{unit}"
    elif target.low is not None:
        text = f"≥ {target.low:g}{unit}"
    else:
        text = f"≤ {target.high:g}{unit}"
    return f"{text}, aim {target.aim}" if target.aim else text


def _number(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
