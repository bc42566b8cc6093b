"""The commands by name, and the arguments that each takes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import cnnstudio
from cnnstudio.cli import questions, training
from cnnstudio.core.errors import InputError

COMMANDS: Final[dict[str, tuple[Callable[[argparse.Namespace], int], str]]] = {
    "train": (training.train, "train a network on a folder of images"),
    "resume": (training.resume, "go on with a run that was stopped or broke off"),
    "find-lr": (training.find_lr, "try learning rates on a copy of the network of a run"),
    "predict": (questions.predict, "ask a trained network about images"),
    "scan": (questions.scan, "count the classes of a folder and name what cannot be read"),
    "sample": (questions.sample, "write a sample data set"),
    "models": (questions.models, "list the architectures"),
    "describe": (questions.describe, "list the layers of a network"),
    "doctor": (questions.doctor, "examine this installation"),
}

_MANY: Final = """\
On several GPUs, or several machines, the same command runs under torchrun:

  torchrun --nproc-per-node 4 -m cnnstudio train --data DIR --out RUN
  torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29500 --rdzv-id NAME \\
      --max-restarts 3 -m cnnstudio train --data DIR --out RUN

data.batch_size is that of all processes together. The first process writes the run folder and prints; each needs to
see the images. With --max-restarts the run goes on from its latest checkpoint after a process has died, and with the
same --rdzv-id also where the command is started again.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, remedy=f"see {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, whose options have a function `run`: it carries out the command and returns the exit code."""
    parser = _Parser(
        prog="cnnstudio",
        description="Understand, train and fine-tune convolutional networks. Without a command: open the window.",
    )
    parser.add_argument("--version", action="version", version=f"cnnstudio {cnnstudio.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, (run, words) in COMMANDS.items():
        made[name] = commands.add_parser(name, help=words, description=words.capitalize() + ".")
        made[name].set_defaults(run=run)
        made[name].add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    commands.add_parser("gui", help="open the window: gui [PATH] [--start] [--screenshot PNG] [--quit-after SECONDS]")
    for name in ("train", "find-lr", "describe"):
        made[name].add_argument("config", nargs="?", type=Path, metavar="CONFIG.toml", help="settings to start from")
    for name in ("train", "find-lr", "describe", "scan"):
        made[name].add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="change one setting"
        )
    for name in ("train", "find-lr"):
        made[name].add_argument("--data", metavar="DIR", help="the image folder: one folder for each class")
    made["train"].add_argument("--out", type=Path, required=True, metavar="RUN", help="the run folder to make")
    for name in ("train", "resume"):
        made[name].epilog = _MANY
        made[name].formatter_class = argparse.RawDescriptionHelpFormatter
    made["describe"].add_argument("--classes", type=_positive, default=1000, help="number of classes (default: 1000)")
    made["scan"].add_argument("data", metavar="DIR")
    for name in ("resume", "predict"):
        made[name].add_argument("run_folder", type=Path, metavar="RUN")
    made["predict"].add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    made["predict"].add_argument("--top", type=_positive, default=3, help="how many classes to name (default: 3)")
    made["predict"].add_argument("--device", default="auto")
    made["predict"].add_argument(
        "--epoch", type=_natural, help="whose weights, 0 for those before the first step (default: the best)"
    )
    made["sample"].add_argument("name", metavar="NAME")
    made["sample"].add_argument("folder", type=Path, metavar="DIR")
    return parser


def _positive(text: str) -> int:
    """Read a number from 1 on; argparse names the argument that is none."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _natural(text: str) -> int:
    """Read a number from 0 on; argparse names the argument that is none."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number
