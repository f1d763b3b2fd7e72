"""Inputs as pictures, where they are pictures."""

from collections.abc import Sequence

import numpy as np

LEAST = 8  # pixels: what is smaller each way is a table, not a picture


def pictures(inputs: np.ndarray, chosen: Sequence[int]) -> np.ndarray | None:
    """The chosen inputs as uint8 pictures, (n, H, W) grey or (n, H, W, 3); None where the inputs are no pictures.

    inputs: (N, H, W), or with 1 or 3 channels before or behind height and width. Values within [0, 1] are shown as
    they are, others stretched from the least to the largest of all inputs.
    """
    laid = _laid(inputs[:1])
    if laid is None or min(laid.shape[1:3]) < LEAST:
        return None
    low, high = float(inputs.min()), float(inputs.max())
    low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    some = _laid(inputs[list(chosen)]).astype(np.float64)
    return np.round(255 * (some - low) / ((high - low) or 1.0)).astype(np.uint8)


def _laid(inputs: np.ndarray) -> np.ndarray | None:
    """(n, H, W) or (n, H, W, 3), or None."""
    if inputs.ndim == 3:
        return inputs
    if inputs.ndim != 4:
        return None
    if inputs.shape[1] in CHANNELS:
        inputs = np.moveaxis(inputs, 1, 3)
    if inputs.shape[3] not in CHANNELS:
        return None
    return inputs[..., 0] if inputs.shape[3] == 1 else inputs


CHANNELS = (1, 3)
