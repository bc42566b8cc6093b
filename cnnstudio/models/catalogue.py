"""What is known about each architecture before it is built; reading it loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an RGB image in [0, 1] becomes the network's input: `(x - mean) / std`, channel by channel.

    Attributes:
        mean: Of red, green and blue.
        std: Of red, green and blue.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ArchCard:
    """An architecture as its card in the window shows it.

    Attributes:
        name: The value of `model.arch`.
        title: The name that people use.
        family: Architectures of a family share their code.
        year: When it was published.
        paper: Short citation.
        idea: What was new, in one sentence.
        image_size: Side of the square input, in pixels, for which it was designed.
        parameters: Number of parameters with 1,000 classes and every switch at its default.
        builder: `module:function`, called with the model's configuration and the number of classes.
        preprocessing: What the pretrained weights expect; ImageNet's mean and deviation where there are none.
        pretrained: The images that the weights were trained on and where the weights come from; empty without weights.
        refuses: Switches that must keep their default, such as `model.batchnorm`, and why.
    """

    name: str
    title: str
    family: str
    year: int
    paper: str
    idea: str
    image_size: int
    parameters: int
    builder: str
    preprocessing: Preprocessing
    pretrained: str = ""
    refuses: Mapping[str, str] = field(default_factory=dict)


IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

CARDS = (
    ArchCard(
        name="compact",
        title="Compact CNN",
        family="VGG",
        year=2014,
        paper="after Simonyan & Zisserman, Very Deep Convolutional Networks, ICLR 2015",
        idea="3×3 convolutions, then half the size and twice the maps: VGG's recipe, cut to fit any CPU.",
        image_size=96,
        parameters=1_383_944,
        builder="cnnstudio.models.compact:compact",
        preprocessing=IMAGENET,
    ),
    ArchCard(
        name="resnet18",
        title="ResNet-18",
        family="ResNet",
        year=2015,
        paper="He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, CVPR 2016",
        idea="Each block learns what to add to its input, so gradients reach the first layer however deep the network.",
        image_size=224,
        parameters=11_689_512,
        builder="cnnstudio.models.resnet:resnet18",
        preprocessing=IMAGENET,
    ),
    ArchCard(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0",
        family="EfficientNet",
        year=2020,
        paper="Tan & Le, EfficientNet, ICML 2019; Liu, EfficientNet-Lite, 2020",
        idea="Widen with 1×1, filter each map alone, narrow again: near ResNet-50's accuracy for a tenth of its work.",
        image_size=224,
        parameters=4_652_008,
        builder="cnnstudio.models.efficientnet_lite:efficientnet_lite0",
        preprocessing=Preprocessing(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
        pretrained="ImageNet, bundled",
        refuses={
            "model.batchnorm": "its weights were trained with BatchNorm and rely on the statistics that BatchNorm keeps"
        },
    ),
)
