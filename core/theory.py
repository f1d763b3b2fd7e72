"""What theory predicts for a layer, beside what was measured of it: errors as shares of the squared weights."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from core import encoding
from core.compress import Held
from core.encoding import Affine, Encoded, LowRank, Sparse
from core.recipe import UNCODED
from core.seen import Gradients


class Law(NamedTuple):
    """A squared error by theory and by measurement, each as a share of the squared weights of the layer.

    ideal: the prediction is what an ideal code would leave, not what is expected of this one.
    """

    name: str
    predicted: float
    measured: float
    source: str
    ideal: bool = False


def laws(held: Held) -> list[Law]:
    """The laws that say something of this layer as it is encoded; none of one that is not finite, or 0 in float32."""
    layer = held.layer
    if layer.not_finite or float(layer.matrix.abs().max()) < torch.finfo(torch.float32).tiny:
        return []
    energy = float(layer.matrix.double().square().sum())
    return [law for found in LAWS if (law := found(held, energy)) is not None]


def eckart_young(held: Held, energy: float) -> Law | None:
    """Truncation: the squared singular values that the rank leaves out. Eckart & Young 1936."""
    layer = held.layer
    if not isinstance(encoding.bare(held.encoded), LowRank) or held.settings.factorizer != "svd":
        return None
    left, right = held.values
    rank = left.shape[1]
    whole = LowRank(encoding.Dense(left), encoding.Dense(right), layer.groups).decode()
    return Law(
        f"rank {rank}",
        float(layer.spectrum.values[:, rank:].square().sum()) / energy,
        _squared(layer.matrix - whole) / energy,
        "Eckart–Young: the discarded squared singular values",
    )


def rounding(held: Held, energy: float) -> Law | None:
    """Codes: errors spread evenly over a step make Δ²/12 each. Bennett 1948."""
    values, leaf = held.pairs[0]
    if len(held.pairs) > 1 or not isinstance(_coded(leaf), Affine):
        return None
    coded, mask = _coded(leaf), leaf.mask if isinstance(leaf, Sparse) else torch.ones_like(values, dtype=torch.bool)
    steps = encoding.spread(coded.scale, values.shape[1], coded.block).expand(values.shape)
    return Law(
        f"{coded.width} bits",
        float(steps[mask].double().square().sum()) / 12 / energy,
        _squared((values - coded.decode())[mask]) / energy,
        "rounding noise: Δ²/12 a weight",
    )


def rate_distortion(held: Held, energy: float) -> Law | None:
    """What an ideal code leaves of Gaussian weights of this variance at the entropy that is stored. Shannon 1959.

    Weights that are more peaked than a Gaussian can be coded better.
    """
    layer, encoded = held.layer, held.encoded
    rate = encoded.information() / layer.matrix.numel()
    if rate >= UNCODED:
        return None
    mean = float(layer.matrix.double().mean())
    variance = max(0.0, energy / layer.matrix.numel() - mean**2) * layer.matrix.numel()
    return Law(
        f"{rate:.2f} bits of entropy",
        variance * 2.0 ** (-2 * rate) / energy,
        _squared(layer.matrix - encoded.decode()) / energy,
        "rate–distortion: an ideal code of Gaussian weights at this entropy",
        ideal=True,
    )


def loss_change(parts: Mapping[str, tuple[Tensor, Gradients]]) -> float:
    """What the loss rises by in nats to second order, Σ E[g] δ + E[g²] δ² / 2, over all layers; diagonal Fisher.

    parts: layer name -> how its weights changed, (out, in), and the gradients of single images at the dense weights.
    LeCun et al. 1990.
    """
    return sum(
        float((seen.mean.double() * change).sum() + (seen.square.double() * change.double().square()).sum() / 2)
        for change, seen in parts.values()
    )


def snr(law: Law) -> float:
    """The signal-to-noise ratio of what was measured, in dB; infinite without an error."""
    return -10 * math.log10(law.measured) if law.measured else math.inf


def _coded(leaf: Encoded) -> Encoded:
    return leaf.values if isinstance(leaf, Sparse) else leaf


def _squared(error: Tensor) -> float:
    return float(error.double().square().sum())


LAWS = (eckart_young, rounding, rate_distortion)
