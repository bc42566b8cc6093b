"""What is known about each architecture before it is built; reading it loads no torch."""

from dataclasses import dataclass

from cnnstudio.core.config import Head


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
        flops: Floating-point operations for one image of that size, two to a multiply-add.
        builder: `module:function`, called with the model's configuration and the number of classes.
        preprocessing: What the pretrained weights expect; ImageNet's mean and deviation where there are none.
        pretrained: The images that the weights were trained on and where the weights come from; empty without weights.
        batchnorm: Whether it has BatchNorm2d unless it is told otherwise.
        heads: The values of `model.head` that it can be built with, its own first.
        auxiliary: How many auxiliary heads it has.
        sizes: Whether `model.depth`, `model.width` and `model.kernel` apply.
    """

    name: str
    title: str
    family: str
    year: int
    paper: str
    idea: str
    image_size: int
    parameters: int
    flops: int
    builder: str
    preprocessing: Preprocessing
    pretrained: str = ""
    batchnorm: bool = True
    heads: tuple[Head, ...] = ("global_average",)
    auxiliary: int = 0
    sizes: bool = False

    def refusals(self) -> dict[str, str]:
        """Return the switches that have nothing to act on here, and why."""
        refused: dict[str, str] = {}
        if not self.auxiliary:
            refused["model.aux"] = "it has no auxiliary heads"
        if len(self.heads) == 1:
            refused["model.head"] = _ONE_HEAD[self.heads[0]]
        if not self.sizes:
            reason = "its depth, widths and kernels are those of its paper; the compact CNN leaves them to you"
            refused |= dict.fromkeys(("model.depth", "model.width", "model.kernel"), reason)
        return refused


_ONE_HEAD: dict[Head, str] = {
    "global_average": "the mean of each map goes into its last layer, and there is no other form of it",
    "convolutional": "a convolutional classifier is what makes it a fully convolutional network",
    "fully_connected": "its layers are fully connected",
}

IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
TENSORFLOW = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
DOWNLOADED = "ImageNet, downloaded when first used"

_VGG = "Simonyan & Zisserman, Very Deep Convolutional Networks, ICLR 2015"
_RESNET = "He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, CVPR 2016"
_MOBILENET = "Howard et al., Searching for MobileNetV3, ICCV 2019"
_VGG_IDEA = "Nothing but 3×3 convolutions, two to four in a row, then half the size and twice the maps."
_RESNET_IDEA = (
    "Each block learns what to add to its input, so gradients reach the first layer however deep the network."
)
_BOTTLENECK_IDEA = (
    "Residual blocks narrow the maps with 1×1 before the 3×3 and widen them after it: deep, yet affordable."
)
_MOBILENET_IDEA = "Inverted residuals that weigh their maps, in an order that a search for phones has found."

CARDS = (
    ArchCard(
        name="compact",
        title="Compact CNN",
        family="Compact",
        year=2014,
        paper="after Simonyan & Zisserman, Very Deep Convolutional Networks, ICLR 2015",
        idea="3×3 convolutions, then half the size and twice the maps: VGG's recipe, cut to fit any CPU.",
        image_size=96,
        parameters=1_383_944,
        flops=610_979_840,
        builder="cnnstudio.models.compact:compact",
        preprocessing=IMAGENET,
        heads=("global_average", "convolutional", "fully_connected"),
        sizes=True,
    ),
    ArchCard(
        name="vgg11",
        title="VGG-11",
        family="VGG",
        year=2014,
        paper=_VGG,
        idea=_VGG_IDEA,
        image_size=224,
        parameters=132_863_336,
        flops=15_218_180_096,
        builder="cnnstudio.models.vgg:vgg",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
        batchnorm=False,
        heads=("fully_connected", "convolutional", "global_average"),
    ),
    ArchCard(
        name="vgg13",
        title="VGG-13",
        family="VGG",
        year=2014,
        paper=_VGG,
        idea=_VGG_IDEA,
        image_size=224,
        parameters=133_047_848,
        flops=22_616_932_352,
        builder="cnnstudio.models.vgg:vgg",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
        batchnorm=False,
        heads=("fully_connected", "convolutional", "global_average"),
    ),
    ArchCard(
        name="vgg16",
        title="VGG-16",
        family="VGG",
        year=2014,
        paper=_VGG,
        idea=_VGG_IDEA,
        image_size=224,
        parameters=138_357_544,
        flops=30_940_528_640,
        builder="cnnstudio.models.vgg:vgg",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
        batchnorm=False,
        heads=("fully_connected", "convolutional", "global_average"),
    ),
    ArchCard(
        name="vgg19",
        title="VGG-19",
        family="VGG",
        year=2014,
        paper=_VGG,
        idea=_VGG_IDEA,
        image_size=224,
        parameters=143_667_240,
        flops=39_264_124_928,
        builder="cnnstudio.models.vgg:vgg",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
        batchnorm=False,
        heads=("fully_connected", "convolutional", "global_average"),
    ),
    ArchCard(
        name="resnet18",
        title="ResNet-18",
        family="ResNet",
        year=2015,
        paper=_RESNET,
        idea=_RESNET_IDEA,
        image_size=224,
        parameters=11_689_512,
        flops=3_628_146_688,
        builder="cnnstudio.models.resnet:resnet",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
    ArchCard(
        name="resnet34",
        title="ResNet-34",
        family="ResNet",
        year=2015,
        paper=_RESNET,
        idea=_RESNET_IDEA,
        image_size=224,
        parameters=21_797_672,
        flops=7_327_522_816,
        builder="cnnstudio.models.resnet:resnet",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
    ArchCard(
        name="resnet50",
        title="ResNet-50",
        family="ResNet",
        year=2015,
        paper=_RESNET,
        idea=_BOTTLENECK_IDEA,
        image_size=224,
        parameters=25_557_032,
        flops=8_178_368_512,
        builder="cnnstudio.models.resnet:resnet",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
    ArchCard(
        name="resnet101",
        title="ResNet-101",
        family="ResNet",
        year=2015,
        paper=_RESNET,
        idea=_BOTTLENECK_IDEA,
        image_size=224,
        parameters=44_549_160,
        flops=15_602_810_880,
        builder="cnnstudio.models.resnet:resnet",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
    ArchCard(
        name="googlenet",
        title="GoogLeNet",
        family="Inception",
        year=2014,
        paper="Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
        idea="Modules look at the same maps with several kernels side by side; 1×1 convolutions keep that affordable.",
        image_size=224,
        parameters=13_004_888,
        flops=2_996_752_384,
        builder="cnnstudio.models.googlenet:googlenet",
        preprocessing=TENSORFLOW,
        pretrained=DOWNLOADED,
        auxiliary=2,
    ),
    ArchCard(
        name="inception_v3",
        title="Inception v3",
        family="Inception",
        year=2015,
        paper="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
        idea="Large kernels are split into rows of small ones, 7×7 into 1×7 and 7×1: the same reach for less work.",
        image_size=299,
        parameters=27_161_264,
        flops=11_426_432_192,
        builder="cnnstudio.models.inception_v3:inception_v3",
        preprocessing=TENSORFLOW,
        pretrained=DOWNLOADED,
        auxiliary=1,
    ),
    ArchCard(
        name="nin",
        title="Network in Network",
        family="Network in Network",
        year=2013,
        paper="Lin, Chen & Yan, Network in Network, ICLR 2014",
        idea="1×1 convolutions are a small network at every pixel; one averaged map a class replaces the classifier.",
        image_size=224,
        parameters=7_599_432,
        flops=2_515_423_232,
        builder="cnnstudio.models.nin:nin",
        preprocessing=IMAGENET,
    ),
    ArchCard(
        name="fcn_vgg16",
        title="FCN on VGG-16",
        family="Fully convolutional",
        year=2014,
        paper="Long, Shelhamer & Darrell, Fully Convolutional Networks, CVPR 2015",
        idea="VGG-16 with its classifier as convolutions: any image size, and a map that shows where each class is.",
        image_size=224,
        parameters=138_357_544,
        flops=30_940_528_640,
        builder="cnnstudio.models.vgg:vgg",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
        batchnorm=False,
        heads=("convolutional",),
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
        flops=770_375_104,
        builder="cnnstudio.models.efficientnet_lite:efficientnet_lite0",
        preprocessing=Preprocessing(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
        pretrained="ImageNet, bundled",
    ),
    ArchCard(
        name="mobilenet_v3_large",
        title="MobileNetV3 Large",
        family="MobileNetV3",
        year=2019,
        paper=_MOBILENET,
        idea=_MOBILENET_IDEA,
        image_size=224,
        parameters=5_483_032,
        flops=433_179_520,
        builder="cnnstudio.models.mobilenet_v3:mobilenet_v3",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
    ArchCard(
        name="mobilenet_v3_small",
        title="MobileNetV3 Small",
        family="MobileNetV3",
        year=2019,
        paper=_MOBILENET,
        idea=_MOBILENET_IDEA,
        image_size=224,
        parameters=2_542_856,
        flops=113_020_800,
        builder="cnnstudio.models.mobilenet_v3:mobilenet_v3",
        preprocessing=IMAGENET,
        pretrained=DOWNLOADED,
    ),
)
