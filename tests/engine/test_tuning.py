"""The choice of arithmetic: the fastest of those tried, without a trace in the run."""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor

from cnnstudio.core.config import Config, load_config
from cnnstudio.core.control import Control
from cnnstudio.core.errors import StopRun
from cnnstudio.core.events import Event, Phase, RunEnded, RunStarted
from cnnstudio.engine import tuning
from cnnstudio.engine.depthwise import has_depthwise
from cnnstudio.engine.device import Compute, arithmetic
from cnnstudio.engine.losses import Losses, losses
from cnnstudio.engine.prepare import prepare
from cnnstudio.engine.resume import random_states
from cnnstudio.engine.trainer import train
from cnnstudio.engine.tuning import Subject, Tuned, remembered, tune
from cnnstudio.engine.tuning_memory import recall
from cnnstudio.models.create import create

Configure = Callable[..., Config]
SIDE = 32
LONG = 10_000_000  # images in an epoch of a run that is worth it
COMPACT = ("model.width=4", "model.depth=2")


@pytest.fixture(autouse=True)
def plain_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that this CPU is none for bfloat16, so that everywhere the same is tried."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})


def subject(*settings: str, images: int = LONG) -> Subject:
    small = () if any(each.startswith("model.arch") for each in settings) else COMPACT
    config = load_config(None, ["compute.device=cpu", "data.batch_size=8", *small, *settings])
    network, _ = create(config.replace("model.pretrained", False), 3)
    batch = config.data.batch_size
    pixels = torch.randint(256, (batch, SIDE, SIDE, 3), dtype=torch.uint8)
    mean = torch.full((3, 1, 1), 0.5)
    return Subject(config, network, has_depthwise(network), pixels, torch.arange(batch) % 3, mean, mean, images)


class Stage:
    """Makes steps take what is prescribed.

    Attributes:
        now: Seconds.
        taken: Each step: precision, layout, whether deterministic.
        seconds: An image by layout, or by whether deterministic.
    """

    def __init__(self, seconds: dict[str | bool, float]) -> None:
        self.now = 0.0
        self.taken: list[tuple[str, str, bool]] = []
        self.seconds = seconds

    def take(self, way: tuning._Way, images: int) -> None:
        self.taken.append((way.compute.precision, way.compute.layout, way.deterministic))
        self.now += images * sum(self.seconds.get(each, 0.0) for each in (way.compute.layout, way.deterministic))

    def tune(self, subject: Subject, check: Callable[[], None] = lambda: None) -> Tuned:
        return tune(subject, lambda _: None, check, lambda: self.now)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    """Return a function that prescribes times."""

    def prescribe(seconds: dict[str | bool, float]) -> Stage:
        made = Stage(seconds)
        monkeypatch.setattr(tuning._Steps, "take", made.take)
        return made

    return prescribe


@pytest.mark.parametrize(
    ("channels_last", "contiguous", "layout"),
    [(0.010, 0.008, "contiguous"), (0.008, 0.010, "channels_last"), (0.0100, 0.0099, "channels_last")],
)
def test_the_fastest_is_chosen_and_the_rule_where_it_is_close(
    stage: Callable[..., Stage], channels_last: float, contiguous: float, layout: str
) -> None:
    found = stage({"channels_last": channels_last, "contiguous": contiguous}).tune(subject())
    assert (found.compute.precision, found.compute.layout) == ("float32", layout)
    assert found.why == "Tried before the run, with 8 images a step."
    speeds = {each.memory_format: each.images_per_second for each in found.tried}
    assert speeds == pytest.approx({"channels_last": 1 / channels_last, "contiguous": 1 / contiguous})
    assert list(speeds.values()) == sorted(speeds.values(), reverse=True)
    assert {each.precision for each in found.tried} == {"float32"}
    assert found.deterministic_cost is None


