"""Small networks and awkward weights for the tests of the engine."""

import torch
from torch import Tensor, nn

from core.compress import Held, encode, matrices
from core.layer import Layer, layers
from core.recipe import Settings


def linear(weight: Tensor) -> Layer:
    """A layer whose matrix is `weight`, (out, in)."""
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    module.weight = nn.Parameter(weight.clone(), requires_grad=False)
    return layers(nn.Sequential(module))[0]


def held(layer: Layer, settings: Settings) -> Held:
    """The layer as its Settings store it."""
    return Held(layer, settings, matrices(layer, settings), encode(layer, settings))


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normal weights."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def awkward() -> dict[str, Layer]:
    """Layers that a formula may trip over, by what is awkward about them."""
    convolution = nn.Conv2d(8, 8, 3, groups=8, bias=False)
    convolution.weight = nn.Parameter(random(8, 1, 3, 3), requires_grad=False)
    grouped = nn.Conv2d(8, 4, 3, groups=2, bias=False)
    grouped.weight = nn.Parameter(random(4, 4, 3, 3), requires_grad=False)
    return {
        "1x1": linear(random(1, 1)),
        "3x5": linear(random(3, 5)),
        "zeros": linear(torch.zeros(4, 6)),
        "one value": linear(torch.full((4, 6), 0.25)),
        "one negative value": linear(torch.full((4, 6), -0.25)),
        "tied": linear(torch.tensor([[0.5, -0.5, 0.5, -0.5], [0.5, 0.5, -0.5, 1.0]])),
        "positive": linear(random(5, 7).abs() + 0.1),
        "tiny": linear(random(3, 4) * 1e-42),
        "huge": linear(random(3, 4) * 1e30),
        "wide": linear(random(4, 70)),
        "tall": linear(random(70, 4)),
        "depthwise": layers(convolution)[0],
        "grouped": layers(grouped)[0],
    }


class Net(nn.Module):
    """A traceable network with everything that evaluation has to get right: branches, a buffer, a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4 * 64, 3)
        self.shift = nn.Parameter(torch.zeros(1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv1(x)) + self.shift)
        y = y + self.conv2(y)
        return self.fc(y.flatten(1))


def net(seed: int = 0) -> Net:
    """A `Net` in eval mode with seeded weights, and batch-norm statistics that are not the trivial ones."""
    torch.manual_seed(seed)
    made = Net().eval().requires_grad_(False)
    made.norm.running_mean.uniform_(-1, 1)
    made.norm.running_var.uniform_(0.5, 2)
    return made


class Residual(nn.Module):
    """Two convolutions beside a shortcut. He et al. 2015, arXiv:1512.03385."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        shortcut = (nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.downsample = nn.Sequential(*shortcut) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.downsample(x))


def resnet18(classes: int = 3) -> nn.Module:
    """The network of 18 layers for color images, 11.7 million weights for a thousand classes."""
    torch.manual_seed(0)
    stem = (nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    sides = ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
    blocks = [block for a, b, by in sides for block in (Residual(a, b, by), Residual(b, b, 1))]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)).eval()


class Excited(nn.Module):
    """A separable convolution whose channels are weighted by what all of the image says. Hu et al. 2017,
    arXiv:1709.01507."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(before, before, 3, 2, 1, groups=before, bias=False)
        self.pointwise, self.norm = nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after)
        self.squeeze, self.excite = nn.Conv2d(after, after // 4, 1), nn.Conv2d(after // 4, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.hardswish(self.norm(self.pointwise(self.depthwise(x))))
        return y * self.excite(self.squeeze(y.mean((2, 3), keepdim=True)).relu()).sigmoid()


def squeeze_excite() -> nn.Module:
    """Three blocks that squeeze and excite, for color images of three classes."""
    torch.manual_seed(0)
    blocks = (Excited(3, 16), Excited(16, 32), Excited(32, 64))
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 3)).eval()
