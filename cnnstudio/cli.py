"""The headless commands. With `--json`, stdout carries one JSON object a line and nothing else."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import cnnstudio
from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import InputError, StopRun

if TYPE_CHECKING:  # numpy comes with it
    from cnnstudio.core.events import Event, RunEnded

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        options = _parser().parse_args(arguments)
        code: int = options.run(options)
    except InputError as error:
        if os.environ.get("LOCAL_RANK", "0") == "0":  # under torchrun all processes of a machine say the same
            print(f"cnnstudio: {error.one_line()}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("cnnstudio: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code


def _train(options: argparse.Namespace) -> int:
    return _carry_out(options, _config(options), options.out, resume=False)


def _resume(options: argparse.Namespace) -> int:
    from cnnstudio.runtime.runs import read_run

    run = read_run(options.run_folder)
    if run.reason == "finished":
        raise InputError("the run has finished", where=run.path, remedy="train a new one from its config.toml")
    return _carry_out(options, run.config, run.path, resume=True)


def _carry_out(options: argparse.Namespace, config: Config, out: Path, *, resume: bool) -> int:
    from cnnstudio.engine.dist import World
    from cnnstudio.runtime.sinks import JsonSink, terminal_sink

    world = World.of_environment()
    carry_out: Callable[[Callable[[Event], None]], RunEnded]
    control: Control
    if config.compute.isolated and not world.launch:  # torchrun's are processes of their own already
        from cnnstudio.runtime.process_host import RemoteControl, train_isolated

        control = remote = RemoteControl()
        carry_out = partial(train_isolated, config, control=remote, out=out, resume=resume)
    else:
        from cnnstudio.engine.trainer import train

        control = Control()
        carry_out = partial(train, config, control=control, out=out, resume=resume)
    with _stop_on_ctrl_c(control, aloud=world.leads):
        if not world.leads:
            ended = carry_out(lambda _event: None)
        elif options.json:
            ended = carry_out(JsonSink(sys.stdout))
        else:
            with terminal_sink() as sink:
                ended = carry_out(sink)
    if ended.reason == "stopped" and not world.launch:  # torchrun starts anew what does not exit with 0
        return INTERRUPTED
    return FAILED if ended.reason == "failed" else DONE


def _find_lr(options: argparse.Namespace) -> int:
    from cnnstudio.engine.lr_finder import search
    from cnnstudio.runtime.sinks import terminal_sink

    control = Control()
    try:
        with _stop_on_ctrl_c(control, aloud=True), terminal_sink() as sink:
            curve = search(_config(options), sink, control)
    except StopRun:
        return INTERRUPTED
    tried = tuple(zip(curve.rates, curve.losses, strict=True))
    if options.json:
        for rate, loss in tried:
            _line({"rate": rate, "loss": loss})
        _line({"steady": curve.steady, "limit": curve.limit, "suggestion": curve.suggestion})
        return DONE
    _table(("rate", "loss"), [(f"{rate:.2g}", f"{loss:.3f}") for rate, loss in tried])
    if curve.suggestion is None:
        print("The loss falls at no learning rate, so there is none to suggest.")
    else:
        print(f"Suggested: --set train.lr={curve.suggestion:.2g}")
    return DONE


def _predict(options: argparse.Namespace) -> int:
    from cnnstudio.core.events import Phase, SetAside, Warned
    from cnnstudio.engine.evaluate import load_model
    from cnnstudio.engine.telling import Telling

    def report(event: Phase | Warned) -> None:
        print(f"cnnstudio: {event.text}", file=sys.stderr)

    model = load_model(options.run_folder, device=options.device, epoch=options.epoch)
    code = DONE
    for answer in model.predict_all(options.images, Telling(report, lambda: None)):
        if isinstance(answer, SetAside):
            print(f"cnnstudio: {answer.reason} [{answer.path}]: choose another image", file=sys.stderr)
            code = BAD_INPUT
            continue
        path, top = answer.image, answer.top(options.top)
        if options.json:
            _line({"path": str(path), "top": [{"class": name, "probability": share} for name, share in top]})
        else:
            print(f"{path}: " + ", ".join(f"{name} {share:.1%}" for name, share in top))
    return code


def _scan(options: argparse.Namespace) -> int:
    from cnnstudio.data.survey import survey

    config = _config(options)
    found = survey(Path(config.data.folder), val_fraction=config.data.val_fraction, seed=config.train.seed)
    counts = found.counts()
    if options.json:
        for each in counts:
            _line({"class": each.name, "train": each.train, "val": each.val, "test": each.test})
        for aside in found.catalog.set_aside:
            _line({"set_aside": aside.path, "reason": aside.reason})
        return DONE
    _table(
        ("class", "train", "val", "test"),
        [(each.name, f"{each.train:,}", f"{each.val:,}", f"{each.test:,}") for each in counts],
    )
    for aside in found.catalog.set_aside:
        print(f"set aside: {aside.path}: {aside.reason}")
    return DONE


def _sample(options: argparse.Namespace) -> int:
    from cnnstudio.data.samples import sample, write_sample

    known = sample(options.name)
    folder = write_sample(options.name, options.folder)
    if options.json:
        _line({"sample": known.name, "folder": str(folder), "images": known.images, "classes": list(known.classes)})
    else:
        print(f"{known.images:,} images of {len(known.classes)} classes are in {folder}")
        extra = "".join(f" --set {each}" for each in known.settings)
        print(f"Train on them: cnnstudio train --data {folder} --out RUN{extra}")
    return DONE


def _models(options: argparse.Namespace) -> int:
    from cnnstudio.models.registry import cards

    if options.json:
        for card in cards():
            fields = ("name", "title", "family", "year", "paper", "idea", "image_size", "parameters", "pretrained")
            _line({field: getattr(card, field) for field in fields})
        return DONE
    _table(
        ("name", "year", "parameters", "image size", "pretrained"),
        [
            (card.name, str(card.year), f"{card.parameters:,}", str(card.image_size), card.pretrained or "no")
            for card in cards()
        ],
    )
    return DONE


def _describe(options: argparse.Namespace) -> int:
    from cnnstudio.models import registry
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise

    config = _config(options)
    card = registry.card(config.model.arch)
    side = card.image_size if config.data.image_size == "auto" else config.data.image_size
    summary = summarise(outline(config, options.classes), image_size=side)
    if options.json:
        for row in summary.rows:
            _line(asdict(row))
        return DONE
    _table(
        ("name", "type", "output", "parameters", "FLOPs", "receptive field", ""),
        [
            (
                row.name,
                f"{row.type} {row.detail}".strip(),
                " × ".join(map(str, row.output_shape)),
                f"{row.parameters:,}",
                f"{row.flops:,}",
                f"{row.receptive_field:,}",
                "frozen" if row.frozen else row.note,
            )
            for row in summary.rows
        ],
    )
    print(
        f"{card.title}: {summary.parameters:,} parameters, {summary.trainable:,} learn; "
        f"{summary.flops:,} FLOPs an image of {side} × {side}; smallest input {summary.minimum_size} pixels"
    )
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from cnnstudio.engine.doctor import examine

    findings = examine()
    for each in findings:
        if options.json:
            _line(asdict(each))
        else:
            print(f"{'ok  ' if each.ok else 'FAIL'}  {each.subject:<14} {each.finding}")
    return DONE if all(each.ok for each in findings) else FAILED


COMMANDS: Final[dict[str, tuple[Callable[[argparse.Namespace], int], str]]] = {
    "train": (_train, "train a network on a folder of images"),
    "resume": (_resume, "go on with a run that was stopped or broke off"),
    "find-lr": (_find_lr, "try learning rates on a copy of the network of a run"),
    "predict": (_predict, "ask a trained network about images"),
    "scan": (_scan, "count the classes of a folder and name what cannot be read"),
    "sample": (_sample, "write a sample data set"),
    "models": (_models, "list the architectures"),
    "describe": (_describe, "list the layers of a network"),
    "doctor": (_doctor, "examine this installation"),
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


def _parser() -> argparse.ArgumentParser:
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


def _config(options: argparse.Namespace) -> Config:
    overrides = list(options.overrides)
    config = load_config(getattr(options, "config", None), overrides)
    if getattr(options, "data", None):
        config = config.replace("data.folder", options.data)
    return config


@contextlib.contextmanager
def _stop_on_ctrl_c(control: Control, *, aloud: bool) -> Iterator[None]:
    """Let the first Ctrl-C stop the run after its present step; a second one interrupts at once.

    SIGTERM, with which systems and schedulers end a program, does the same and leaves the same exit code: what counts
    is that the run has kept its state.
    """

    def stop(_signal: int, _frame: Any) -> None:
        if control.stopping:
            raise KeyboardInterrupt
        control.stop()
        if aloud:
            print("Stopping after this step … (Ctrl-C again to interrupt at once)", file=sys.stderr)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
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