def test_what_was_found_holds_for_later_runs_without_a_step(stage: Callable[..., Stage]) -> None:
    run = subject()
    first = stage({"channels_last": 0.010, "contiguous": 0.008}).tune(run)
    later = stage({"channels_last": 0.008, "contiguous": 0.010})
    again = later.tune(run)
    assert later.taken == []
    assert (again.compute, again.tried) == (first.compute, first.tried)
    assert again.why == "Tried in an earlier run, with 8 images a step."
    assert remembered(run.config, SIDE, depthwise=False) == again


@pytest.mark.parametrize(
    "setting",
    [
        "data.batch_size=4",
        "model.width=8",
        "model.padding=valid",
        "model.dropout2d=0.1",
        "transfer.mode=freeze",
        "transfer.lr_multipliers={stage1=0}",
        "compute.memory_format=contiguous",
    ],
)
def test_another_run_is_tried_anew(stage: Callable[..., Stage], setting: str) -> None:
    stage({"channels_last": 0.010, "contiguous": 0.008}).tune(subject())
    other = stage({"channels_last": 0.008, "contiguous": 0.010})
    run = subject("compute.precision=float32", setting)
    assert other.tune(run).compute.layout == ("contiguous" if "contiguous" in setting else "channels_last")
    assert bool(other.taken) == ("contiguous" not in setting)


def test_another_torch_and_other_threads_are_tried_anew(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subject()
    stage({"channels_last": 0.010, "contiguous": 0.008}).tune(run)
    assert remembered(run.config, SIDE, depthwise=False).tried
    assert not remembered(run.config, SIDE * 2, depthwise=False).tried
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "99.0")
        assert not remembered(run.config, SIDE, depthwise=False).tried
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    assert remembered(run.config, SIDE, depthwise=False).tried == ()


def test_a_damaged_memory_is_measured_again(stage: Callable[..., Stage], user_home: Path) -> None:
    run = subject()
    times: dict[str | bool, float] = {"channels_last": 0.010, "contiguous": 0.008}
    stage(times).tune(run)
    (memory,) = user_home.rglob("tuning.json")
    memory.write_text(memory.read_text().replace("contiguous", "upside_down"))
    again = stage(times)
    assert again.tune(run).compute.layout == "contiguous"
    assert again.taken


def test_what_the_user_has_chosen_is_not_tried(stage: Callable[..., Stage]) -> None:
    times = stage({"channels_last": 0.001, "contiguous": 0.010})
    found = times.tune(subject("compute.precision=bfloat16", "compute.memory_format=contiguous"))
    assert (found.compute.precision, found.compute.layout) == ("bfloat16", "contiguous")
    assert (found.why, found.tried, times.taken) == ("Precision and layout are as configured.", (), [])
    half = times.tune(subject("compute.precision=bfloat16"))
    assert (half.compute.precision, half.compute.layout) == ("bfloat16", "channels_last")
    assert {each[0] for each in times.taken} == {"bfloat16"}


def test_a_short_run_takes_no_step(stage: Callable[..., Stage]) -> None:
    times = stage({"channels_last": 0.010, "contiguous": 0.001})
    found = times.tune(subject("train.epochs=2", images=50))
    assert (found.compute.layout, found.tried, times.taken) == ("channels_last", (), [])
    assert found.why == "Not tuned: the run is too short to gain by it."
    assert len(times.tune(subject("train.epochs=100", images=50)).tried) == 2


def test_what_is_frozen_makes_a_run_short(stage: Callable[..., Stage]) -> None:
    """2,900 images at 100 a second take 29 s once, and more with every epoch in which all layers learn."""
    frozen = ("transfer.mode=freeze", "train.epochs=100")
    assert stage({"channels_last": 0.010, "contiguous": 0.001}).tune(subject(*frozen, images=2900)).tried == ()
    both = ("transfer.mode=freeze_then_finetune", "train.epochs=100")
    assert stage({"channels_last": 0.010, "contiguous": 0.001}).tune(subject(*both, images=2900)).tried != ()


