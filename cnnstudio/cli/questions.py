"""The commands that answer a question: about a run, a folder, an architecture, a network or this installation."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from cnnstudio.cli.answers import BAD_INPUT, DONE, FAILED, print_line, print_table
from cnnstudio.cli.settings import settings_of


def predict(options: argparse.Namespace) -> int:
    """Name the most likely classes of images; one that cannot be read is said, and the others are answered."""
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
            print_line({"path": str(path), "top": [{"class": name, "probability": share} for name, share in top]})
        else:
            print(f"{path}: " + ", ".join(f"{name} {share:.1%}" for name, share in top))
    return code


def scan(options: argparse.Namespace) -> int:
    """Count the images of each class of a folder, and name those that cannot be used."""
    from cnnstudio.data.survey import survey

    config = settings_of(options)
    found = survey(Path(config.data.folder), val_fraction=config.data.val_fraction, seed=config.train.seed)
    counts = found.counts()
    if options.json:
        for each in counts:
            print_line({"class": each.name, "train": each.train, "val": each.val, "test": each.test})
        for aside in found.catalog.set_aside:
            print_line({"set_aside": aside.path, "reason": aside.reason})
        return DONE
    print_table(
        ("class", "train", "val", "test"),
        [(each.name, f"{each.train:,}", f"{each.val:,}", f"{each.test:,}") for each in counts],
    )
    for aside in found.catalog.set_aside:
        print(f"set aside: {aside.path}: {aside.reason}")
    return DONE


def sample(options: argparse.Namespace) -> int:
    """Write a sample data set, and say how to train on it."""
    from cnnstudio.data.samples import sample, write_sample

    known = sample(options.name)
    folder = write_sample(options.name, options.folder)
    if options.json:
        print_line(
            {"sample": known.name, "folder": str(folder), "images": known.images, "classes": list(known.classes)}
        )
    else:
        print(f"{known.images:,} images of {len(known.classes)} classes are in {folder}")
        extra = "".join(f" --set {each}" for each in known.settings)
        print(f"Train on them: cnnstudio train --data {folder} --out RUN{extra}")
    return DONE


def models(options: argparse.Namespace) -> int:
    """List the architectures."""
    from cnnstudio.models.registry import cards

    if options.json:
        for card in cards():
            fields = ("name", "title", "family", "year", "paper", "idea", "image_size", "parameters", "pretrained")
            print_line({field: getattr(card, field) for field in fields})
        return DONE
    print_table(
        ("name", "year", "parameters", "image size", "pretrained"),
        [
            (card.name, str(card.year), f"{card.parameters:,}", str(card.image_size), card.pretrained or "no")
            for card in cards()
        ],
    )
    return DONE


def describe(options: argparse.Namespace) -> int:
    """List the layers of a network, and what they come to."""
    from cnnstudio.models import registry
    from cnnstudio.models.create import outline
    from cnnstudio.models.summary import summarise

    config = settings_of(options)
    card = registry.card(config.model.arch)
    side = card.image_size if config.data.image_size == "auto" else config.data.image_size
    summary = summarise(outline(config, options.classes), image_size=side)
    if options.json:
        for row in summary.rows:
            print_line(asdict(row))
        return DONE
    print_table(
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


def doctor(options: argparse.Namespace) -> int:
    """Examine this installation; what is wrong with it makes the exit code 1."""
    from cnnstudio.engine.doctor import examine

    findings = examine()
    for each in findings:
        if options.json:
            print_line(asdict(each))
        else:
            print(f"{'ok  ' if each.ok else 'FAIL'}  {each.subject:<14} {each.finding}")
    return DONE if all(each.ok for each in findings) else FAILED
