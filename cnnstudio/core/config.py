"""The configuration of a run: frozen, checked, and kept as TOML beside the run."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from cnnstudio.core.errors import InputError, did_you_mean

Auto = Literal["auto"]
Padding = Literal["same", "valid", "reflect", "replicate", "circular"]
Head = Literal["fully_connected", "global_average", "convolutional"]
TransferMode = Literal["scratch", "freeze", "finetune", "freeze_then_finetune"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["onecycle", "cosine", "constant"]
Mix = Literal["none", "mixup", "cutmix"]
Precision = Literal["auto", "float32", "bfloat16", "bfloat16_dense", "bfloat16_products", "float16"]
MemoryFormat = Literal["auto", "contiguous", "channels_last"]


def _writable(text: str) -> str:
    """Refuse what TOML cannot hold: Python's stand-ins for bytes of a file name that are no Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("not_unicode", "valid Unicode: rename the folder") from None
    return text


class _Section(BaseModel):
    """A group of keys; frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(_Section):
    """Which images, at what size, and how they reach the network.

    Attributes:
        folder: A tree `folder/class/image`; empty until the user has chosen one.
        image_size: Side of the square input in pixels; `auto` is the architecture's own.
        val_fraction: Share of each class that is kept for validation where the folder has no split of its own.
        batch_size: Images in a step.
        augment: Whether training images are shifted and mirrored at random.
    """

    folder: Annotated[str, AfterValidator(_writable)] = ""
    image_size: Annotated[int, Field(ge=8, le=2048)] | Auto = "auto"
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    augment: bool = True


class ModelConfig(_Section):
    """Which network and how its switches stand.

    Attributes:
        arch: A name in the registry of architectures.
        padding: `same` pads with zeros, `valid` not at all, the others fill the border from the image.
        dropout2d: Probability that a whole feature map is dropped.
        batchnorm: Whether BatchNorm2d follows each convolution (which then needs no bias); `auto` is as the
            architecture was published.
        head: How maps become logits; `auto` is the architecture's own way.
        aux: Weight of the auxiliary losses of architectures that have such heads; 0 leaves the heads out.
        depth: Stages of the compact network.
        width: Feature maps of its first stage.
        kernel: Side of its kernels.
        pretrained: Whether to start from pretrained weights where `transfer.mode` is not `scratch`: the architecture's
            own, or those in the file of that path.
    """

    arch: str = "compact"
    padding: Padding = "same"
    dropout2d: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batchnorm: bool | Auto = "auto"
    head: Head | Auto = "auto"
    aux: Annotated[float, Field(ge=0, le=1)] = 0.3
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    width: Annotated[int, Field(ge=4, le=256)] = 32
    kernel: Literal[3, 5, 7] = 3
    pretrained: bool | Annotated[str, Field(min_length=1), AfterValidator(_writable)] = True


class TransferConfig(_Section):
    """What is kept from pretrained weights.

    Attributes:
        mode: `scratch` starts from random weights; `freeze` trains the last stages only; `finetune` trains all;
            `freeze_then_finetune` does one after the other.
        train_last: How many stages, counted from the head, learn while the rest is frozen.
        views: How many views of each training image, shifted and mirrored, go through what is frozen; `auto` is as many
            as there is time for, at most 4. Without `data.augment` there is one.
        lr_decay: The learning rate of a stage as a share of the next one's, so that early stages, which know edges and
            textures already, change least (Howard & Ruder, 2018); `auto` is less than 1 only after a frozen phase.
        lr_multipliers: What the learning rate of a stage is multiplied with instead, by the stage's name; 0 keeps it
            still.
    """

    mode: TransferMode = "scratch"
    train_last: Annotated[int, Field(ge=1, le=1000)] = 1
    views: Annotated[int, Field(ge=1, le=8)] | Auto = "auto"
    lr_decay: Annotated[float, Field(gt=0, le=1)] | Auto = "auto"
    lr_multipliers: dict[str, Annotated[float, Field(ge=0, le=10)]] = {}

    @property
    def freezes(self) -> bool:
        """Whether only the last stages learn, at least at first."""
        return self.mode in {"freeze", "freeze_then_finetune"}

    @property
    def lr_decay_resolved(self) -> float:
        """`lr_decay` as a number; Howard & Ruder's 1 / 2.6 is for networks of fewer stages than ours."""
        if self.lr_decay != "auto":
            return self.lr_decay
        return 0.7 if self.mode == "freeze_then_finetune" else 1.0


