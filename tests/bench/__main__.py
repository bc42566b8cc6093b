"""The benchmark of the engine: `python -m tests.bench [ROW …]` from the folder that holds `tests`.

Speed is a ratio to a peer that runs in turn with ours on the same machine, never an absolute number; the A/A column is
the same ratio of two equal sides, so it shows the noise. With `--json`: one JSON object a line on stdout, the machine
first. Exit code 0: measured; 1: a row could not be measured; 2: bad input.
"""

import argparse
import dataclasses
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cnnstudio.core.errors import InputError
from tests.bench.extent import QUICK, Extent
from tests.bench.lab import Lab
from tests.bench.machine import this_machine
from tests.bench.rows import ROWS, chosen, measure_all
from tests.bench.table import show
from tests.bench.trees import link_classes, write_images
from tests.bench.whole_run import PATIENT, ROOT

CLIP_ART: Final = ROOT / ".test-data" / "openclipart6"
_FEW: Final = 48  # images for --quick
_SIZES: Final = {
    "pairs": "pairs",
    "runs": "runs",
    "epochs": "peer_epochs",
    "image_size": "image_size",
    "growth": "growth",
}


def main(arguments: Sequence[str]) -> int:
    """Measure what the arguments ask for and return the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also then no process and no folder is left behind
    try:
        rows = chosen(options.rows)
        if options.quick:
            os.environ.update(PATIENT)
        extent = _extent(options)
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            data = _data(options, folder)
            machine = this_machine()
            if options.json:
                _line({"machine": dataclasses.asdict(machine), "extent": dataclasses.asdict(extent)})
            results = []
            with Lab(data, folder, extent, most=options.images or (_FEW if options.quick else None)) as lab:
                for result in measure_all(rows, lab):
                    results.append(result)
                    if options.json:
                        _line(dataclasses.asdict(result))
    except InputError as error:
        sys.stderr.write(f"bench: {error.one_line()}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("bench: interrupted\n")
        return 130
    if not options.json:
        if options.quick:
            sys.stdout.write("A tiny size: this only shows that everything runs.\n")
        show(machine, results, sys.stdout)
    return int(any(each.what == "failed" for each in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the engine against its peers.")
    names = ", ".join(row.name for row in ROWS)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which to measure (default: all): {names}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="images, one folder a class (default: the clip art)")
    parser.add_argument("--images", type=int, metavar="N", help="take no more than N of them")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.add_argument("--quick", action="store_true", help="a tiny size: only shows that everything runs")
    parser.add_argument("--full", action="store_true", help="run the tutorial to its end instead of extrapolating")
    parser.add_argument("--pairs", type=int, metavar="N", help="rounds of blocks")
    parser.add_argument("--runs", type=int, metavar="N", help="how often whole processes are compared")
    parser.add_argument("--image-size", type=int, metavar="S", help="side of the input in pixels (default: 224)")
    parser.add_argument(
        "--growth", type=int, metavar="N", help="images of the middle folder of that row (default: 256)"
    )
    parser.add_argument("--epochs", type=int, metavar="K", help="epochs of the tutorial that are measured (default: 1)")
    return parser


def _extent(options: argparse.Namespace) -> Extent:
    extent = QUICK if options.quick else Extent()
    for option, name in _SIZES.items():
        value = getattr(options, option)
        if value is not None and value < 1:
            raise InputError(f"{value} is too few", where=f"--{option.replace('_', '-')}", remedy="give 1 or more")
        if value is not None:
            extent = dataclasses.replace(extent, **{name: value})
    return dataclasses.replace(extent, peer_epochs=extent.tutorial) if options.full else extent


def _data(options: argparse.Namespace, folder: Path) -> Path:
    """Return the folder of images; written ones will do for a quick look."""
    if options.data is not None:
        return Path(options.data)
    if options.quick:
        return link_classes(write_images(folder / "written", _FEW, side=64), folder / "classes")
    if CLIP_ART.is_dir():
        return CLIP_ART
    raise InputError(
        "the clip art is not here", where=CLIP_ART, remedy="run python tests/fetch_openclipart.py, or give --data DIR"
    )


def _line(fields: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
