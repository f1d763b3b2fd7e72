"""Networks whose channels take every road: sums, concatenations, views, gates, attention, and what stops them."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Viewed(nn.Module):
    """Sizes written out in forward, a batch norm, a pooling and a flat linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.next = nn.Conv2d(6, 5, 2)
        self.fc, self.head = nn.Linear(5 * 4, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.conv(x))), 2)
        x = functional.gelu(self.next(x))
        return self.head(self.fc(x.view(-1, 5 * 4)).tanh())


class Residual(nn.Module):
    """Two summands, each read by others too; sizes asked of the tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 1)
        self.one, self.two = nn.Conv2d(6, 8, 1), nn.Conv2d(8, 6, 1)
        self.fc = nn.Linear(6 * 64, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = x + self.two(functional.silu(self.one(x)))
        n, channels, height, width = x.size()
        return self.fc(x.view(n, channels * height * width))


class Dense(nn.Module):
    """Concatenations: what a layer reads lies at offsets, among it the input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(5, 6, 1)
        self.mix, self.fc = nn.Conv2d(11, 5, 1), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.one(x).relu()], 1)
        x = torch.cat([x, self.two(x).relu()], 1)
        return self.fc(functional.adaptive_avg_pool2d(self.mix(x), 1).flatten(1))


class Separable(nn.Module):
    """A depthwise convolution between two pointwise ones, without biases but for the batch norms'."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.norm1 = nn.Conv2d(1, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.norm2 = nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.BatchNorm2d(8)
        self.narrow, self.norm3 = nn.Conv2d(8, 5, 1, bias=False), nn.BatchNorm2d(5)
        self.fc = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.norm1(self.wide(x)))
        x = functional.relu6(self.norm2(self.depthwise(x)))
        return self.fc(self.norm3(self.narrow(x)).mean((2, 3)))


class SqueezeExcite(nn.Module):
    """A gate a channel, from the means over space. Hu et al. 2017, arXiv:1709.01507."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(1, 8, 3), nn.Linear(8, 4), nn.Linear(4, 8)
        self.out, self.fc = nn.Conv2d(8, 6, 1), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        n, channels, _, _ = x.shape
        gate = self.up(self.down(x.mean((2, 3))).relu()).sigmoid().view(n, channels, 1, 1)
        return self.fc(self.out(x * gate).amax((2, 3)))


class Block(nn.Module):
    """Attention and a perceptron beside shortcuts, after layer norms, with a learned position."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.position = nn.Conv2d(1, 8, 4, stride=4), nn.Parameter(torch.randn(1, 4, 8))
        self.norm1, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return self.head(x.mean(1))


class Scaled(nn.Module):
    """A learned scale of each channel and a shift of each token's, over a linear layer on (N, T, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 10), nn.Linear(10, 6), nn.Linear(6, 3)
        self.scale, self.shift = nn.Parameter(torch.randn(10)), nn.Parameter(torch.randn(1, 8, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.second((self.first(x[:, 0]) * self.scale).relu()) + self.shift
        return self.head(x.permute(0, 2, 1).mean(2))


class Grouped(nn.Module):
    """A convolution of two groups."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.fc = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 8, 3, groups=2), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.two(self.one(x).relu()).relu().mean((2, 3)))


class Twice(nn.Module):
    """A layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(64, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1)).relu()
        return self.last(self.again(self.again(x).relu()))


class Overwritten(nn.Module):
    """An activation that writes into what a shortcut reads after it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(64, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x.flatten(1))
        return self.three(x + self.two(self.relu(x)))


class Branching(nn.Module):
    """A forward that torch.fx cannot trace."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(64, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x.flatten(1)).relu()
        return self.two(x) if x.sum() >= 0 else self.two(-x)


def perceptron() -> nn.Module:
    """Three linear layers."""
    layers = (nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 9), nn.Sigmoid(), nn.Linear(9, 3))
    return nn.Sequential(*layers)


def padded() -> nn.Module:
    """Two convolutions, zeros beside what the second one reads."""
    convs = (nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(*convs, nn.Flatten(), nn.Linear(5, 3))


def made(name: str, seed: int = 0) -> nn.Module:
    """A network of NETS in eval mode with seeded weights and batch-norm statistics that are not the trivial ones."""
    torch.manual_seed(seed)
    net = NETS[name]().eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            module.weight.uniform_(0.5, 2)
            module.bias.uniform_(-1, 1)
    return net


SMALLER = {
    "perceptron": perceptron,
    "padded": padded,
    **{net.__name__: net for net in (Viewed, Residual, Dense, Separable, SqueezeExcite, Block, Scaled)},
}
NETS = SMALLER | {net.__name__: net for net in (Grouped, Twice, Overwritten, Branching)}