class TrainConfig(_Section):
    """How long and how fast the network learns.

    Attributes:
        epochs: Passes over the training images.
        lr: Peak learning rate; `auto` depends on the optimizer and on `transfer.mode`.
        optimizer: `adamw` or `sgd` (with Nesterov momentum).
        schedule: `onecycle` (Smith and Topin, 2018), `cosine` (Loshchilov and Hutter, 2017) or `constant`.
        patience: Epochs without a better validation accuracy after which a phase ends early; 0 waits for ever.
        label_smoothing: Share of the target spread over all classes (Szegedy et al., 2016).
        mix: Whether images are mixed in pairs, with their labels: blended by `mixup` (Zhang et al., 2018), or a box of
            one put into the other by `cutmix` (Yun et al., 2019).
        progressive: Whether images are small first and grow to full size over two thirds of the epochs.
        ema: Decay of the exponential moving average of the weights, which is validated and kept instead of the
            weights of a single step, such as 0.999; 0 for none.
        seed: Decides split, initial weights, order and augmentation.
    """

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    lr: Annotated[float, Field(gt=0, le=100)] | Auto = "auto"
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "onecycle"
    patience: Annotated[int, Field(ge=0, le=100_000)] = 0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mix: Mix = "none"
    progressive: bool = False
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class ComputeConfig(_Section):
    """Where and in which arithmetic the run computes.

    Attributes:
        device: `auto`, or a torch device such as `cpu`, `cuda`, `cuda:1`, `mps`, `xpu`.
        precision: Arithmetic of the convolutions; weights stay float32. `bfloat16` and `float16` hold what passes
            between layers in 16 bits as well; `bfloat16_dense` does so but for depthwise convolutions, which stay in
            float32; `bfloat16_products` holds everything in float32 and only multiplies in bfloat16 (CPUs only).
            `auto` is what a few steps show to be fastest, where the run is long enough to gain by it.
        memory_format: Layout of images and weights; `auto` is tried out like the precision.
        deterministic: Use deterministic algorithms only (slower, repeatable on the same machine).
        isolated: Train in a process of its own, so that a crash there, such as of a driver, spares the window; the
            weights are the same.
    """

    device: str = "auto"
    precision: Precision = "auto"
    memory_format: MemoryFormat = "auto"
    deterministic: bool = False
    isolated: bool = False


class Config(_Section):
    """Everything that decides a run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    transfer: TransferConfig = TransferConfig()
    train: TrainConfig = TrainConfig()
    compute: ComputeConfig = ComputeConfig()

    def replace(self, key: str, value: object) -> Self:
        """Return a copy in which `key` (`section.name`) has another value, checked.

        Raises:
            InputError: The key is unknown or the value is not allowed.
        """
        tree = self.model_dump()
        _put(tree, key, value)
        return type(self).parse(tree)

    @classmethod
    def parse(cls, tree: Mapping[str, Any], *, source: object = "") -> Self:
        """Check a nested mapping as TOML gives it.

        Raises:
            InputError: A key is unknown (the nearest legal one is named) or a value is not allowed.
        """
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise _as_input_error(error, source) from None

    def to_toml(self) -> str:
        """Return the configuration as TOML, every key spelled out."""
        return tomli_w.dumps(self.model_dump())


_TEXT_KEYS = frozenset(
    f"{section}.{name}"
    for section, values in Config()
    for name, field in type(values).model_fields.items()
    if field.annotation is str
)


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Read a TOML file, if there is one, and apply `key=value` overrides.

    Args:
        path: The file, or None to start from the defaults.
        overrides: Such as `train.epochs=3`; values are read as TOML, and as plain text where that fails or where the
            key holds text, so that `data.folder=2024` is a folder.

    Raises:
        InputError: The file cannot be read, or a key or value is wrong.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise InputError(f"config file: {reason}", where=path, remedy="check the path") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"config file is not TOML: {error}", where=path, remedy="mend that line") from None
    for override in overrides:
        key, found, text = override.partition("=")
        if not found:
            raise InputError(f"--set {override}", remedy="write it as key=value, such as train.epochs=3")
        _put(tree, key.strip(), _value(key.strip(), text.strip()))
    return Config.parse(tree, source=path or "")


def config_keys() -> tuple[str, ...]:
    """Return all keys as `section.name`, in the order in which they are written."""
    return tuple(f"{section}.{name}" for section, values in Config().model_dump().items() for name in values)


def _value(key: str, text: str) -> Any:
    try:
        tree = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = tree.pop("value")
    as_text = tree or (key in _TEXT_KEYS and not isinstance(value, str))  # a rest in the tree: several lines
    return text if as_text else value


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    if key not in config_keys():
        raise InputError(f"unknown key {key}", remedy=did_you_mean(key, config_keys()))
    section, name = key.split(".")
    group = tree.setdefault(section, {})
    if not isinstance(group, dict):
        raise InputError(f"{section} is a single value", remedy=f"write it as a table [{section}]")
    group[name] = value


def _as_input_error(error: ValidationError, source: object) -> InputError:
    first = error.errors(include_url=False, include_context=False)[0]
    # A union adds the name of the branch that failed ("int", "literal['auto']"): a key has two parts at most.
    key = ".".join(str(part) for part in first["loc"][:2])
    if first["type"] == "extra_forbidden":
        legal = config_keys() if "." in key else tuple(Config.model_fields)
        return InputError(f"unknown key {key}", where=source, remedy=did_you_mean(key, legal))
    if first["type"] == "model_type":
        return InputError(f"{key} is a single value", where=source, remedy=f"write it as a table [{key}]")
    accepted = [
        str(each["msg"]).removeprefix("Input should be ")
        for each in error.errors()
        if each["loc"][:2] == first["loc"][:2]
    ]
    return InputError(f"{key} cannot be {first['input']!r}", where=source, remedy="it must be " + " or ".join(accepted))
