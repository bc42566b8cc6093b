"""A batch in parts has the gradient of the whole, and what has failed lets its memory go."""

import copy
import functools
import tomllib
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cnnstudio.core.config import Config
from cnnstudio.core.control import Control
from cnnstudio.core.events import Warned
from cnnstudio.engine.averaging import Average
from cnnstudio.engine.dist import World
from cnnstudio.engine.learning import Learning
from cnnstudio.engine.losses import Losses
from cnnstudio.engine.mixing import draw_mixture
from cnnstudio.engine.passes import Passes
from cnnstudio.engine.prepare import Prepared, prepare
from cnnstudio.engine.schedule import make_optimizer, make_schedule, training_phases
from cnnstudio.models.network import Network, Outputs

Configure = Callable[..., Config]
WITHOUT_BATCHNORM = ("model.batchnorm=false", "compute.precision=float32", "train.label_smoothing=0.1")


class Narrow(nn.Module):
    """Lets no more than some images through to a network at once.

    Attributes:
        room: How many.
        outputs: Of all passes so far, for as long as somebody else keeps them.
        living: How many outputs of earlier passes were alive when a pass began.
    """

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network = network
        self.room = room
        self.outputs: list[weakref.ref[Tensor]] = []
        self.living: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.living.append(sum(output() is not None for output in self.outputs))
        answer: Tensor = self.network(inputs)
        self.outputs.append(weakref.ref(answer))
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer


class Bench:
    """A network that is about to learn, in float64: no rounding tips a ReLU or a maximum over its edge."""

    def __init__(self, config: Config, room: int = 1000) -> None:
        self.prepared = _prepared(config.to_toml())
        self.config = self.prepared.config
        self.network: Network = copy.deepcopy(self.prepared.network).double()
        self.module = Narrow(self.network.train(), room)
        self.told: list[str] = []
        self.passes = Passes(self.config, self.hear, 0)
        self.passes.begin(self.module, self.prepared.compute)
        phase = training_phases(self.config)[0]
        optimizer = make_optimizer(self.network, self.config, phase)
        schedule = make_schedule(optimizer, self.config, steps=10)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        average = Average(self.network, self.network, 0)
        self.learning = Learning(0, phase, optimizer, schedule, scaler, average)

    def hear(self, warned: Warned) -> None:
        self.told.append(warned.text)

    def learn(self, batch: int = 8, step: int = 41) -> Losses:
        torch.manual_seed(5)
        inputs, labels = torch.randn(batch, 3, 32, 32).double(), torch.randint(2, (batch,))
        mixture = draw_mixture(self.config, inputs, epoch=1, batch=1)
        inputs = inputs if mixture is None else mixture(inputs)
        share = World().share(torch.arange(batch))
        return self.passes.learn(self.learning, inputs, labels, mixture, share=share, step=step)

    def gradients(self) -> dict[str, Tensor]:
        return {name: each.grad for name, each in self.network.named_parameters() if each.grad is not None}


@functools.cache
def _prepared(toml: str) -> Prepared:
    return prepare(Config.model_validate(tomllib.loads(toml)), lambda _: None, Control())


@pytest.mark.parametrize("mix", ["none", "mixup", "cutmix"])
@pytest.mark.parametrize(("batch", "portion"), [(8, 4), (8, 1), (7, 2)])
def test_the_parts_of_a_batch_have_its_gradient_and_its_losses(
    configure: Configure, mix: str, batch: int, portion: int
) -> None:
    config = configure(*WITHOUT_BATCHNORM, f"train.mix={mix}")
    whole, divided = Bench(config), Bench(config, room=portion)
    one, other = whole.learn(batch), divided.learn(batch)
    assert (whole.passes.portion, divided.passes.portion) == (0, portion)
    torch.testing.assert_close(divided.gradients(), whole.gradients(), rtol=0, atol=1e-12)
    assert max(float(each.abs().max()) for each in whole.gradients().values()) > 1e-2
    torch.testing.assert_close((other.total, other.main), (one.total, one.main))
    torch.testing.assert_close(other.logits, one.logits, rtol=0, atol=1e-12)


