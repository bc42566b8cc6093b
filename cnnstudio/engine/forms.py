"""The one seam to fast forms of a network: which of them runs is decided by what it saves."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from cnnstudio.core.events import Phase, Warned
from cnnstudio.engine.device import Compute
from cnnstudio.engine.forms_fused import Fused
from cnnstudio.engine.forms_inductor import Inductor
from cnnstudio.engine.forms_kinds import Computation, Expected, Form
from cnnstudio.engine.forms_memory import Measured, keep, recall
from cnnstudio.engine.forms_openvino import OpenVino
from cnnstudio.engine.telling import Telling
from cnnstudio.models.network import Network
from cnnstudio.models.split import Lower

FORMS: Final[tuple[Form, ...]] = (Fused(torch.bfloat16), Fused(torch.float32), Inductor(), OpenVino())
COMPARED: Final = 4  # images on which a form has to answer as the network itself
LEAST: Final = 300  # images, below which nothing but the folded network is worth a thought
_LIKE: Final = 0.999  # cosine of their features, at least
_MEASURED: Final = 3  # batches, of which the first does not count
_LONGEST_REASON: Final = 120  # characters of what a compiler says


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network up to one of its layers, and what it has to answer.

    Attributes:
        lower: With folded BatchNorm, if that answers as the network itself does.
        boundary: Path of the layer; empty for the whole network.
        images: A few (B, 3, S, S), as the network takes them.
        expected: What the network answers to them in float32, (B, features).
        about: Everything that bears on the speed of a form, but for the size of a batch.
        what: The whole in words: `the frozen part`.
    """

    lower: Lower
    boundary: str
    images: Tensor
    expected: Tensor
    about: str
    what: str

    def likeness(self, answer: Tensor) -> float:
        """Return the least cosine of an answer with what is expected, over the images."""
        found = answer.float().flatten(1).to(self.expected.device)
        return float(torch.cosine_similarity(found, self.expected[: len(found)]).min())


@torch.no_grad()
def folded(
    network: Network, boundary: str, images: Tensor, *, compute: Compute, telling: Telling, what: str
) -> Subject:
    """Return a network up to a layer with folded BatchNorm, or plain, if folded it would answer otherwise.

    Args:
        network: Taken as it is now; its weights are copied.
        boundary: Path of the layer; empty for the whole network.
        images: A few, on the device.
        compute: Where and in which arithmetic it runs.
        telling: Told if it is not folded.
        what: What it is, in words.
    """
    plain, lower = (Lower(network, boundary, folded=each) for each in (False, True))
    for form in (plain, lower):
        compute.place(form)
    model = network.model.model_copy(update={"aux": 0.0, "pretrained": True})
    about = (model.model_dump_json(), boundary, compute.name, str(compute.device), compute.precision, torch.__version__)
    subject = Subject(lower, boundary, images, plain(images).float().flatten(1), "\n".join(about), what)
    with compute.autocast():
        likeness = subject.likeness(lower(images))
    if likeness >= _LIKE:
        return subject
    text = f"{what} runs without folded BatchNorm: folded, it would answer otherwise ({likeness:.4f})"
    telling.report(Warned(text=text))
    return Subject(plain, boundary, images, subject.expected, subject.about, what)


def fastest(
    subject: Subject, *, count: int, compute: Compute, telling: Telling, forms: Sequence[Form] = FORMS
) -> "Runner":
    """Return what runs a network in the form that is fastest for so many images, the time to make it included.

    Args:
        subject: The network.
        count: How many images are to come.
        compute: Where and in which arithmetic it runs.
        telling: Told which form runs, and why one does not.
        forms: What to choose from beside the folded network; none where runs have to repeat bit by bit, as the choice
            depends on the clock.
    """
    return Runner(subject, count, compute, telling, forms if count >= LEAST else ())


