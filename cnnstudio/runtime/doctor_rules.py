"""What the training doctor reads off the curves of a run."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from statistics import median
from typing import Final

import numpy as np

from cnnstudio.core.findings import Remedy
from cnnstudio.runtime.diagnosis import Case, Diagnosis, Evidence, Kind, Rule

AUTOMATIC: Final = Remedy("Choose the rate automatically", (("train.lr", "auto"),))
BATCHNORM: Final = Remedy("Turn BatchNorm on", (("model.batchnorm", True),))

_EPOCHS: Final = 3
_RISEN: Final = 0.1  # of the validation loss since its best
_RISEN_AT_LEAST: Final = 0.05  # nats, so that a loss near nothing may waver
_ABOVE_GUESSING: Final = 1.2  # times the loss of a network that gives all classes the same probability
_ABOVE_GUESSING_IN_HASTE: Final = 1.05
_HASTY: Final = 0.05  # of its weights that the middle layer changes by in the fastest step
_SLOWEST_HIGH: Final = 1e-3  # the same, below which no rate is too high
_FALLING: Final = 0.8  # times the loss of a few reports before: it is on its way
_JUMPED: Final = 2.0  # times the best loss so far
_MOSTLY_LOST: Final = 0.7  # of the loss of guessing: smaller jumps at the peak of a schedule pass
_REPORTS: Final = 5  # of whose losses, or gradients, the median counts
_LONG_GRADIENT: Final = 100.0
_GROWN_GRADIENT: Final = 50.0  # times that of the first reports
_ONE_ANSWER: Final = 0.95  # of all validation images
_ITS_SHARE: Final = 0.8  # of all validation images that really are of this class, at most
_COLLAPSED_EPOCHS: Final = 4
_UNCALLED: Final = 5  # validation images of a class that is never the answer
_TINY: Final = 4
_TOO_GOOD: Final = 0.99
_ENOUGH_TO_JUDGE: Final = 50  # validation images
_LEVEL: Final = 0.02  # by which a loss has to fall to fall at all
_LEARNT: Final = 0.95  # training accuracy, beyond which there is little left to learn
_LEVEL_EPOCHS: Final = 5
_ANNEALED: Final = 0.1  # of the highest learning rate: below it a curve is level because the run is about to end


def standing(signs: Sequence[bool], *, enter: int, leave: int) -> int | None:
    """Return since which sign something stands at the end; None if it does not.

    It begins with `enter` signs in a row, and ends with `leave` in a row that are none.
    """
    since, length, last = None, 0, False
    for index, sign in enumerate(signs):
        length = length + 1 if sign == last else 1
        last = sign
        if since is None and sign and length >= enter:
            since = index - length + 1
        elif since is not None and not sign and length >= leave:
            since = None
    return since


def slower(lr: float, times: float = 10.0) -> tuple[Remedy, ...]:
    """Return what makes the next run learn more slowly."""
    return Remedy(f"Learn at {lr / times:.2g}", (("train.lr", float(f"{lr / times:.2g}")),)), AUTOMATIC


def faster(lr: float, times: float = 10.0) -> tuple[Remedy, ...]:
    """Return what makes the next run learn faster."""
    value = min(100.0, float(f"{lr * times:.2g}"))
    return Remedy(f"Learn at {value:g}", (("train.lr", value),)), AUTOMATIC


def rate(case: Case) -> float:
    """Return the peak learning rate of a run."""
    lr = case.config.train.lr
    return max((each.lr for each in case.record.steps), default=1e-3) if lr == "auto" else lr


def guessing(case: Case) -> float:
    """Return the cross-entropy of a network that gives all classes the same probability."""
    return math.log(max(2, len(case.started.classes)))


def fastest_update(case: Case) -> float | None:
    """Return by what share of its weights the middle layer has changed in the fastest step; None if unknown."""
    return max((median(each.update for each in pulse.layers) for pulse in case.record.pulses), default=None)


def overfitting(case: Case) -> Iterator[Diagnosis]:
    """The validation loss is 10 % above its best for three epochs, while the training loss went on falling.

    The generalisation loss of Prechelt (Early Stopping - But When?, 1998), of medians over three epochs: a single
    good or bad one is partly luck.
    """
    epochs = case.record.epochs
    signs, best = [], 0
    losses = [each.val_loss for each in epochs]
    typical = [median(losses[end - _EPOCHS : end]) for end in range(_EPOCHS, len(epochs) + 1)]
    ends = epochs[_EPOCHS - 1 :]  # of the stretches of three
    for index, (epoch, loss) in enumerate(zip(ends, typical, strict=True)):
        enough = max(_RISEN * typical[best], _RISEN_AT_LEAST)
        signs.append(loss - typical[best] >= enough and epoch.train_loss < ends[best].train_loss)
        best = index if loss < typical[best] else best
    if standing(signs, enter=_EPOCHS, leave=2) is None:
        return
    lowest, last = min(epochs, key=lambda each: each.val_loss), epochs[-1]
    sentence = (
        f"Overfitting: since epoch {lowest.epoch} the validation loss has risen from {lowest.val_loss:.2f} to "
        f"{last.val_loss:.2f}, while the training loss fell to {last.train_loss:.2f}."
    )
    remedies = [
        Remedy("Augment the images", (("data.augment", True),)),
        Remedy("Mix images in pairs", (("train.mix", "mixup"),)),
        Remedy("Stop early", (("train.patience", 5),)),
    ]
    yield _found("overfitting", sentence, "val_loss", lowest.epoch, last.epoch, remedies)


def lr_high(case: Case) -> Iterator[Diagnosis]:
    """The training loss stays above that of guessing and does not fall, or has doubled and is nearly that high again.

    Medians of five reports; the learning-rate range test of Smith (2017), as fastai has it, calls four times the best
    loss diverged. Only the training loss without auxiliary heads counts. Where steps change layers by a twentieth or
    more, being just above guessing is enough; where all steps are tiny, no loss comes from them.
    """
    steps, chance = case.record.steps, guessing(case)
    typical = _medians([each.loss for each in steps])
    lowest = list(accumulate(typical, min))
    fastest = fastest_update(case)
    if fastest is not None and fastest < _SLOWEST_HIGH:
        return
    limit = chance * (_ABOVE_GUESSING if fastest is None or fastest < _HASTY else _ABOVE_GUESSING_IN_HASTE)
    above = [
        value > limit and index >= _REPORTS and value > _FALLING * typical[index - _REPORTS]
        for index, value in enumerate(typical)
    ]
    jumped = [
        value > _JUMPED * low and value > _MOSTLY_LOST * chance for value, low in zip(typical, lowest, strict=True)
    ]
    lr, now = rate(case), case.record.now
    since = standing(above, enter=_REPORTS, leave=2 * _REPORTS)
    if since is not None:
        sentence = (
            f"The learning rate of {lr:.2g} is too high: the training loss was up to {max(typical[since:]):.2f} "
            f"since epoch {steps[since].epoch:.1f}, and guessing would give {chance:.2f}."
        )
        yield _found("lr_high", sentence, "train_loss", steps[since].epoch, now, slower(lr))
        return
    since = standing(jumped, enter=_REPORTS, leave=2 * _REPORTS)
    if since is not None:
        sentence = (
            f"The learning rate of {lr:.2g} is too high: the training loss was {lowest[-1]:.2f} and has risen to "
            f"{max(typical[since:]):.2f}."
        )
        yield _found("lr_high", sentence, "train_loss", steps[since].epoch, now, slower(lr, 3.0))


def exploding(case: Case) -> Iterator[Diagnosis]:
    """The gradient is longer than 100, or 50 times longer than at first, in the median of five reports, five times.

    Ordinary lengths are about 1, and clipping is usual at 0.5 to 10 times the average (Pascanu et al., 2013).
    """
    known = [(each.epoch, each.gradient_norm) for each in case.record.steps if each.gradient_norm is not None]
    typical = _medians([norm for _, norm in known])
    if not typical:
        return
    limit = max(1.0, min(_LONG_GRADIENT, _GROWN_GRADIENT * typical[0])) if typical[0] > 0 else _LONG_GRADIENT
    since = standing([value > limit for value in typical], enter=_REPORTS, leave=2 * _REPORTS)
    if since is not None:
        sentence = f"Exploding gradients: their norm is {typical[-1]:.3g}, and was {typical[0]:.3g} in the first steps."
        remedies = (*_normalised(case), *slower(rate(case)))
        yield _found("exploding", sentence, "gradient_norm", known[since][0], known[-1][0], remedies)


def collapse(case: Case) -> Iterator[Diagnosis]:
    """One class is the answer for 95 % of the validation images, or a class never is, for four epochs.

    Not in the first epochs of a slow start, in which BatchNorm's running statistics lag behind; a class that is never
    the answer counts from the middle of the run on, and if it has five validation images.
    """
    counts, names = case.started.val_counts, case.started.classes
    epochs = [each for each in case.record.epochs if len(each.predicted) == len(counts) and any(each.predicted)]
    if not epochs or not sum(counts):
        return
    last, total = epochs[-1].predicted, sum(counts)
    lr, end = rate(case), epochs[-1].epoch
    answers = [max(range(len(counts)), key=each.predicted.__getitem__) for each in epochs]
    shares = [each.predicted[answer] / sum(each.predicted) for each, answer in zip(epochs, answers, strict=True)]
    one = [
        share >= _ONE_ANSWER and counts[answer] <= _ITS_SHARE * total
        for share, answer in zip(shares, answers, strict=True)
    ]
    since = standing(one, enter=_COLLAPSED_EPOCHS, leave=2)
    if since is not None:
        answer = answers[-1]
        sentence = (
            f"Class collapse: {100 * shares[-1]:.0f} % of the validation images are called {names[answer]}, "
            f"and {100 * counts[answer] / total:.0f} % are."
        )
        yield _found("collapse", sentence, "val_accuracy", epochs[since].epoch, end, slower(lr, 3.0))
        return
    for index, count in enumerate(counts):
        signs = [
            count >= _UNCALLED and not each.predicted[index] and 2 * each.epoch > case.config.train.epochs
            for each in epochs
        ]
        since = standing(signs, enter=_COLLAPSED_EPOCHS, leave=2)
        if since is not None and not last[index]:
            sentence = f"Class collapse: no image is ever called {names[index]}, and {count} validation images are."
            remedies = [Remedy("Train for longer", (("train.epochs", 2 * case.config.train.epochs),))]
            yield _found("collapse", sentence, "val_accuracy", epochs[since].epoch, end, remedies)
            return


def tiny_batches(case: Case) -> Iterator[Diagnosis]:
    """BatchNorm learns from batches of four images or fewer.

    Its error grows quickly below eight (Wu and He, Group Normalization, 2018: ResNet-50 loses 1 % with batches of 8,
    4 % with 4, 11 % with 2).
    """
    size = min(case.config.data.batch_size, case.started.train_images)
    learns = case.config.model.batchnorm is True and case.config.transfer.mode != "freeze"
    if learns and size <= _TINY and case.record.steps:
        sentence = f"BatchNorm with tiny batches: the mean and variance of {size} images are mostly chance."
        remedies = [
            Remedy("Use batches of 16", (("data.batch_size", 16),)),
            Remedy("Turn BatchNorm off", (("model.batchnorm", False),)),
        ]
        yield _found("tiny_batches", sentence, "train_loss", 0.0, case.record.now, remedies)


def leak(case: Case) -> Iterator[Diagnosis]:
    """Validation images are training images too, or nearly all are right after one epoch from random weights.

    Of 50 images or more; that alone is no proof, as the classes may be easy to tell apart. Leaks are the most common
    reason why results do not hold (Kapoor and Narayanan, Leakage and the reproducibility crisis, 2023).
    """
    images, epochs = case.started.val_images, case.record.epochs
    if not epochs:
        return
    twins = max(case.started.val_twins, epochs[-1].val_twins)
    if twins:
        many = f"{twins} of the {images} validation images are" if twins > 1 else "A validation image is"
        sentence = f"Leak: {many} among the training images too, so the validation accuracy is too good."
        yield _found("leak", sentence, "val_accuracy", 0.0, epochs[-1].epoch, ())
    elif (
        case.config.transfer.mode == "scratch"
        and images >= _ENOUGH_TO_JUDGE
        and min(each.val_accuracy for each in epochs[:2]) >= _TOO_GOOD
        and len(epochs) > 1
    ):
        sentence = (
            f"A leak? {100 * epochs[0].val_accuracy:.1f} % of the validation images were right after one epoch from "
            "random weights: look for near copies of training images among them."
        )
        yield _found("leak", sentence, "val_accuracy", 0.0, 2.0, ())


def plateau(case: Case) -> Iterator[Diagnosis]:
    """Over five epochs neither loss is 2 % better than over those before, and much is left to learn.

    The rule of schedules that lower the learning rate on a plateau. Not in the last epochs of a schedule, which are
    level because their steps are small, nor before a schedule of many epochs has begun to lower the rate.
    """
    epochs, steps = case.record.epochs, case.record.steps
    span = max(_LEVEL_EPOCHS, case.config.train.epochs // 10)
    signs = []
    for end in range(1, len(epochs) + 1):
        now, before = epochs[max(0, end - span) : end], epochs[max(0, end - 2 * span) : max(0, end - span)]
        signs.append(
            len(before) >= span
            and now[-1].train_accuracy < _LEARNT
            and min(each.train_loss for each in now) > (1 - _LEVEL) * min(each.train_loss for each in before)
            and min(each.val_loss for each in now) > (1 - _LEVEL) * min(each.val_loss for each in before)
        )
    since = standing(signs, enter=2, leave=2)
    if since is None or not steps:
        return
    highest = max(each.lr for each in steps)
    if steps[-1].lr < _ANNEALED * highest:
        return
    if case.config.train.schedule != "constant" and 2 * len(epochs) < case.config.train.epochs:
        return
    last, begin = epochs[-1], epochs[max(0, since - span)].epoch
    sentence = f"A plateau: since epoch {begin} the training loss has stayed near {last.train_loss:.2f}."
    remedies = [Remedy("Let the rate follow a cosine", (("train.schedule", "cosine"),)), *slower(rate(case), 3.0)]
    yield _found("plateau", sentence, "train_loss", begin, last.epoch, remedies)


def _medians(values: Sequence[float]) -> list[float]:
    """Return the median of each five values in a row: a single jump does not count."""
    if len(values) < _REPORTS:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values), _REPORTS)  # (n, 5)
    medians: list[float] = np.median(windows, 1).tolist()
    return medians


def _normalised(case: Case) -> tuple[Remedy, ...]:
    return () if case.config.model.batchnorm is True else (BATCHNORM,)


def _found(kind: Kind, sentence: str, curve: str, begin: float, end: float, remedies: Sequence[Remedy]) -> Diagnosis:
    return Diagnosis(kind, sentence, Evidence(curve, float(begin), float(end)), tuple(remedies))


CURVE_RULES: Final[tuple[Rule, ...]] = (
    overfitting,
    lr_high,
    exploding,
    collapse,
    tiny_batches,
    leak,
    plateau,
)
