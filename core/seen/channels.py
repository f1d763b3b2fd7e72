"""Entropy of a layer's output channels, and what they tell of the label."""

import math
from typing import NamedTuple

import numpy as np

BINS = 100
SHUFFLES = 20


class Channels(NamedTuple):
    """By output channel, in bits, float64 (out,).

    entropy: of the channel's mean activation over images, never negative. information: of it about the label, minus
    its mean over shuffled labels, which is what a channel that knows nothing seems to know; negative by chance.
    """

    entropy: np.ndarray
    information: np.ndarray


def channels(activations: np.ndarray, targets: np.ndarray, shared: bool, seed: int) -> Channels:
    """The figures of activations (images, out), the mean over positions that leaves the layer, and labels (images,).

    Luo & Wu 2017, arXiv:1706.05791: 100 bins of equal width; here exact zeros have a bin of their own, and the
    entropy has Miller and Madow's correction, (filled bins - 1) / (2 images ln 2). shared: one set of bins for all
    channels, so that a channel that hardly moves has a low entropy; else each has its own. seed: of the shuffles.
    """
    codes = binned(activations, shared)
    labels = np.unique(targets, return_inverse=True)[1]
    counts = _counts(codes, np.zeros_like(labels))
    filled = (counts > 0).sum(1)
    entropy = _bits(counts) + (filled - 1) / (2 * len(codes) * math.log(2))
    random = np.random.RandomState(seed)  # its stream is the same in every numpy release
    chance = [_bits(_counts(codes, random.permutation(labels))) for _ in range(SHUFFLES)]
    joint = _bits(_counts(codes, labels))
    return Channels(entropy, np.mean(chance, 0) - joint)  # H(channel) + H(label) are the same in both and cancel


def binned(activations: np.ndarray, shared: bool) -> np.ndarray:
    """Bin numbers (images, out): 0 for exact zeros, else 1 to 100 by place between the smallest and the largest."""
    axis = None if shared else 0
    zero = activations == 0
    low = np.min(activations, axis, keepdims=True, where=~zero, initial=np.inf)
    high = np.max(activations, axis, keepdims=True, where=~zero, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    places = np.where(zero, 0.0, (activations - np.where(zero, 0.0, low)) / span)
    return np.where(zero, 0, 1 + np.minimum(BINS - 1, (places * BINS).astype(np.int64)))


def _counts(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each channel fall into each pair of bin and label, (out, pairs)."""
    out, pairs = codes.shape[1], (BINS + 1) * (labels.max() + 1)
    cells = np.arange(out) * pairs + codes + (BINS + 1) * labels[:, None]
    return np.bincount(cells.ravel(), minlength=out * pairs).reshape(out, pairs)


def _bits(counts: np.ndarray) -> np.ndarray:
    """The entropy of each row of counts."""
    shares = counts / counts.sum(1, keepdims=True)
    return -(shares * np.log2(np.where(counts, shares, 1.0))).sum(1) + 0.0