class Runner:
    """Runs a network on batches; begins folded, measures, and goes over to another form if that pays.

    Features of all forms may take each other's place: they are alike up to a cosine of 0.999.

    Attributes:
        title: As what the network runs now, such as `compiled`; empty for folded.
    """

    def __init__(
        self,
        subject: Subject,
        count: int,
        compute: Compute,
        telling: Telling,
        forms: Sequence[Form],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.title = ""
        self._subject, self._compute, self._telling, self._clock = subject, compute, telling, clock
        self._left = count
        self._forms = [form for form in forms if not form.obstacle(compute)]
        self._batch = 0
        self._before = _Speed()
        self._fast: _Fast | None = None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the features of images (B, 3, S, S) float32 on the device.

        Only batches of the usual size, which is the largest, go through another form; smaller ones stay folded.
        """
        self._batch = max(self._batch, len(images))
        whole = len(images) == self._batch
        if whole and self._forms and self._before.known:
            self._choose(images)
        features = self._quickly(self._fast, images) if whole and self._fast is not None else self._folded(images)
        self._left -= len(images)
        return features

    def _folded(self, images: Tensor) -> Tensor:
        began = self._clock()
        with self._compute.autocast():
            features: Tensor = self._subject.lower(images)
        self._before.add(len(images), self._clock() - began)
        return features

    def _quickly(self, fast: "_Fast", images: Tensor) -> Tensor:
        began = self._clock()
        try:
            features = fast.computation(images)
        except Exception as error:  # noqa: BLE001 - a foreign engine must not cost the run, whatever it raises
            self._drop(fast.form, f"it fails ({_reason(error)})")
            return self._folded(images)
        known = fast.speed.known
        fast.speed.add(len(images), self._clock() - began)
        if fast.speed.known and not known:
            self._judge(fast)
        return features

    def _choose(self, images: Tensor) -> None:
        """Go over to the form that saves most, if any saves anything and does what it should."""
        forms, self._forms = self._forms, []
        for form in sorted(forms, key=self._saves, reverse=True):
            if self._saves(form) <= 0:
                return
            if self._begin(form, images):
                return

    def _saves(self, form: Form) -> float:
        """Return the seconds that a form is expected to save on what is left."""
        expected = self._expected(form)
        folded = self._left / self._before.images_per_second
        return folded - folded / expected.speed_up - expected.warm_up if expected.speed_up > 0 else -1.0

    def _expected(self, form: Form) -> Expected:
        measured = recall(self._about(form))
        if measured is None:
            return form.expected(self._compute)
        again = form.repeat if measured.builds == 1 else 1.0
        return Expected(measured.speed_up, measured.warm_up * again)

    def _begin(self, form: Form, images: Tensor) -> bool:
        """Make a form, compare it, and use it from now on; return whether it is good."""
        subject, began = self._subject, self._clock()
        self._telling.check()
        text = f"{form.verb} {subject.what}, which {self._left:,} more images have to pass"
        self._telling.report(Phase(text=text))
        batch = images.clone()
        few = subject.images[: len(batch)]
        batch[: len(few)] = few
        try:
            computation, answer = form.build(subject.lower, batch, self._compute)
            likeness = subject.likeness(answer[: len(few)])
        except Exception as error:  # noqa: BLE001 - a foreign compiler must not cost the run, whatever it raises
            return self._refuse(form, began, f"it does not run here ({_reason(error)})")
        if not likeness >= _LIKE:  # nor if it is not a number
            return self._refuse(form, began, f"it would answer otherwise ({likeness:.4f})")
        self._fast, self.title = _Fast(form, computation, self._clock() - began, _Speed()), form.title
        return True

    def _refuse(self, form: Form, began: float, why: str) -> bool:
        self._remember(form, self._clock() - began, 0.0)
        self._drop(form, why)
        return False

    def _judge(self, fast: "_Fast") -> None:
        """Remember how fast a form is, and drop it if it is slower than what it has replaced."""
        now, before = fast.speed.images_per_second, self._before.images_per_second
        self._remember(fast.form, fast.warm_up, now)
        if now < before:
            self._drop(fast.form, f"it takes longer ({now:,.1f} against {before:,.1f} images a second)")

    def _drop(self, form: Form, why: str) -> None:
        self._fast, self.title = None, ""
        self._telling.report(Warned(text=f"{self._subject.what} runs as it is: {form.title}, {why}"))

    def _remember(self, form: Form, warm_up: float, images_per_second: float) -> None:
        about = self._about(form)
        earlier = recall(about)
        keep(
            Measured(
                about=about,
                warm_up=warm_up,
                builds=earlier.builds + 1 if earlier else 1,
                images_per_second=images_per_second,
                folded_images_per_second=self._before.images_per_second,
            )
        )

    def _about(self, form: Form) -> str:
        return "\n".join((form.key, self._subject.about, str((self._batch, *self._subject.images.shape[1:]))))


@dataclass(slots=True)
class _Speed:
    """The speed of batches, but for the first, which finds everything cold."""

    batches: int = 0
    images: int = 0
    seconds: float = 0.0

    @property
    def known(self) -> bool:
        return self.batches >= _MEASURED

    @property
    def images_per_second(self) -> float:
        return self.images / max(self.seconds, 1e-9)

    def add(self, images: int, seconds: float) -> None:
        self.batches += 1
        if self.batches > 1:
            self.images += images
            self.seconds += seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Fast:
    """A form that is in use."""

    form: Form
    computation: Computation
    warm_up: float
    speed: _Speed


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:_LONGEST_REASON]
