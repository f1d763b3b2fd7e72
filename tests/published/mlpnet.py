"""The published network and its preprocessing, as their authors give them."""

from pathlib import Path

import numpy as np
from torch import Tensor, nn

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class MLPNet(nn.Module):
    """784-40-20-10 without biases: Singh & Alistarh 2020, arXiv:2004.14340."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 40, bias=False)
        self.fc2 = nn.Linear(40, 20, bias=False)
        self.fc3 = nn.Linear(20, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities of the ten digits, (N, 10), for normalised images (N, 28, 28)."""
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        return self.fc3(x).log_softmax(1)


def images() -> tuple[np.ndarray, np.ndarray]:
    """The 10,000 test images, normalised, and their digits."""
    with np.load(DATA / "mnist_test.npz", allow_pickle=False) as archive:
        x, y = archive["x"], archive["y"]
    return (x / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081), y
