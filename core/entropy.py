"""Shannon entropy, in bits."""

import numpy as np


def entropy(counts: np.ndarray) -> float:
    """Bits a symbol of the distribution that `counts`, whole numbers, describe; 0 where nothing is counted."""
    total = counts.sum()
    if not total:
        return 0.0
    shares = counts[counts > 0] / total
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def bits_of(counts: np.ndarray) -> np.ndarray:
    """Shannon's bound for all symbols of each context; counts: (contexts..., symbols)."""
    return _weighted_logs(counts.sum(-1)) - _weighted_logs(counts).sum(-1)


def _weighted_logs(counts: np.ndarray) -> np.ndarray:
    return counts * np.log2(np.maximum(counts, 1))
