"""A stranger's model and data, for `--model tests.core.plain:model`."""

import numpy as np
import torch
from torch.utils.data import Dataset

from tests.core import zoo


def model() -> zoo.Net:
    return zoo.net()


def data() -> tuple[np.ndarray, np.ndarray]:
    x = zoo.random(600, 1, 8, 8)
    with torch.no_grad():
        return x.numpy(), zoo.net()(x).argmax(1).numpy()


class Pairs(Dataset):
    def __len__(self) -> int:
        return 250

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        if not 0 <= i < 250:
            raise IndexError(i)
        return torch.full((1, 8, 8), i / 250), i % 3


def nothing() -> int:
    return 3


class Few(zoo.Net):
    """The same, for 16 images together at most."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 16:
            raise RuntimeError("too many")
        return super().forward(x)


def few() -> Few:
    return Few().eval()


class Tied(torch.nn.Module):
    """An embedding whose weight is the last layer's too."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.last = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 9, bias=False)
        self.last.weight = self.look.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.look(x))


def tied(seed: int = 0) -> Tied:
    torch.manual_seed(seed)
    return Tied().eval()
