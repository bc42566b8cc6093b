"""What the training doctor reads off the pulses of single layers."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from cnnstudio.core.events import Pulse
from cnnstudio.core.findings import Remedy
from cnnstudio.runtime.diagnosis import Case, Diagnosis, Evidence, Rule
from cnnstudio.runtime.doctor_rules import BATCHNORM, faster, fastest_update, guessing, rate, slower, standing

HEALTHY_UPDATE: Final = 1e-3  # of its weights that a layer changes by in a step (Karpathy, CS231n, 2016)

_SLOW: Final = 1e-4
_BEFORE_JUDGING: Final = 0.3  # of the epochs: a one-cycle schedule has been at its peak by then
_UNLEARNT: Final = 0.7  # of the loss of guessing
_DEAD: Final = 0.4
_DEAD_PULSES: Final = 2
_ENOUGH: Final = 16  # images of a batch
_NEARLY_ALL: Final = 0.9
_FADED: Final = 1e-3
_FADED_PULSES: Final = 3
_DEEP: Final = 6  # layers, from which on first and last ones can be compared
_THIRD: Final = 3
_AUXILIARY: Final = "aux"


def lr_low(case: Case) -> Iterator[Diagnosis]:
    """No layer has ever changed by a ten-thousandth of its weights in a step, and hardly anything is learnt.

    A tenth of the ordinary thousandth (Karpathy, CS231n, 2016): the median over all layers, at its highest. Judged
    after two epochs and three tenths of all, when a one-cycle schedule has been at its peak.
    """
    epochs = case.record.epochs
    if len(epochs) < max(2.0, _BEFORE_JUDGING * case.config.train.epochs) or len(case.record.pulses) < 2:
        return
    fastest, last = fastest_update(case), epochs[-1]
    if fastest is None or fastest >= _SLOW or last.train_loss < _UNLEARNT * guessing(case):
        return
    lr = rate(case)
    sentence = (
        f"The learning rate of {lr:.2g} is too low: a step changes the weights by {fastest:.1g} of themselves at most "
        f"({HEALTHY_UPDATE:g} is usual), and the training loss is still {last.train_loss:.2f}."
    )
    yield Diagnosis("lr_low", sentence, Evidence("train_loss", 0.0, float(last.epoch)), faster(lr))


def dead(case: Case) -> Iterator[Diagnosis]:
    """Behind some layer, 40 % of the channels or more were zero for a whole batch, in two pulses in a row.

    The share that CS231n (Karpathy, 2016) names for networks whose learning rate was too high. A channel that is zero
    for all images has no gradient and seldom comes back. In small batches many are zero by chance: there it is 90 %.
    """
    pulses = case.record.pulses
    limit = _DEAD if case.config.data.batch_size >= _ENOUGH else _NEARLY_ALL
    shares_of: dict[str, list[float]] = {}
    for index, pulse in enumerate(pulses):
        for layer in pulse.layers:
            shares_of.setdefault(layer.path, [0.0] * index).append(layer.dead or 0.0)
    worst: tuple[float, str, int] | None = None
    for path, shares in shares_of.items():
        since = standing([share >= limit for share in shares], enter=_DEAD_PULSES, leave=_DEAD_PULSES)
        if since is not None and (worst is None or shares[-1] > worst[0]):
            worst = shares[-1], path, since
    if worst is not None:
        share, path, since = worst
        sentence = f"Dead units: {100 * share:.0f} % of the channels behind {path} are zero for all images of a batch."
        yield Diagnosis("dead", sentence, _span(pulses, since), (*slower(rate(case), 3.0), *_normalised(case)))


def vanishing(case: Case) -> Iterator[Diagnosis]:
    """The gradient of the first layers is less than a thousandth of that of the last ones, each by its weights.

    Medians over the first and the last third of all layers but auxiliary heads, in three pulses in a row. Glorot and
    Bengio (2010) found gradients that shrink from layer to layer; ResNet and BatchNorm were made against it.
    """
    pulses = [pulse for pulse in case.record.pulses if len(_main(pulse)) >= _DEEP]
    ratios = []
    for pulse in pulses:
        pulls = [each.gradient / each.weight for each in pulse.layers if _is_main(each.path) and each.weight > 0]
        third = max(1, len(pulls) // _THIRD)
        last = median(pulls[-third:])
        ratios.append(median(pulls[:third]) / last if last > 0 else 1.0)
    since = standing([ratio < _FADED for ratio in ratios], enter=_FADED_PULSES, leave=_FADED_PULSES)
    if since is not None:
        sentence = (
            f"Vanishing gradients: measured by their weights, the first layers get {ratios[-1]:.1g} of the gradient of "
            "the last ones."
        )
        yield Diagnosis("vanishing", sentence, _span(pulses, since), _normalised(case))


def _main(pulse: Pulse) -> list[str]:
    return [each.path for each in pulse.layers if _is_main(each.path)]


def _is_main(path: str) -> bool:
    return not path.lower().startswith(_AUXILIARY)


def _span(pulses: Sequence[Pulse], since: int) -> Evidence:
    return Evidence("pulse", pulses[since].epoch, pulses[-1].epoch)


def _normalised(case: Case) -> tuple[Remedy, ...]:
    return () if case.config.model.batchnorm is True else (BATCHNORM,)


LAYER_RULES: Final[tuple[Rule, ...]] = (lr_low, dead, vanishing)
