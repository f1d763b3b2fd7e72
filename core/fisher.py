"""What the loss loses, to second order: the empirical Fisher matrix in blocks of a layer, or of all layers together."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from core.patterns import without_smallest
from core.secondorder import DAMPING, constrained, removal_scores

WHOLE = 2048  # weights: a layer up to this size is one block
BLOCK = 64
CHUNK = 2**22  # numbers in float64 at a time, 32 MiB


class Survivors(NamedTuple):
    """Who survives, by layer name, and what inverts their damped F = G_Sᵀ G_S / n + λ by Woodbury's identity.

    damping: λ. factor: the Cholesky factor of G_S G_Sᵀ + n λ, (n, n), float64, for the gradients G_S of the survivors.
    """

    masks: dict[str, Tensor]
    damping: float
    factor: Tensor


def fisher(gradients: Iterable[Tensor], block: int | None = None) -> Tensor:
    """Damped E[g gᵀ] of consecutive weights of a layer, (blocks, size, size), float64; the last block padded.

    1e-2 of the mean diagonal is added to the diagonal.
    gradients: of single samples in chunks (n, out, in). block: weights of a block; None: the whole layer up to 2,048
    weights, else 64, which takes 512 bytes a weight. Singh & Alistarh 2020, arXiv:2004.14340.
    """
    total, seen, weights = None, 0, 0
    for chunk in gradients:
        weights, seen = chunk[0].numel(), seen + len(chunk)
        size = min(block or (weights if weights <= WHOLE else BLOCK), weights)
        if total is None:
            total = torch.zeros(-(-weights // size), size, size, dtype=torch.float64)
        for part in chunk.flatten(1).split(max(1, CHUNK // weights)):
            columns = _blocks(part, size).double().transpose(0, 1)  # (blocks, n, size)
            total.baddbmm_(columns.mT, columns)
    if total is None:
        raise ValueError("gradients are empty, expected those of at least one sample")
    total /= seen
    diagonal = total.diagonal(dim1=1, dim2=2)
    diagonal += _damping(float(diagonal.sum()) / weights)
    return total


def woodfisher(weight: Tensor, diagonal: Tensor) -> Tensor:
    """w² / 2[F⁻¹]jj, what the loss rises by, in nats, when w goes and the rest of its block makes up for it.

    weight: (out, in). diagonal: of the inverse of each block, (blocks, size). Singh & Alistarh 2020, arXiv:2004.14340.
    """
    rows = _blocks(weight.double().reshape(1, -1), diagonal.shape[1])[0]
    scores = removal_scores(rows, diagonal) / 2
    return scores.flatten()[: weight.numel()].view_as(weight).to(weight.dtype)


def repair(weight: Tensor, mask: Tensor, curvature: Tensor) -> Tensor:
    """The weight whose survivors make up for all removed ones of their block together, 0 where removed.

    weight, mask: (out, in), True survives. The least (v − w)ᵀ F (v − w).
    """
    size = curvature.shape[1]
    rows = _blocks(weight.double().reshape(1, -1), size)[0]
    kept = _blocks(mask.reshape(1, -1), size)[0]
    mended = constrained(rows, kept, curvature).flatten()[: weight.numel()]
    return mended.view_as(weight).to(weight.dtype)


def network_scores(
    weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """w² / 2[F⁻¹]jj with the inverse over all layers together, in nats, comparable across layers; by layer name.

    weights: (out, in). gradients: of the same n samples, (n, out, in). masks: True survives, where weights that are
    0 are gone already and make up for nothing. By Woodbury's identity: an n x n system, two passes over the gradients.
    """
    return _scores(weights, gradients, _survivors(gradients, masks or _all(weights)))


def network_repair(
    weights: Mapping[str, Tensor], masks: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights whose survivors, in whatever layer, make up for all removed ones together; by layer name.

    masks: True survives. The least (v − w)ᵀ F (v − w) over all layers, as in `network_scores`.
    """
    return _repaired(weights, gradients, _survivors(gradients, masks))


