"""Where a tensor's channels lie, by labels that operations carry along."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

FIXED = -1  # the label of a channel that nobody may remove


@dataclass(frozen=True, eq=False)
class Wire:
    """The channels of a tensor of `shape`: labels[i] names what lies at index i of dimension `dim`."""

    dim: int
    labels: np.ndarray
    shape: tuple[int, ...]

    def moved(self, dim: int, shape: Sequence[int]) -> "Wire":
        """The same channels in a tensor of another shape."""
        return Wire(dim, self.labels, tuple(shape))


def filled(wire: Wire, values: np.ndarray) -> Tensor:
    """A tensor of the wire's shape that holds values[i] wherever channel i lies."""
    view = [1] * len(wire.shape)
    view[wire.dim] = -1
    return torch.from_numpy(values).view(view).expand(wire.shape).contiguous()


def found(labels: Tensor) -> Wire | None:
    """The wire whose channels a tensor of labels shows; None where they lie along no single dimension."""
    varying = [dim for dim in range(labels.dim()) if bool((labels != labels.narrow(dim, 0, 1)).any())]
    if len(varying) != 1:
        return None
    dim = varying[0]
    return Wire(dim, along(labels, dim).numpy().copy(), tuple(labels.shape))


def along(values: Tensor, dim: int) -> Tensor:
    """The values at index 0 of every dimension but `dim`."""
    return values.movedim(dim, 0).reshape(values.shape[dim], -1)[:, 0]


def joined(pairs: np.ndarray, count: int) -> np.ndarray:
    """Label -> the smallest label that it must go together with. pairs: (n, 2) of labels that are coupled."""
    group = np.arange(count)
    while len(pairs):
        low = np.minimum(group[pairs[:, 0]], group[pairs[:, 1]])
        before = group.copy()
        for side in (0, 1):
            np.minimum.at(group, before[pairs[:, side]], low)
        group = group[group]
        if np.array_equal(group, before):
            break
    return group
