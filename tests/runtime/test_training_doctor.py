"""The training doctor on runs with a planted fault and on healthy ones, drawn as series and really trained."""

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.events import EpochEnded, Event, LayerPulse, Pulse, RunStarted, StepEnded
from cnnstudio.runtime.diagnosis import Diagnosis, Evidence, Kind, Record
from cnnstudio.runtime.doctor_rules import standing
from cnnstudio.runtime.training_doctor import diagnose
from tests.runtime.planted import CASES, draw, train

Curve = Callable[[float], float]
_REPORTS = 10  # an epoch
_PATHS = (*(f"features.{3 * number}" for number in range(7)), "classifier")


@dataclass(frozen=True)
class Series:
    """Curves over the epochs of a run, and how its layers learn; noise is added to all.

    Attributes:
        fault: The finding that is right; empty for a healthy run.
        name: In words.
        changes: Of the configuration.
        loss: Training loss.
        val_loss: None: a little above the training loss.
        accuracy: Validation accuracy.
        trained: Training accuracy; None: as the validation accuracy.
        gradient: Norm of all gradients.
        update: Of all layers.
        pull: Gradient of the first layers as a share of the last ones'.
        dead: Share behind the fourth layer.
        answers: Share of validation images that are called by the first of four classes.
        twins: Validation images that are training images.
        images: Validation images.
    """

    fault: str
    name: str
    changes: tuple[str, ...] = ()
    loss: Curve = lambda at: 0.2 + 1.3 * math.exp(-at / 6)
    val_loss: Curve | None = None
    accuracy: Curve = lambda at: 0.9 - 0.65 * math.exp(-at / 6)
    trained: Curve | None = None
    gradient: Curve = lambda at: 1.5
    update: Curve = lambda at: 2e-3
    pull: float = 0.5
    dead: Curve = lambda at: 0.05
    answers: Curve = lambda at: 0.25
    twins: int = 0
    images: int = 80


def rises(start: float, low: float, at: float) -> Curve:
    """Return a loss that falls until an epoch and rises from then on."""
    return lambda x: low + (start - low) * math.exp(-3 * x / at) + max(0.0, x - at) * 0.06


def steps_down(at: float) -> float:
    """Return a loss that falls in one step, as with a schedule of steps."""
    return 1.3 if at < 8 else 0.5


SERIES: Sequence[Series] = (
    Series("overfitting", "val loss rises from epoch 5 on", val_loss=rises(1.4, 0.6, 5)),
    Series("overfitting", "val loss rises from epoch 9 on", val_loss=rises(1.4, 0.3, 9)),
    Series("lr_high", "never below guessing", loss=lambda at: 2.5, accuracy=lambda at: 0.25),
    Series("lr_high", "diverges at epoch 6", loss=lambda at: 0.5 if at < 6 else 3.0, val_loss=lambda at: 0.6),
    Series(
        "lr_high",
        "doubles at epoch 4",
        loss=lambda at: 1.3 * math.exp(-at / 3) + 0.1 if at < 4 else 1.35,
        val_loss=lambda at: 1.0,
    ),
    Series("lr_low", "creeps", ("train.lr=1e-6",), loss=lambda at: 1.38 - at / 500, update=lambda at: 2e-6),
    Series("lr_low", "does not move", ("train.lr=1e-7",), loss=lambda at: 1.4, update=lambda at: 1e-8),
    Series("dead", "half of a layer", dead=lambda at: 0.5),
    Series("dead", "dies at epoch 5", dead=lambda at: 0.1 if at < 5 else 0.97),
    Series("exploding", "norms of a thousand", gradient=lambda at: 800.0),
    Series("exploding", "grows tenfold an epoch", gradient=lambda at: 0.5 * 10**at),
    Series("vanishing", "first layers get a hundred-thousandth", pull=1e-5),
    Series("vanishing", "first layers get nearly nothing", pull=1e-9),
    Series("tiny_batches", "batches of two", ("data.batch_size=2",)),
    Series("tiny_batches", "batches of four", ("data.batch_size=4", "train.schedule=constant")),
    Series("collapse", "one answer", answers=lambda at: 1.0, accuracy=lambda at: 0.25, loss=lambda at: 1.37),
    Series("collapse", "collapses at epoch 8", answers=lambda at: 0.3 if at < 8 else 0.99),
    Series("collapse", "a class is never the answer", answers=lambda at: 0.0),
    Series("leak", "twins", twins=7),
    Series("leak", "all right at once", accuracy=lambda at: 1.0, trained=lambda at: 0.9),
    Series("plateau", "level from epoch 4 on", ("train.schedule=constant",), loss=lambda at: max(0.9, 1.4 - at / 8)),
    Series("plateau", "never learns more", ("train.epochs=40",), loss=lambda at: 1.1),
    Series("", "an ordinary run"),
    Series("", "another ordinary run", loss=lambda at: 0.05 + 1.3 * math.exp(-at / 3)),
    Series("", "slow but steady", loss=lambda at: 1.35 - at / 30, accuracy=lambda at: 0.3 + at / 60),
    Series("", "begins far above guessing", loss=lambda at: 0.3 + 9 * math.exp(-at * 1.5), trained=lambda at: 0.97),
    Series("", "val loss wavers", val_loss=lambda at: 0.5 + 0.04 * math.sin(40 * at)),
    Series(
        "",
        "val loss near nothing",
        loss=lambda at: 0.002,
        val_loss=lambda at: 0.004 + at / 1e3,
        accuracy=lambda at: 0.98,
    ),
    Series("", "one bad epoch", val_loss=lambda at: 1.5 if at == 7 else 0.5 + math.exp(-at / 4)),
    Series("", "converged", loss=lambda at: 0.02 + 1.3 * math.exp(-at), trained=lambda at: 1 - 0.7 * math.exp(-at)),
    Series("", "level while the rate fades", loss=lambda at: max(0.6, 1.4 - at / 20)),
    Series("", "a step of the schedule", ("train.schedule=constant",), loss=steps_down, trained=lambda at: 0.96),
    Series("", "a gradient jumps now and then", gradient=lambda at: 400.0 if at % 3 < 0.1 else 2.0),
    Series("", "a large gradient at first", gradient=lambda at: 300.0 if at < 0.4 else 3.0),
    Series("", "fast updates of a large rate", update=lambda at: 3e-2),
    Series("", "updates fade with the rate", update=lambda at: 3e-3 * math.exp(-at)),
    Series("", "a fifth of a layer is dead", dead=lambda at: 0.2),
    Series("", "a layer is dead for a moment", dead=lambda at: 0.6 if at == 3 else 0.1),
    Series("", "first layers get a fiftieth", pull=0.02),
    Series("", "an imbalanced answer", answers=lambda at: 0.6),
    Series("", "one answer in the first epochs", answers=lambda at: 1.0 if at < 3.5 else 0.3),
    Series("", "tiny batches without BatchNorm", ("data.batch_size=2", "model.batchnorm=false")),
    Series("", "easy and small", accuracy=lambda at: 1.0, trained=lambda at: 0.9, images=20),
)