def test_auxiliary_losses_are_those_of_the_batch(configure: Configure) -> None:
    class Two(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Tensor) -> Outputs:
            if len(inputs) > self.room:
                raise MemoryError
            logits = self.network(inputs)
            return Outputs(logits, {"aux1": logits * 2})

        room = 8

    whole, divided = Bench(configure(*WITHOUT_BATCHNORM)), Bench(configure(*WITHOUT_BATCHNORM))
    for bench, room in ((whole, 8), (divided, 3)):
        module = Two(bench.network)
        module.room = room
        bench.passes.begin(module, bench.prepared.compute)
    one, other = whole.learn(), divided.learn()
    assert divided.passes.portion == 2
    torch.testing.assert_close(other.aux, one.aux)
    torch.testing.assert_close(other.total, one.total)
    torch.testing.assert_close(divided.gradients(), whole.gradients(), rtol=0, atol=1e-6)


def test_memory_of_what_failed_is_free_before_the_next_attempt(configure: Configure) -> None:
    bench = Bench(configure(*WITHOUT_BATCHNORM), room=2)
    parameter = next(bench.network.parameters())
    parameter.grad = torch.ones_like(parameter)
    gradient = weakref.ref(parameter.grad)
    bench.learn()
    assert bench.module.living[:3] == [0, 0, 0]  # passes of 8, of 4, and the first of 2 images
    assert gradient() is None
    assert bench.told == ["the device ran out of memory: batches of 8 are computed as 4 × 2 from step 41 on"]


def test_a_failure_in_the_backward_pass_counts_nothing_twice(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(*WITHOUT_BATCHNORM)
    whole, divided = Bench(config), Bench(config)
    whole.learn()
    accumulate = Learning.accumulate
    calls: list[int] = []

    def fails_behind_the_gradients(self: Learning, loss: Tensor) -> None:
        accumulate(self, loss)
        calls.append(len(calls))
        if calls[-1] in {0, 2}:  # the whole batch, then the second of two parts
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Learning, "accumulate", fails_behind_the_gradients)
    divided.learn()
    assert divided.passes.portion == 2
    torch.testing.assert_close(divided.gradients(), whole.gradients(), rtol=0, atol=1e-6)


def test_batchnorm_keeps_two_images_and_it_is_said(configure: Configure) -> None:
    bench = Bench(configure("model.batchnorm=true", "compute.precision=float32"), room=3)
    bench.learn(7)
    expected = (
        "batches of 7 are computed as 3 parts of at most 3 from step 41 on, and BatchNorm sees 3 images at a time"
    )
    assert bench.told == [f"the device ran out of memory: {expected}"]


def test_answers_in_parts_are_the_same_and_leave_learning_alone(configure: Configure) -> None:
    bench = Bench(configure("compute.precision=float32"), room=3)
    module = bench.module.eval()
    inputs = torch.randn(8, 3, 32, 32).double()
    answers = bench.passes.answer(module, inputs, step=5)
    torch.testing.assert_close(answers, bench.network(inputs).float())
    assert answers.dtype == torch.float32
    assert not answers.requires_grad
    assert bench.passes.portion == 0
    assert bench.told == [
        "the device ran out of memory: batches of 8 are computed as 4 × 2 in validation from step 5 on"
    ]


def test_a_batch_in_parts_reaches_a_gpu_without_a_gpu(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(Learning, "accumulate", lambda *_: None)  # autograd wants a thread for each real device
    bench = Bench(configure(*WITHOUT_BATCHNORM))
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = nn.Sequential(nn.Conv2d(3, 2, 3, device="cuda"), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        passes = Passes(bench.config, bench.hear, 2)
        passes.begin(network, replace(bench.prepared.compute, device=torch.device("cuda")))
        labels = torch.zeros(8, dtype=torch.int64, device="cuda")
        inputs, share = torch.empty(8, 3, 32, 32, device="cuda"), World().share(torch.arange(8))
        found = passes.learn(bench.learning, inputs, labels, None, share=share, step=1)
        assert found.logits.device.type == "cuda"
        assert found.logits.shape == (8, 2)
        assert found.main.device.type == "cuda"
