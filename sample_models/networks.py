"""The five sample networks: (N, 28, 28) or (N, 1, 28, 28) float32 in [0, 1] -> logits (N, 10).

Each layer is a named module and each forward is traceable by torch.fx. A width of 0.5 halves all channels but the
inputs and the logits; a depth of 0.5 halves the blocks, where a network has some.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional


class DigitsCNN(nn.Module):
    """Two 3x3 convolutions on 32x32 and two linear layers; fc1 holds 99 % of the weights."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        one, two, three = (_part(count, width) for count in (32, 64, 512))
        self.conv1 = nn.Conv2d(1, one, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(one, two, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(two * 8 * 8, three)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(three, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x.reshape(-1, 1, 28, 28), (2, 2, 2, 2))  # (N, 1, 32, 32)
        x = self.pool1(self.relu1(self.conv1(x)))  # (N, 32, 16, 16)
        x = self.pool2(self.relu2(self.conv2(x)))  # (N, 64, 8, 8)
        return self.fc2(self.relu3(self.fc1(x.flatten(1))))


class LeNet300100(nn.Module):
    """784-300-100-10, LeCun et al. 1998 with ReLU; the first network of Han et al. 2015, arXiv:1506.02626."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        one, two = _part(300, width), _part(100, width)
        self.fc1 = nn.Linear(28 * 28, one)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(one, two)
        self.relu2 = nn.ReLU()
        self.fc3 = nn.Linear(two, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, 1, 28, 28).flatten(1)  # (N, 784)
        return self.fc3(self.relu2(self.fc2(self.relu1(self.fc1(x)))))


class LeNet5(nn.Module):
    """20-50-500-10, 431,080 parameters: Caffe's LeNet, the second network of Han et al. 2015, arXiv:1506.02626."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        one, two, three = (_part(count, width) for count in (20, 50, 500))
        self.conv1 = nn.Conv2d(1, one, 5)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(one, two, 5)
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(two * 4 * 4, three)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(three, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.conv1(x.reshape(-1, 1, 28, 28)))  # (N, 20, 12, 12)
        x = self.pool2(self.conv2(x))  # (N, 50, 4, 4)
        return self.fc2(self.relu1(self.fc1(x.flatten(1))))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, He et al. 2015, arXiv:1512.03385."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs and stride == 1 else _projection(inputs, outputs, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(inner + self.shortcut(x))


class SeparableBlock(nn.Module):
    """A depthwise 3x3 and a pointwise convolution beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.pointwise = nn.Conv2d(width, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.pointwise(self.relu1(self.bn1(self.depthwise(x)))))
        return self.relu2(inner + x)


class DigitsResNet(nn.Module):
    """Residual blocks of widths 16, 32, 64, then a depthwise separable one, mean pooling and one linear layer."""

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        one, two, three = (_part(count, width) for count in (16, 32, 64))
        blocks = max(2, round(4 * depth))  # the two that change the shape always stay
        self.stem = nn.Conv2d(1, one, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(one)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.block1 = ResidualBlock(one, one, stride=1) if blocks > 2 else nn.Identity()
        self.block2 = ResidualBlock(one, two, stride=1)
        self.block3 = ResidualBlock(two, three, stride=2)
        self.block4 = SeparableBlock(three) if blocks > 3 else nn.Identity()
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(three, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.bn(self.stem(x.reshape(-1, 1, 28, 28)))))  # (N, 16, 14, 14)
        x = self.block4(self.block3(self.block2(self.block1(x))))  # (N, 64, 7, 7)
        return self.fc(self.mean(x).flatten(1))


class Attention(nn.Module):
    """Multi-head self-attention, Vaswani et al. 2017, arXiv:1706.03762."""

    def __init__(self, tokens: int, width: int, heads: int) -> None:
        super().__init__()
        self.split = (-1, tokens, 3, heads, width // heads)
        self.merged = (-1, tokens, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).reshape(self.split).permute(2, 0, 3, 1, 4)  # (3, N, heads, tokens, width / heads)
        mixed = functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        return self.proj(mixed.transpose(1, 2).reshape(self.merged))


class TransformerBlock(nn.Module):
    """Attention and a two-layer perceptron, each after a layer norm and beside a shortcut."""

    def __init__(self, tokens: int, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(tokens, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))


class DigitsViT(nn.Module):
    """Sixteen 7x7 patches, width 64, depth 4, 4 heads, mean pooling. Dosovitskiy et al. 2020, arXiv:2010.11929."""

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        wide, blocks = 4 * _part(16, width), max(1, round(4 * depth))  # 4 heads share the width
        self.patches = nn.Conv2d(1, wide, 7, stride=7)
        self.position = nn.Parameter(0.02 * torch.randn(1, 16, wide))
        self.block1 = TransformerBlock(16, wide, 4)
        self.block2 = TransformerBlock(16, wide, 4) if blocks > 1 else nn.Identity()
        self.block3 = TransformerBlock(16, wide, 4) if blocks > 2 else nn.Identity()
        self.block4 = TransformerBlock(16, wide, 4) if blocks > 3 else nn.Identity()
        self.norm = nn.LayerNorm(wide)
        self.head = nn.Linear(wide, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x.reshape(-1, 1, 28, 28)).flatten(2).transpose(1, 2) + self.position  # (N, 16, 64)
        x = self.block4(self.block3(self.block2(self.block1(x))))
        return self.head(self.norm(x).mean(1))


def _part(count: int, width: float) -> int:
    """As many channels as a factor leaves of a count, one at least."""
    return max(1, round(count * width))


def _projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """A 1x1 convolution and its batch norm, for a shortcut whose shape changes."""
    conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(outputs)))
