"""What a run reports while it runs.

Scalars are small, kept in `events.jsonl`, and never lost on their way to a listener. Pictures (`core.pictures`) are
large, only for whoever is looking, and only the latest of a kind matters.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cnnstudio.core.config import Config
from cnnstudio.core.pictures import Picture

EndReason = Literal["finished", "stopped", "failed"]


class _Scalar(BaseModel):
    """A small event that is written to disk; its numbers are finite, so that every line is standard JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class SetAside(BaseModel):
    """An image that the run does without.

    Attributes:
        path: The file.
        reason: Why, as a clause: `truncated after 4,096 bytes`.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    reason: str


class Tried(BaseModel):
    """An arithmetic in which some steps were taken before the run, to see how fast they are.

    Attributes:
        precision: As in `compute.precision`.
        memory_format: As in `compute.memory_format`.
        images_per_second: In its fastest step.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    precision: str
    memory_format: str
    images_per_second: float


class RunStarted(_Scalar):
    """The run knows its data, its network and its device.

    Attributes:
        run: The run folder.
        config: The configuration with every `auto` resolved.
        device: What computes, in words: `CPU · float32`.
        precision: The arithmetic really used.
        tuned: What was tried before it was chosen, now or in an earlier run, the fastest first.
        tuning: How it was chosen, in a sentence.
        deterministic_cost: Time of a deterministic step as a multiple of an ordinary one's; None where it was not
            measured.
        classes: Class names in the order of the logits.
        train_images: Number of training images.
        val_images: Number of validation images.
        set_aside: Images that cannot be used.
        layers: Names of the layers whose feature maps can be watched.
        norms: Path of the BatchNorm2d behind each convolution that has one, by the path of the convolution.
        stages: Names of its stages, from the input to the head.
        steps_per_epoch: Optimizer steps in an epoch.
        parameters: Number of parameters.
        trainable: Number of parameters that learn in the first phase.
        weights: Where the initial weights come from, in words.
        weights_loaded: How many pretrained tensors the network took.
        weights_missing: Keys of the network for which there was none: these start at random.
        weights_skipped: Keys that the network had no use for, such as those of the replaced last layer.
        resumed_step: Optimizer steps that an earlier process has done; steps beyond it that the log holds are done
            again.
        val_counts: Number of validation images of each class; empty where it is not known.
        val_twins: Validation images that are, pixel by pixel, training images too; 0 where images are still read.
    """

    event: Literal["run_started"] = "run_started"
    run: str
    config: Config
    device: str
    precision: str
    tuned: tuple[Tried, ...] = ()
    tuning: str = ""
    deterministic_cost: float | None = None
    classes: tuple[str, ...]
    train_images: int
    val_images: int
    set_aside: tuple[SetAside, ...] = ()
    layers: tuple[str, ...] = ()
    norms: dict[str, str] = {}
    stages: tuple[str, ...] = ()
    steps_per_epoch: int
    parameters: int
    trainable: int
    weights: str
    weights_loaded: int = 0
    weights_missing: tuple[str, ...] = ()
    weights_skipped: tuple[str, ...] = ()
    resumed_step: int = 0
    val_counts: tuple[int, ...] = ()
    val_twins: int = 0


class Phase(_Scalar):
    """What the run does now, in words.

    Attributes:
        text: `Reading 1,741 images`.
        done: How much of it is done, from 0 to 1; None where that is not known.
    """

    event: Literal["phase"] = "phase"
    text: str
    done: float | None = None


class StepEnded(_Scalar):
    """Some optimizer steps are done.

    Attributes:
        step: Steps since the start of the run.
        epoch: Position in epochs, fractional.
        loss: Mean training loss over the steps since the last such event.
        accuracy: Training accuracy over the same steps.
        lr: Learning rate of the head.
        images_per_second: Over the same steps.
        aux_losses: Mean training loss of each auxiliary head over the same steps, by its path.
        gradient_norm: Euclidean norm of the gradients of all that learns in this step; None where it is not known.
        phase: What learns, in words: `head only`, `all layers`.
    """

    event: Literal["step"] = "step"
    step: int
    epoch: float
    loss: float
    accuracy: float
    lr: float
    images_per_second: float
    aux_losses: dict[str, float] = {}
    gradient_norm: float | None = None
    phase: str = ""


