"""Which weights stay: scores by criterion, masks by pattern."""

import numpy as np
import torch
from torch import Tensor

from core.seen import Seen


def magnitude(weight: Tensor, seen: Seen | None) -> Tensor:
    """|w|, in the units of the weights. Han et al. 2015, arXiv:1506.02626."""
    return weight.abs()


def random(weight: Tensor, seen: Seen | None) -> Tensor:
    """Uniform scores in [0, 1) that depend on the shape alone: what any other criterion has to beat."""
    rows, columns = weight.shape
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows * 2**31 + columns))


def gradient(weight: Tensor, seen: Seen | None) -> Tensor:
    """E[g²], g the gradient of one image's loss: how sharply the loss bends along a weight, whatever its size."""
    return _calibrated("gradient", weight, seen).gradients.square


def taylor(weight: Tensor, seen: Seen | None) -> Tensor:
    """|E[g] w|, the first-order change of the loss when a weight goes. Molchanov et al. 2017, arXiv:1611.06440."""
    return (_calibrated("taylor", weight, seen).gradients.mean * weight).abs()


def fisher(weight: Tensor, seen: Seen | None) -> Tensor:
    """E[g²] w² / 2, the second-order change of the loss by a diagonal Fisher. Theis et al. 2018, arXiv:1801.05787."""
    return _calibrated("fisher", weight, seen).gradients.square * weight.square() / 2


def wanda(weight: Tensor, seen: Seen | None) -> Tensor:
    """|w| times the root of the mean square of the input it multiplies. Sun et al. 2023, arXiv:2306.11695.

    Only comparable within an output row. The paper's norm is the same times the root of the number of inputs.
    """
    norms = _calibrated("wanda", weight, seen).square.sqrt().float()  # (groups, in)
    return weight.abs() * norms.repeat_interleave(len(weight) // len(norms), 0)


def entropy(weight: Tensor, seen: Seen | None) -> Tensor:
    """The entropy of the row's output channel in bits, shared among its weights. Luo & Wu 2017, arXiv:1706.05791.

    All weights of a row score the same: with the pattern 'row' whole channels go.
    """
    return _spread(_calibrated("entropy", weight, seen).channels.entropy, weight)


def information(weight: Tensor, seen: Seen | None) -> Tensor:
    """What the row's output channel tells of the label in bits, shared among its weights; chance is subtracted.

    All weights of a row score the same: with the pattern 'row' whole channels go. No more than chance scores 0.
    """
    return _spread(_calibrated("information", weight, seen).channels.information.clip(min=0), weight)


def _spread(bits: np.ndarray, weight: Tensor) -> Tensor:
    """A channel's figure divided evenly over the weights of its row. bits: (out,)."""
    return (torch.from_numpy(bits).float() / weight.shape[1])[:, None].expand(weight.shape).contiguous()


def _calibrated(criterion: str, weight: Tensor, seen: Seen | None) -> Seen:
    """What the layer sees; ValueError where nothing was seen, or the weight is not the layer's own matrix."""
    if seen is None:
        raise ValueError(f"criterion '{criterion}' needs calibration images")
    if weight.shape != seen.layer.matrix.shape:
        raise ValueError(
            f"layer '{seen.layer.name}': criterion '{criterion}' saw the layer's {tuple(seen.layer.matrix.shape)} "
            f"matrix, not the {tuple(weight.shape)} one to be pruned; choose magnitude, or leave the rank at 1"
        )
    return seen


def element(scores: Tensor, count: int) -> Tensor:
    """Removes the `count` weights with the smallest scores, ties in order of position."""
    if count == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    last = np.partition(scores.numpy(), count - 1, axis=None)[count - 1]
    return keep_above(scores, float(last), count)


def keep_above(scores: Tensor, last: float, count: int) -> Tensor:
    """The mask that removes exactly `count` scores when the largest removed one is `last`: True survives."""
    mask = torch.from_numpy(scores.numpy() > np.float32(last))
    tied = mask.numel() - np.count_nonzero(mask.numpy()) - count  # scores equal to `last` that survive
    if tied:
        positions = (scores == last).flatten().nonzero().flatten()
        mask.view(-1)[positions[len(positions) - tied :]] = True
    return mask


def removed_count(weights: int, sparsity: float) -> int:
    """How many of `weights` a sparsity removes: round(sparsity * n), half to even."""
    return round(sparsity * weights)


CRITERIA = {f.__name__: f for f in (magnitude, random, gradient, taylor, fisher, wanda, entropy, information)}
NOTES: dict[str, str] = {
    "magnitude": "A common tutorial removes w where w² is below the largest w². As written that removes every weight "
    "but the largest: a threshold has to be chosen, by value or by the share that is to go.",
    "gradient": "A common tutorial reads .grad before any backward pass, where it is None, and holds one norm of a "
    "whole tensor against a threshold, so that whole tensors vanish. The mean gradient is near 0 at a minimum besides; "
    "here each weight has its own mean of squared gradients of single images, which is curvature and not yet the cost "
    "of removing it.",
    "fisher": "A common tutorial squares the mean gradient of a batch and calls that Fisher information, but the mean "
    "gradient squared is not the mean squared gradient. Even the right one, as it is diagonal, loses badly to "
    "magnitude at high sparsity.",
    "entropy": "A common tutorial takes the logarithm of raw outputs for one random input, which is NaN where they are "
    "negative, and holds the entropy of outputs against weights. A weight has no entropy, and that of the network's "
    "answer is its uncertainty; here it is that of each channel's activation over many images.",
}
PATTERNS = {f.__name__: f for f in (element,)}
