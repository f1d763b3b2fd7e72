"""Models that a sweep may meet: one that takes its time, and ones that end the process they run in."""

import os
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.core import zoo


class Odd(zoo.Net):
    """A `Net` that looks at its own values while it runs, so that it runs whole."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        KINDS[self.kind](float((self.fc.weight == 0).float().mean()))
        return super().forward(x)


def _killed_by_sparsity(sparsity: float) -> None:
    """Ends the process whose recipe removes most of the last layer."""
    if sparsity > 0.8:
        os._exit(9)


def _killed_once(sparsity: float) -> None:
    """Ends one process, where a file says so, and takes the file away."""
    flag = Path(os.environ.get("KILL_ONE", "nowhere"))
    if sparsity > 0.4 and flag.exists():
        flag.unlink()
        os._exit(9)


def _slow(sparsity: float) -> None:
    if sparsity > 0:
        time.sleep(0.05)


def _made(kind: str) -> Odd:
    torch.manual_seed(0)
    return Odd(kind).eval().requires_grad_(False)


def deadly() -> Odd:
    return _made("deadly")


def once() -> Odd:
    return _made("once")


def slow() -> Odd:
    return _made("slow")


class Through(nn.Module):
    """Two layers with a function between them that no weight tells of."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.first(x.flatten(1))))


def relu() -> Through:
    return Through(nn.ReLU())


def tanh() -> Through:
    return Through(nn.Tanh())


KINDS = {"deadly": _killed_by_sparsity, "once": _killed_once, "slow": _slow}