class LayerPulse(BaseModel):
    """How a layer with weights learns in one step; all norms are Euclidean.

    Attributes:
        path: Of the layer.
        gradient: Norm of the gradient of its weights.
        weight: Norm of its weights before the step.
        update: Norm of what the step changes them by, as a share of `weight`.
        dead: Share of the channels behind its ReLU, or the like, that were zero for all images of the batch; None where
            there is none behind it.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    path: str
    gradient: float
    weight: float
    update: float
    dead: float | None = None


class Pulse(_Scalar):
    """How all layers learn in one step; measured now and then, as it costs time.

    Attributes:
        step: Steps since the start of the run, this one included.
        epoch: Position in epochs, fractional.
        layers: Convolutions and linear layers that learn, those of auxiliary heads too, in the order of computation.
    """

    event: Literal["pulse"] = "pulse"
    step: int
    epoch: float
    layers: tuple[LayerPulse, ...]


class EpochEnded(_Scalar):
    """An epoch is done and validated.

    Attributes:
        epoch: Epochs done, counted from 1.
        train_loss: Mean over the epoch.
        train_accuracy: Share of training images that were classified right while they were learnt.
        val_loss: Mean over the validation images.
        val_accuracy: Share of validation images that are classified right.
        images_per_second: Training images a second, without validation.
        seconds: Duration of the epoch with validation, without pauses.
        best: Whether no earlier epoch had a higher `val_accuracy`.
        predicted: For how many validation images each class was the answer; empty where it is not known.
        planned: Epochs that the run is to have, as far as was known at its end; 0 where that was not told.
        val_twins: As in `RunStarted`, all images having been read.
    """

    event: Literal["epoch"] = "epoch"
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    images_per_second: float
    seconds: float
    best: bool
    predicted: tuple[int, ...] = ()
    planned: int = 0
    val_twins: int = 0


class Changed(_Scalar):
    """A run goes on otherwise than it was started, or was paused or let go on; a resumed run does so again.

    Attributes:
        step: Optimizer steps that were done when it was taken.
        epoch: Position in epochs from which on it holds: another stage learns from the next epoch on.
        key: Of the configuration (see `core.changes.LIVE`), or `run.paused`.
        old: The value until then; of `train.lr` the peak of the schedule.
        new: The value from then on.
        label: In two or three words, for a mark on a curve: `lr × 0.5`.
        text: The same in a clause: `the learning rate goes from 0.003 to 0.0015`.
    """

    event: Literal["changed"] = "changed"
    step: int
    epoch: float
    key: str
    old: bool | int | float
    new: bool | int | float
    label: str
    text: str


class Warned(_Scalar):
    """Something the user should know; the run goes on.

    Attributes:
        text: One sentence.
        path: The file concerned, if there is one.
    """

    event: Literal["warning"] = "warning"
    text: str
    path: str = ""


class RunEnded(_Scalar):
    """The run is over.

    Attributes:
        reason: `finished`, `stopped` (by request) or `failed`.
        best_val_accuracy: Of the weights that were kept; None if no epoch was completed.
        best_epoch: The epoch of those weights, counted from 1.
        seconds: Since the start.
        run: The run folder.
        message: Why it failed and what to do; empty otherwise.
    """

    event: Literal["run_ended"] = "run_ended"
    reason: EndReason
    best_val_accuracy: float | None
    best_epoch: int | None = None
    seconds: float
    run: str
    message: str = ""


Scalar = Annotated[
    RunStarted | Phase | StepEnded | Pulse | EpochEnded | Changed | Warned | RunEnded,
    Field(discriminator="event"),
]


Event = RunStarted | Phase | StepEnded | Pulse | EpochEnded | Changed | Warned | RunEnded | Picture
