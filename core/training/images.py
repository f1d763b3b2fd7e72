"""The images of a step: which ones, and each tilted, zoomed and shifted a little."""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 16  # pixels a side: smaller squares may be no pictures
TILT = 10.0  # degrees, at most, either way
ZOOM = 0.1  # fraction, at most, either way
SHIFT = 1 / 14  # of a side, at most, either way


def chance(seed: int, *where: int) -> torch.Generator:
    """Random numbers for each place of a run, which never rest on what came before it."""
    return torch.Generator().manual_seed(number(seed, *where))


def number(seed: int, *where: int) -> int:
    """A seed of its own for each place of a run."""
    for part in where:
        seed = (seed * 1_000_003 + part + 1) % 2**63
    return seed


def rows(count: int, batch: int, step: int, seed: int) -> Tensor:
    """Which of `count` images a step learns from, (batch,) or all: every image once before any comes again."""
    batch = min(batch, count)
    each = count // batch  # steps a pass; what is left over comes in another order next time
    order = _order(count, seed, step // each)
    start = step % each * batch
    return order[start : start + batch]


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=chance(seed, 0, epoch))


def pictures(inputs: Tensor) -> bool:
    """Whether inputs are square pictures, (N, side, side) or (N, channels, side, side), that may be moved a little."""
    return inputs.dim() in (3, 4) and inputs.shape[-1] == inputs.shape[-2] >= LEAST


def moved(x: Tensor, random: torch.Generator, most: float = 1.0) -> Tensor:
    """Each picture tilted, zoomed and shifted by its own random amount; zeros come in from outside.

    x: (N, side, side) or (N, channels, side, side). most: share of TILT, ZOOM and SHIFT, at most.
    """
    angle, zoom, right, down = (most * (2 * torch.rand(4, len(x), generator=random) - 1)).unbind()  # (N,) each
    angle, zoom = angle * math.radians(TILT), 1 + zoom * ZOOM
    upper = torch.stack([angle.cos() * zoom, -angle.sin() * zoom, right * 2 * SHIFT], 1)  # of coordinates over [-1, 1]
    lower = torch.stack([angle.sin() * zoom, angle.cos() * zoom, down * 2 * SHIFT], 1)
    planes = x if x.dim() == 4 else x[:, None]
    grid = functional.affine_grid(torch.stack([upper, lower], 1), list(planes.shape), align_corners=False)
    return functional.grid_sample(planes, grid, align_corners=False).view(x.shape)


def swayed(x: Tensor, random: torch.Generator) -> Tensor:
    """Each picture moved two thirds as much, for small networks that train for long."""
    return moved(x, random, 2 / 3)


def nudged(x: Tensor, random: torch.Generator) -> Tensor:
    """Each picture moved a third as much, for networks too small to learn what stands anywhere."""
    return moved(x, random, 1 / 3)


AUGMENTATIONS = {"move": moved, "sway": swayed, "nudge": nudged, "none": lambda x, random: x}