def test_a_short_run_is_known_to_be_short_the_next_time(stage: Callable[..., Stage]) -> None:
    short, long = (subject("transfer.mode=freeze", "train.epochs=100", images=images) for images in (2900, 3100))
    times = stage({"channels_last": 0.010, "contiguous": 0.001})
    found = times.tune(short)
    taken = list(times.taken)
    assert taken
    assert times.tune(short) == found
    assert times.taken == taken
    assert times.tune(long).compute.layout == "contiguous"  # what is known of the short one decides nothing


def test_steps_that_take_long_leave_it_to_the_rule(stage: Callable[..., Stage]) -> None:
    times = stage({"channels_last": 1.1, "contiguous": 0.1})
    found = times.tune(subject())
    assert (found.compute.layout, found.tried) == ("channels_last", ())
    assert found.why == "Not tuned: a step takes too long to try several ways."
    assert times.now < 5
    kept = recall(tuning._key(subject().config, SIDE, tuning._ways(subject().config, depthwise=False)))
    assert kept is not None
    assert (kept.too_slow, kept.tried) == (True, ())
    assert kept.pace == pytest.approx(1.1)


def test_steps_that_took_long_are_known_until_a_run_is_long_enough_to_try_again(stage: Callable[..., Stage]) -> None:
    """A second run on known features would take longer to find out than to train."""
    short, long = (subject("train.epochs=20", images=images) for images in (10, 20))
    first = stage({"channels_last": 1.1, "contiguous": 0.1})
    found = first.tune(short)
    assert found.why == "Not tuned: a step takes too long to try several ways."
    assert first.taken
    later = stage({"channels_last": 0.01, "contiguous": 0.001})
    assert later.tune(short) == found
    assert later.taken == []
    assert not remembered(short.config, SIDE, depthwise=False).tried
    later.tune(long)
    assert later.taken


def test_it_is_said_and_can_be_stopped(stage: Callable[..., Stage]) -> None:
    run, before, said = subject(), random_states(), list[Phase]()
    times = stage({"channels_last": 0.010, "contiguous": 0.008})
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        torch.rand(1)
        if checks == 4:
            raise StopRun

    with pytest.raises(StopRun):
        tune(run, said.append, check, lambda: times.now)
    assert len(times.taken) == 3
    assert [each.text for each in said] == ["Finding the fastest arithmetic"]
    assert all(torch.equal(*pair) for pair in zip(before, random_states(), strict=True))
    assert remembered(run.config, SIDE, depthwise=False).tried == ()


@pytest.mark.parametrize(
    "settings",
    [
        ("model.dropout2d=0.5",),
        ("transfer.mode=freeze", "transfer.lr_multipliers={head=0.5}"),
        ("compute.deterministic=true", "model.dropout2d=0.5"),
        ("model.arch=efficientnet_lite0", "data.batch_size=4", "compute.precision=bfloat16_dense"),
    ],
)
def test_it_leaves_no_trace_in_the_run(settings: tuple[str, ...]) -> None:
    run = subject(*settings)
    before, numbers = copy.deepcopy(run.network.state_dict()), random_states()
    learning = {name: each.requires_grad for name, each in run.network.named_parameters()}
    strides = {name: each.stride() for name, each in run.network.named_parameters()}
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    began = time.monotonic()
    found = tune(run, lambda _: None, lambda: None)
    assert time.monotonic() - began < 60  # three seconds on a machine that has nothing else to do
    assert found.tried or found.deterministic_cost or "too long" in found.why  # the last on a busy machine
    after = run.network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], each) for name, each in before.items())
    assert {name: each.requires_grad for name, each in run.network.named_parameters()} == learning
    assert {name: each.stride() for name, each in run.network.named_parameters()} == strides
    assert all(each.grad is None for each in run.network.parameters())
    assert all(torch.equal(*pair) for pair in zip(numbers, random_states(), strict=True))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (threads, deterministic)


