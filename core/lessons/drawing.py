"""What is drawn by hand, made like the images that a model knows: as large as they are, and in the middle.

As the digits of MNIST were made: the longer side of what is drawn is scaled to a fixed share of the picture (20 of 28
pixels there), with soft edges, and its centre of mass is put in the middle. LeCun et al. 1998.
"""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.pictures import LEAST

SEEN = 200  # images that are looked at
FAINT = 0.1  # of the full ink: what is paler is no part of what is drawn


class Frame(NamedTuple):
    """How images lie. side: pixels of a picture. box: pixels of the longer side of what is on it, as the median.

    paper, ink: the numbers of what is empty and of what is drawn. shape: of a model's inputs, (1, ...).
    """

    side: int
    box: int
    paper: float
    ink: float
    shape: tuple[int, ...]


def frame(inputs: Tensor) -> Frame:
    """How the images of some data lie; ValueError where they are no square pictures of one channel.

    inputs: (N, S, S), (N, 1, S, S) or (N, S, S, 1).
    """
    shape = tuple(inputs.shape[1:])
    sides = tuple(size for size in shape if size != 1) if len(shape) in (2, 3) else ()
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] < LEAST or not inputs.is_floating_point():
        words = " x ".join(map(str, shape)) if len(shape) > 1 else "numbers in a row"
        raise ValueError(f"you can draw only for models that take square grey pictures; this one takes {words}")
    some = inputs[:SEEN].reshape(-1, *sides).cpu().numpy()
    low, high = float(some.min()), float(some.max())
    if not high > low:
        raise ValueError("you can draw only where images have something on them; here they are all of one value")
    rim = np.concatenate([some[:, [0, -1]].ravel(), some[:, :, [0, -1]].ravel()])
    paper, ink = (low, high) if np.median(rim) <= (low + high) / 2 else (high, low)
    boxes = [max(_extent(image)) for image in (some - paper) / (ink - paper)]
    return Frame(sides[0], max(1, round(float(np.median(boxes)))), paper, ink, (1, *shape))


def placed(drawn: np.ndarray, on: Frame) -> np.ndarray:
    """A drawing as a picture of the frame, (side, side) float32 ink from 0 to 1; all 0 where nothing is drawn.

    drawn: (n, n) ink from 0 to 1, of any n.
    """
    picture = np.zeros((on.side, on.side), np.float32)
    rows, columns = _spans(drawn)
    if rows is None:
        return picture
    cut = drawn[rows, columns].astype(np.float32)
    height, width = (max(1, round(on.box * size / max(cut.shape))) for size in cut.shape)
    soft = np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)
    top, left = (_start(soft.sum(1 - axis), on.side) for axis in (0, 1))
    picture[top : top + height, left : left + width] = soft
    return picture


def as_input(picture: np.ndarray, on: Frame) -> Tensor:
    """A picture of ink from 0 to 1 as a model's input, in the numbers of its data."""
    return torch.from_numpy(on.paper + (on.ink - on.paper) * picture).float().reshape(on.shape)


def _start(masses: np.ndarray, side: int) -> int:
    """Where something must begin so that its centre of mass is in the middle, as far as it stays on the picture."""
    middle = float((masses * (np.arange(len(masses)) + 0.5)).sum() / (masses.sum() or 1.0))
    return int(np.clip(round(side / 2 - middle), 0, side - len(masses)))


def _spans(drawn: np.ndarray) -> tuple[slice | None, slice | None]:
    """The rows and the columns that something is drawn in."""
    there = drawn > FAINT
    if not there.any():
        return None, None
    ends = [np.flatnonzero(there.any(axis))[[0, -1]] for axis in (1, 0)]
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def _extent(image: np.ndarray) -> tuple[int, int]:
    rows, columns = _spans(image)
    return (0, 0) if rows is None else (rows.stop - rows.start, columns.stop - columns.start)
