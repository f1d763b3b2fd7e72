"""Models and data of a stranger who means no good, or is careless, for `--model tests.core.strange:NAME`."""

import sys

import torch
from torch import nn


class Net(nn.Module):
    """A layer for images of 28 x 28."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1))


class Leaves(Net):
    """One that ends the process when it is run."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sys.exit("bye")


class AnswersTwo(Net):
    """One that answers the first two images alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[:2]


def interrupts() -> Net:
    raise KeyboardInterrupt


def circle() -> Net:
    made, other = Net(), Net()
    made.other, other.made = other, made
    return made


def leaves() -> Net:
    return Leaves()


def answers_two() -> Net:
    return AnswersTwo()


def ragged() -> tuple[list[list[int]], list[int]]:
    return [[1, 2], [3]], [0, 1]
