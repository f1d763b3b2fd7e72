"""Networks with a layer of every kind that holds weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.core import zoo


class Recurrent(nn.Module):
    """Two recurrent layers in both directions, the last step of which is classified."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cells = kind(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.cells(x)[0][:, -1])


class Cells(nn.Module):
    """A cell that is called once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.fc = nn.GRUCell(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 5)
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.fc(state)


class Attending(nn.Module):
    """Attention with a packed projection, or with one for each side."""

    def __init__(self, sizes: int | None) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True, kdim=sizes, vdim=sizes)
        self.narrow, self.fc = nn.Linear(6, sizes or 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        sides = x if self.narrow.out_features == 6 else self.narrow(x)
        return self.fc(self.attention(x, sides, sides)[0].mean(1))


class Flat(nn.Module):
    """Layers one after another, and the mean of what they give over positions."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).flatten(2).mean(2)


class Pairs(nn.Module):
    """A layer that multiplies two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(6, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(x[:, 0], x[:, 1])


def made(name: str) -> tuple[nn.Module, Tensor]:
    """A network in eval mode with seeded weights, and inputs for it."""
    build, shape = NETS[name]
    torch.manual_seed(0)
    return build().eval().requires_grad_(False), zoo.random(*shape, seed=1)


def lstm() -> nn.Module:
    """A recurrent network of three classes."""
    return made("lstm")[0]


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv1d": (lambda: Flat(nn.Conv1d(4, 3, 3)), (25, 4, 9)),
    "conv3d": (lambda: Flat(nn.Conv3d(2, 3, 2)), (25, 2, 3, 4, 5)),
    "transposed 1d": (lambda: Flat(nn.ConvTranspose1d(4, 3, 3, stride=2)), (25, 4, 9)),
    "transposed 2d": (lambda: Flat(nn.ConvTranspose2d(4, 3, (3, 2), padding=1)), (25, 4, 5, 6)),
    "transposed grouped": (lambda: Flat(nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Conv2d(6, 3, 1)), (25, 4, 5, 6)),
    "transposed 3d": (lambda: Flat(nn.ConvTranspose3d(2, 3, 2)), (25, 2, 3, 4, 5)),
    "lstm": (lambda: Recurrent(nn.LSTM), (25, 7, 6)),
    "gru": (lambda: Recurrent(nn.GRU), (25, 7, 6)),
    "rnn": (lambda: Recurrent(nn.RNN), (25, 7, 6)),
    "cell": (Cells, (25, 7, 6)),
    "packed attention": (lambda: Attending(None), (25, 7, 6)),
    "split attention": (lambda: Attending(4), (25, 7, 6)),
    "encoder": (
        lambda: nn.Sequential(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(7 * 6, 3)),
        (25, 7, 6),
    ),
    "bilinear": (Pairs, (25, 7, 6)),
}
