"""What a command leaves behind: lines on stdout, and its exit code."""

import json
from typing import Any, Final

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130


def print_line(value: dict[str, Any]) -> None:
    """Print a JSON object; whoever reads a pipe gets it at once."""
    print(json.dumps(value), flush=True)


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print columns: words to the left, numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, name in enumerate(head):
        numeric = all(row[column].replace(",", "").isdigit() for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
