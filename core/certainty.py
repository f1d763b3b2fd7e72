"""How sure a model is of its answers: predictive entropy and calibration, in sums over images."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

BINS = 24  # of predictive entropy, from 0 to log2(classes)
LEVELS = 15  # of confidence, from 0 to 1: Guo et al. 2017, arXiv:1706.04599


class Certainty(NamedTuple):
    """Sums over images, which `plus` adds up.

    entropy: images by predictive entropy, BINS of them. images, entropies: of each label its images, and the sum of
    their predictive entropies in bits. counted, confident, right: by confidence, LEVELS of each: images, the sum of
    their confidences, and those answered right. loss: summed cross-entropy at the labels, in nats.
    """

    entropy: tuple[int, ...]
    images: tuple[int, ...]
    entropies: tuple[float, ...]
    counted: tuple[int, ...]
    confident: tuple[float, ...]
    right: tuple[int, ...]
    loss: float

    def plus(self, other: "Certainty") -> "Certainty":
        """The sums of both."""
        pairs = zip(self[:-1], other[:-1], strict=True)
        return Certainty(*(tuple(np.add(mine, theirs).tolist()) for mine, theirs in pairs), self.loss + other.loss)


class Doubt(NamedTuple):
    """entropy: mean H(Y) in bits. by_class: the same of each label, NaN without an image. error: expected calibration
    error, a fraction. loss: mean cross-entropy, nats."""

    entropy: float
    by_class: tuple[float, ...]
    error: float
    loss: float


def certainty(logits: Tensor, targets: Tensor) -> Certainty:
    """The sums of some images. logits: (images, classes); one that is not a number counts as 0. targets: (images,)."""
    classes = logits.shape[1]
    logs = torch.log_softmax(logits.double().nan_to_num(), 1)
    shares = logs.exp()
    entropy = -(shares * torch.where(shares > 0, logs, 0.0)).sum(1).numpy() / math.log(2)
    confidence, answers = (part.numpy() for part in shares.max(1))
    labels = targets.numpy()
    top = math.log2(classes) if classes > 1 else 1.0
    bins = np.clip(BINS * entropy / top, 0, BINS - 1).astype(int)
    sums = [
        np.bincount(bins, minlength=BINS),
        np.bincount(labels, minlength=classes),
        np.bincount(labels, entropy, classes),
        *_by_confidence(confidence, answers == labels),
    ]
    loss = float(-logs[torch.arange(len(targets)), targets].sum())
    return Certainty(*(tuple(each.tolist()) for each in sums), loss)


def _by_confidence(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, summed confidences and images answered right, (LEVELS,) each."""
    levels = np.clip(np.ceil(LEVELS * confidence) - 1, 0, LEVELS - 1).astype(int)
    return (
        np.bincount(levels, minlength=LEVELS),
        np.bincount(levels, confidence, LEVELS),
        np.bincount(levels[right], minlength=LEVELS),
    )


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error, a fraction, of images whose answers have a confidence and are right or not."""
    _, confident, answered = _by_confidence(confidence.astype(float), right)
    return float(np.abs(answered - confident).sum()) / len(right)


def doubt(sums: Certainty) -> Doubt:
    """Means and the calibration error of what was summed up: sum over levels of images / all * |right - confidence|."""
    images = sum(sums.images)
    gaps = np.abs(np.subtract(sums.right, sums.confident))
    means = [total / n if n else math.nan for total, n in zip(sums.entropies, sums.images, strict=True)]
    return Doubt(sum(sums.entropies) / images, tuple(means), float(gaps.sum()) / images, sums.loss / images)