def test_a_deterministic_run_goes_by_rule_and_knows_its_cost(stage: Callable[..., Stage]) -> None:
    times = stage({True: 0.012, False: 0.010})
    found = times.tune(subject("compute.deterministic=true"))
    assert (found.compute.precision, found.compute.layout, found.tried) == ("float32", "channels_last", ())
    assert found.deterministic_cost == pytest.approx(1.2)
    assert {each[2] for each in times.taken} == {True, False}
    assert {each[:2] for each in times.taken} == {("float32", "channels_last")}
    short = times.tune(subject("compute.deterministic=true", "data.batch_size=4", images=10))
    assert short.deterministic_cost is None
    assert short.why.startswith("What deterministic algorithms cost is not known: the run is too short")


@pytest.mark.parametrize("deterministic", [True, False])
def test_steps_are_taken_in_the_arithmetic_that_is_tried(deterministic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool, torch.dtype]] = []

    def note(answer: Tensor, labels: Tensor, config: Config) -> Losses:
        last = torch.channels_last
        seen.append(
            (torch.are_deterministic_algorithms_enabled(), layers.is_contiguous(memory_format=last), answer.dtype)
        )
        return losses(answer, labels, config)

    monkeypatch.setattr("cnnstudio.engine.tuning.losses", note)
    run = subject()
    steps = tuning._Steps(run)
    for layout in (torch.channels_last, torch.contiguous_format):
        way = tuning._Way(Compute(torch.device("cpu"), "a CPU", "bfloat16", layout), deterministic)
        layers = steps._copy(way.compute).get_parameter("features.0.weight")
        steps.take(way, 4)
    assert seen == [(deterministic, True, torch.bfloat16), (deterministic, False, torch.bfloat16)]


def test_steps_reach_a_gpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for autograd's own part, which needs a real device even for tensors that are none (pytorch#92627)."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    found: list[Tensor] = []
    waited: list[torch.device] = []

    def backward(loss: Tensor) -> None:
        found.append(loss)

    monkeypatch.setattr(Tensor, "backward", backward)
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    monkeypatch.setattr(tuning, "copy", SimpleNamespace(deepcopy=lambda network: network))  # fakes cannot be copied
    gpu = torch.device("cuda")
    monkeypatch.setattr(Compute, "place", lambda *_: None)  # nor can they be moved
    with FakeTensorMode():
        with torch.device("cuda"):
            steps = tuning._Steps(subject("model.arch=mobilenet_v3_small"))
        for layout in (torch.channels_last, torch.contiguous_format):  # autocast does not pretend
            steps.take(tuning._Way(Compute(gpu, "imaginary", "float32", layout), deterministic=False), 8)
    assert {(each.device.type, each.shape) for each in found} == {("cuda", ())}
    assert waited == [gpu] * 2


