"""What is least important: scores by criterion."""

from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from core import fisher as block_fisher
from core.secondorder import damped, inverse_diagonal, removal_scores
from core.seen import Calibration, Factor, Seen

FISHER_IMAGES = 500
Sight = Seen | Factor
DIAGONALS: WeakKeyDictionary[Calibration, dict[tuple[str, str], Tensor]] = WeakKeyDictionary()  # of inverses


def magnitude(weight: Tensor, seen: Sight | None) -> Tensor:
    """|w|, in the units of the weights. Han et al. 2015, arXiv:1506.02626."""
    return weight.abs()


def concentrated(weight: Tensor, seen: Sight | None) -> Tensor:
    """|w| times the norms of its row and of its column, over the matrix's.

    What survives gathers in few rows and columns: a coded mask then takes fewer bits, and channels go.
    """
    across, down = (torch.linalg.vector_norm(weight, dim=side, keepdim=True) for side in (1, 0))  # (out, 1), (1, in)
    whole = torch.linalg.vector_norm(weight).clamp(min=torch.finfo(torch.float32).tiny)
    return weight.abs() * across * (down / whole)


def random(weight: Tensor, seen: Sight | None) -> Tensor:
    """Uniform scores in [0, 1) that depend on the shape alone: what any other criterion has to beat."""
    rows, columns = weight.shape
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows * 2**31 + columns))


def gradient(weight: Tensor, seen: Sight | None) -> Tensor:
    """E[g²], g the gradient of one image's loss: how sharply the loss bends along a weight, whatever its size."""
    return _calibrated("gradient", seen).gradients.square


def taylor(weight: Tensor, seen: Sight | None) -> Tensor:
    """|E[g] w|, the first-order change of the loss when a weight goes. Molchanov et al. 2017, arXiv:1611.06440."""
    return (_calibrated("taylor", seen).gradients.mean * weight).abs()


def fisher(weight: Tensor, seen: Sight | None) -> Tensor:
    """E[g²] w² / 2, the second-order change of the loss by a diagonal Fisher. Theis et al. 2018, arXiv:1801.05787."""
    return _calibrated("fisher", seen).gradients.square * weight.square() / 2


def wanda(weight: Tensor, seen: Sight | None) -> Tensor:
    """|w| times the root of the mean square of the input it multiplies. Sun et al. 2023, arXiv:2306.11695.

    Only comparable within an output row. The paper's norm is the same times the root of the number of inputs.
    """
    norms = _calibrated("wanda", seen).square.sqrt().float()  # (groups, in)
    return weight.abs() * norms.repeat_interleave(len(weight) // len(norms), 0)


def entropy(weight: Tensor, seen: Sight | None) -> Tensor:
    """The entropy of the row's output channel in bits, shared among its weights. Luo & Wu 2017, arXiv:1706.05791.

    All weights of a row score the same: with the pattern 'row' whole channels go.
    """
    return _spread(_calibrated("entropy", seen).channels.entropy, weight)


def information(weight: Tensor, seen: Sight | None) -> Tensor:
    """What the row's output channel tells of the label in bits, shared among its weights; chance is subtracted.

    All weights of a row score the same: with the pattern 'row' whole channels go. No more than chance scores 0.
    """
    return _spread(_calibrated("information", seen).channels.information.clip(min=0), weight)


def _spread(bits: np.ndarray, weight: Tensor) -> Tensor:
    """A channel's figure divided evenly over the weights of its row. bits: (out,)."""
    return (torch.from_numpy(bits).float() / weight.shape[1])[:, None].expand(weight.shape).contiguous()


def obs(weight: Tensor, seen: Sight | None) -> Tensor:
    """w² / [H⁻¹]jj, H = E[x xᵀ]: what the layer's output loses when the rest of the row makes up for w.

    Hassibi & Stork 1993; LeCun et al. 1990.
    """
    diagonal = _kept("obs", seen, lambda known: inverse_diagonal(damped(known.moments)))
    return removal_scores(weight, diagonal)


def woodfisher(weight: Tensor, seen: Sight | None) -> Tensor:
    """w² / 2[F⁻¹]jj, what the loss rises by in nats, F an empirical Fisher in blocks. Singh & Alistarh 2020.

    arXiv:2004.14340. F is taken from the gradients of the first 500 images.
    """
    diagonal = _kept("woodfisher", seen, lambda known: inverse_diagonal(curvature(known)))
    return block_fisher.woodfisher(weight, diagonal)


def _kept(criterion: str, seen: Sight | None, found: Callable[[Sight], Tensor]) -> Tensor:
    """What a criterion asks of what the layer sees, and of no slider: found once, kept as long as the calibration is.

    A factor sees something else at every rank: nothing is kept of it.
    """
    known = _calibrated(criterion, seen)
    if isinstance(known, Factor):
        return found(known)
    kept = DIAGONALS.setdefault(known.calibration, {})
    key = (criterion, known.layer.name)
    if key not in kept:
        kept[key] = found(known)
    return kept[key]


def curvature(seen: Sight) -> Tensor:
    """The damped empirical Fisher of the layer in blocks, (blocks, size, size), float64; the last ones are kept."""
    seen.per_sample(1)  # a factor has none, and says so
    return _curvature(seen.calibration, seen.layer.name)


@lru_cache(maxsize=4)
def _curvature(calibration: Calibration, name: str) -> Tensor:
    return block_fisher.fisher(calibration.per_sample(name, FISHER_IMAGES))


def _calibrated(criterion: str, seen: Sight | None) -> Sight:
    return require_sight(seen, f"criterion '{criterion}'")


def require_sight(seen: Sight | None, what: str) -> Sight:
    """What the layer sees; ValueError where nothing was seen."""
    if seen is None:
        raise ValueError(f"{what} needs calibration images")
    return seen


SCORES = (magnitude, concentrated, random, gradient, taylor, fisher, wanda, obs, woodfisher, entropy, information)
CRITERIA = {f.__name__: f for f in SCORES}
FREE = ("magnitude", "concentrated", "random")  # what needs no images
OF_GRADIENTS = ("gradient", "taylor", "fisher", "woodfisher")  # what needs gradients; the others need the inputs
NOTES: dict[str, str] = {  # what a common tutorial says, and what is wrong with it
    "magnitude": "A common tutorial removes w where w² is below the largest w². As written that removes every weight "
    "but the largest: a threshold has to be chosen, by value or by the share that is to go.",
    "gradient": "A common tutorial reads .grad before any backward pass, where it is None, and a mean gradient is near "
    "0 at a minimum. Here it is single images' mean square: curvature, not yet the cost, and it loses to random on "
    "digits_cnn.",
    "taylor": "A common tutorial calls w² a gradient. A mean gradient is near 0 at a minimum, so that the first order "
    "tells little there: on digits_cnn at 80 % it loses to random.",
    "fisher": "A common tutorial squares the mean gradient of a batch, which is not the mean squared gradient. Even "
    "the right one, as it is diagonal, loses badly to magnitude at high sparsity.",
    "entropy": "A common tutorial takes the logarithm of raw outputs for one input (NaN where negative) and holds it "
    "against weights. A weight has no entropy: here it is a channel's. On lenet5 it loses to random.",
}