def network_pruned(
    weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], goal: tuple[int, int]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The masks without `count` weights of all layers together, and the repaired weights; by layer name.

    goal: the count, and in how many steps it goes: each leaves the same fraction of the survivors, repairs them and
    scores them anew with the same gradients, for a score holds for one weight alone. Nothing is trained in between.
    """
    count, steps = goal
    total = sum(weight.numel() for weight in weights.values())
    survivors = _survivors(gradients, _all(weights))
    for step in range(1, steps + 1):
        gone = count if step == steps else total - round(total * ((total - count) / total) ** (step / steps))
        survivors = _survivors(gradients, network_masks(_scores(weights, gradients, survivors), gone))
        weights = _repaired(weights, gradients, survivors)
    return survivors.masks, dict(weights)


def network_masks(scores: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """The masks without the `count` smallest scores of all layers together, ties in order of layer and position."""
    mask = without_smallest(torch.cat([layer.flatten().float() for layer in scores.values()]), count)
    parts = mask.split([layer.numel() for layer in scores.values()])
    return {name: part.view_as(scores[name]) for name, part in zip(scores, parts, strict=True)}


def _all(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}


def _survivors(gradients: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Survivors:
    samples = len(next(iter(gradients.values())))
    total = torch.zeros(samples, samples, dtype=torch.float64)
    squares = 0.0
    for name, mask in masks.items():
        squares += sum(float(part.double().square().sum()) for part in gradients[name])
        for part in _columns(gradients[name], mask):
            total.addmm_(part, part.mT)
    damping = _damping(squares / samples / sum(mask.numel() for mask in masks.values()))
    total.diagonal().add_(samples * damping)
    return Survivors(dict(masks), damping, torch.linalg.cholesky(total))


def _scores(weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], survivors: Survivors) -> dict[str, Tensor]:
    scores = {}
    for name, weight in weights.items():
        mask = survivors.masks[name]
        solved = (
            torch.linalg.solve_triangular(survivors.factor, part, upper=False).square().sum(0)
            for part in _columns(gradients[name], mask)
        )
        inverse = (1 - torch.cat(list(solved))) / survivors.damping  # [F⁻¹]jj
        scores[name] = torch.zeros_like(weight).masked_scatter_(
            mask, (weight[mask].double().square() / (2 * inverse)).to(weight.dtype)
        )
    return scores


def _repaired(
    weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], survivors: Survivors
) -> dict[str, Tensor]:
    slopes = torch.zeros(len(survivors.factor), dtype=torch.float64)  # what each sample's loss feels of the removed
    for name, mask in survivors.masks.items():
        lost = weights[name][~mask].double().split(_width(gradients[name]))
        for part, values in zip(_columns(gradients[name], ~mask), lost, strict=True):
            slopes += part @ values
    forces = torch.cholesky_solve(slopes[:, None], survivors.factor)[:, 0]  # (n,)
    mended = {}
    for name, mask in survivors.masks.items():
        change = [forces @ part for part in _columns(gradients[name], mask)]
        values = weights[name][mask].double() + torch.cat(change)
        mended[name] = torch.zeros_like(weights[name]).masked_scatter_(mask, values.to(weights[name].dtype))
    return mended


def _columns(gradients: Tensor, chosen: Tensor) -> Iterator[Tensor]:
    """The gradients of the chosen weights, (n, weights) in chunks of weights, float64."""
    flat = gradients.flatten(1)
    positions = chosen.flatten().nonzero()[:, 0]
    for part in positions.split(_width(gradients)):
        yield flat[:, part].double()


def _width(gradients: Tensor) -> int:
    """Weights in a chunk."""
    return max(1, CHUNK // len(gradients))


def _blocks(flat: Tensor, size: int) -> Tensor:
    """(n, weights) as (n, blocks, size), the last block padded with 0."""
    return torch.nn.functional.pad(flat, (0, -flat.shape[1] % size)).reshape(len(flat), -1, size)


def _damping(mean: float) -> float:
    """What is added to the diagonal; gradients that are all 0 leave the identity's share."""
    return DAMPING * (mean or 1.0)