def test_a_run_is_the_same_as_with_what_was_found(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and random numbers before the first step are those of a run that was told what to use."""
    long = ("compute.device=cpu", "train.epochs=100000", "model.dropout2d=0.2")
    with arithmetic(deterministic=False):
        tuned = prepare(configure(*long), lambda _: None, Control())
        numbers = random_states()
        chosen = configure(
            *long,
            f"compute.precision={tuned.config.compute.precision}",
            f"compute.memory_format={tuned.config.compute.memory_format}",
        )
        told = prepare(chosen, lambda _: None, Control())
    assert tuned.tuned.why.startswith(("Tried before the run", "Not tuned: a step takes too long"))
    assert (tuned.compute, tuned.config) == (told.compute, told.config)
    state = tuned.network.state_dict()
    assert all(torch.equal(state[name], each) for name, each in told.network.state_dict().items())
    assert all(torch.equal(*pair) for pair in zip(numbers, random_states(), strict=True))


def test_a_run_says_what_was_tried(
    configure: Configure, tmp_path: Path, stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = stage({"channels_last": 0.010, "contiguous": 0.008})
    monkeypatch.setattr("cnnstudio.engine.prepare.tune", lambda run, report, check: times.tune(run, check))
    events: list[Event] = []
    control = Control()

    def sink(event: Event) -> None:
        events.append(event)
        if isinstance(event, RunStarted):
            control.stop()

    config = configure("compute.device=cpu", "train.epochs=100000")
    train(config, sink, control, out=tmp_path / "run")
    (started,) = [each for each in events if isinstance(each, RunStarted)]
    assert [each.memory_format for each in started.tuned] == ["contiguous", "channels_last"]
    assert started.tuning == "Tried before the run, with 8 images a step."
    assert started.config.compute.memory_format == "contiguous"
    assert load_config(tmp_path / "run" / "config.toml").compute.memory_format == "contiguous"
    taken = len(times.taken)
    train(load_config(tmp_path / "run" / "config.toml"), sink, control, out=tmp_path / "run", resume=True)
    assert len(times.taken) == taken


def test_stopping_while_it_tunes_ends_the_run(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control()

    def sink(event: Event) -> None:
        if isinstance(event, Phase) and event.text == "Finding the fastest arithmetic":
            control.stop()

    ended = train(configure("compute.device=cpu", "train.epochs=100000"), sink, control, out=tmp_path / "run")
    assert (ended.reason, ended.best_epoch, (tmp_path / "run").exists()) == ("stopped", None, False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("deterministic", [True, False])
def test_on_a_gpu(deterministic: bool) -> None:
    run = subject("compute.device=cuda", "model.arch=resnet18", f"compute.deterministic={str(deterministic).lower()}")
    mean = run.mean.to("cuda")
    run = Subject(run.config, run.network, False, run.pixels, run.labels, mean, mean, 10**12)
    before = random_states()
    with arithmetic(deterministic=deterministic):  # as a run has it, which loads torch's compiler
        began = time.perf_counter()
        found = tune(run, lambda _: None, lambda: None)
        assert time.perf_counter() - began < 3
    assert all(torch.equal(*pair) for pair in zip(before, random_states(), strict=True))
    assert found.compute.device.type == "cuda"
    assert bool(found.deterministic_cost) == deterministic
    assert bool(found.tried) != deterministic
    assert tune(run, lambda _: None, lambda: pytest.fail("it was known")).compute == found.compute


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handwritten digits, 40 of each, 16 pixels a side."""
    folder = tmp_path_factory.mktemp("digits")
    found = load_digits()
    counts = dict.fromkeys(range(10), 0)
    for pixels, label in zip(found.images, found.target, strict=True):
        if counts[int(label)] < 40:
            place = folder / str(label) / f"{counts[int(label)]}.png"
            place.parent.mkdir(exist_ok=True)
            grey = Image.fromarray((pixels * 255 / 16).astype(np.uint8))
            grey.resize((16, 16), Image.Resampling.BICUBIC).convert("RGB").save(place)
            counts[int(label)] += 1
    return folder


@pytest.mark.slow
def test_bfloat16_learns_as_well_as_float32(digits: Path, tmp_path: Path) -> None:
    """The same data, five seeds: the mean difference of the last accuracies is within what chance explains."""

    def accuracy(precision: str, seed: int) -> float:
        out = tmp_path / f"{precision}-{seed}"
        settings = [
            *(
                f"data.folder='{digits}'",
                "data.image_size=16",
                "data.augment=false",
                "data.batch_size=8",
                "model.depth=2",
            ),
            *("train.epochs=5", f"train.seed={seed}", f"compute.precision={precision}", "compute.device=cpu"),
        ]
        ended = train(load_config(None, settings), lambda _: None, Control(), out=out)
        assert isinstance(ended, RunEnded)
        assert ended.reason == "finished"
        assert ended.best_val_accuracy is not None
        return ended.best_val_accuracy

    full = np.array([accuracy("float32", seed) for seed in range(5)])
    short = np.array([accuracy("bfloat16", seed) for seed in range(5)])
    assert full.min() > 0.85
    noise = max((short - full).std(ddof=1) / math.sqrt(5), 1 / 80 / math.sqrt(5))  # one image of 80, at least
    assert abs((short - full).mean()) <= 2.8 * noise  # t with 4 degrees of freedom, two-sided 5 %
