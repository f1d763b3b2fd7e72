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