def story(series: Series) -> Iterator[Event]:
    """Yield what a run with these curves would report."""
    noise = random.Random(series.name)
    config = load_config(None, ("train.epochs=20", "train.lr=0.003", "model.batchnorm=true", *series.changes))
    yield opening(config, series)
    for epoch in range(1, config.train.epochs + 1):
        for report in range(1, _REPORTS + 1):
            at = epoch - 1 + report / _REPORTS
            trained = (series.trained or series.accuracy)(at)
            lr = (
                config.train.lr
                if config.train.schedule == "constant"
                else 0.003 * math.cos(at / config.train.epochs * 1.5)
            )
            yield StepEnded(
                step=round(at * _REPORTS),
                epoch=at,
                loss=series.loss(at) * noise.uniform(0.93, 1.07),
                accuracy=trained,
                lr=float(lr),
                images_per_second=50.0,
                gradient_norm=series.gradient(at) * noise.uniform(0.7, 1.4),
            )
        yield pulse(series, epoch, noise)
        yield closing(series, epoch, noise)


def opening(config: Config, series: Series) -> RunStarted:
    return RunStarted(
        run="/runs/1",
        config=config,
        device="CPU",
        precision="float32",
        classes=("ant", "bee", "cow", "dog"),
        train_images=160,
        val_images=series.images,
        steps_per_epoch=_REPORTS,
        parameters=1000,
        trainable=1000,
        weights="random initial weights",
        val_counts=(series.images // 4,) * 4,
        val_twins=series.twins,
    )


def pulse(series: Series, epoch: int, noise: random.Random) -> Pulse:
    layers = tuple(
        LayerPulse(
            path=path,
            gradient=(series.pull if number < 3 else 1.0) * noise.uniform(0.3, 1.0),
            weight=noise.uniform(2.0, 4.0),
            update=series.update(epoch) * noise.uniform(0.5, 2.0),
            dead=series.dead(epoch) if number == 3 else 0.0,
        )
        for number, path in enumerate(_PATHS)
    )
    return Pulse(step=epoch * _REPORTS, epoch=epoch, layers=layers)


def closing(series: Series, epoch: int, noise: random.Random) -> EpochEnded:
    first = round(series.answers(epoch) * series.images)
    others = series.images - first
    loss = series.loss(epoch)
    return EpochEnded(
        epoch=epoch,
        train_loss=loss * noise.uniform(0.99, 1.01),
        train_accuracy=min(1.0, (series.trained or series.accuracy)(epoch)),
        val_loss=(loss * 1.1 if series.val_loss is None else series.val_loss(epoch)) * noise.uniform(0.98, 1.02),
        val_accuracy=min(1.0, series.accuracy(epoch)),
        images_per_second=50.0,
        seconds=1.0,
        best=False,
        predicted=(first, others // 3, others // 3, others - 2 * (others // 3)),
    )


def said(events: Iterator[Event] | Sequence[Event]) -> dict[str, float]:
    """Return all kinds of findings that a run has ever had, and after how many epochs each came first."""
    record, first = Record(), dict[str, float]()
    for event in events:
        if record.add([event]):
            for each in diagnose(record):
                first.setdefault(each.kind, record.now)
    return first


@pytest.mark.parametrize("series", SERIES, ids=lambda each: f"{each.fault or 'healthy'}: {each.name}")
def test_a_series_is_judged_right(series: Series) -> None:
    assert set(said(story(series))) == ({series.fault} if series.fault else set())


def findings(series: Series) -> tuple[Diagnosis, ...]:
    record = Record()
    record.add(story(series))
    return diagnose(record)


def test_what_a_run_told_before_it_began_anew_is_not_judged() -> None:
    series = next(each for each in SERIES if each.fault == "overfitting")
    told = list(story(series))
    record = Record()
    record.add([*told, *told])
    assert (len(record.epochs), diagnose(record)) == (
        len([e for e in told if isinstance(e, EpochEnded)]),
        findings(series),
    )


def test_twins_that_are_told_with_an_epoch_are_a_leak() -> None:
    series = next(each for each in SERIES if not each.fault)
    record = Record()
    record.add(e.model_copy(update={"val_twins": 7}) if isinstance(e, EpochEnded) else e for e in story(series))
    assert [each.kind for each in diagnose(record)] == ["leak"]


def of(kind: Kind) -> Diagnosis:
    """Return the finding of the first series with this fault."""
    return findings(next(each for each in SERIES if each.fault == kind))[0]


def test_a_finding_says_where_it_is_seen_and_what_to_do() -> None:
    found = of("overfitting")
    assert found.sentence.startswith("Overfitting: since epoch 5 the validation loss has risen from 0.6")
    assert found.evidence == Evidence("val_loss", 5.0, 20.0)
    assert [each.label for each in found.remedies] == ["Augment the images", "Mix images in pairs", "Stop early"]
    assert found.remedies[2].applied(Config()).train.patience == 5
    high, low = of("lr_high"), of("lr_low")
    assert high.remedies[0].changes == (("train.lr", 0.0003),)
    assert low.remedies[0].changes == (("train.lr", 1e-05),)
    assert low.evidence.curve == "train_loss"
    assert "features.9" in of("dead").sentence
    assert of("dead").evidence.curve == "pulse"
    assert of("exploding").evidence.curve == "gradient_norm"
    assert "called ant" in of("collapse").sentence
    assert "7 of the 80 validation images" in of("leak").sentence


@pytest.mark.parametrize("series", [each for each in SERIES if each.fault], ids=lambda each: each.name)
def test_remedies_are_settings_that_exist(series: Series) -> None:
    config = Config().replace("data.augment", False).replace("train.lr", 0.5)
    for found in findings(series):
        for remedy in found.remedies:
            assert remedy.applied(config) != config


def test_a_finding_does_not_flicker() -> None:
    """Over a run with a fault each finding comes once, and stays."""
    for series in (each for each in SERIES if each.fault):
        record = Record()
        shown = [
            series.fault in {each.kind for each in diagnose(record)} for event in story(series) if record.add([event])
        ]
        changes = sum(one != other for one, other in pairwise(shown))
        assert changes <= 2, series.name  # a plateau ends with its schedule


@pytest.mark.parametrize(
    ("signs", "since"),
    [("", None), ("110", None), ("111", 0), ("01011", None), ("010111", 3), ("1110", 0), ("11100", None), ("11101", 0)],
)
def test_a_state_needs_three_signs_to_begin_and_two_to_end(signs: str, since: int | None) -> None:
    assert standing([each == "1" for each in signs], enter=3, leave=2) == since


def test_before_a_run_begins_there_is_nothing_to_say() -> None:
    record = Record()
    assert diagnose(record) == ()
    assert not record.add([])
    assert record.now == 0.0


@pytest.mark.slow
def test_real_runs_are_judged_right(tmp_path: Path) -> None:
    """At least nine tenths of the planted faults are found, and at most one healthy run in twenty is called ill."""
    lines, hits, alarms = [], 0, 0
    for case in CASES:
        images = tmp_path / "images" / case.images
        if not images.exists():
            draw(images, case.images)
        found = said(train(case, images, tmp_path / "runs" / case.name))
        hits += case.fault in found
        alarms += bool(set(found) - {case.fault, *case.others})
        lines.append(f"{case.name:32} {case.fault or 'healthy':14} {', '.join(found) or '-'}")
    faulty = sum(bool(case.fault) for case in CASES)
    lines.append(f"hits {hits} of {faulty}, false alarms in {alarms} of {len(CASES)}")
    table = "\n".join(("", *lines, ""))
    sys.stdout.write(table)
    assert hits >= 0.9 * faulty, table
    assert alarms <= 0.05 * len(CASES), table
