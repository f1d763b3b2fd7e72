"""Weights of consecutive layers put on a common scale, channel by channel, without a change of what the network does.

Cross-layer equalization: Nagel et al. 2019, arXiv:1906.04721. A scale for a whole tensor then fits every channel of it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from core.wiring import EACH, FIXED, HOMOGENEOUS, NORMS, Point, Wiring, named, operation, rows, wiring

SETTLED = 1e-3  # the largest relative change of a scale at which a round is the last one
MOST_ROUNDS = 200
SAME = 1e-3  # of the largest output: what sums of other magnitudes may differ by
UNTOLD = "no layer is equalized: torch.fx cannot tell the model's steps, or one weight has two names"
UNLIKE = "no layer is equalized: with other scales the model gives other outputs"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two layers in a row and the factors, float64 (channels,), that the second one's columns were multiplied by."""

    first: str
    second: str
    factors: np.ndarray


@dataclass(frozen=True, eq=False)
class Equalized:
    """A model of its own with the outputs of the original.

    tensors: the weights and biases that differ, by name. pairs: the layers that share scales now. skipped: a sentence
    for each layer whose outputs keep theirs.
    """

    module: nn.Module
    tensors: Mapping[str, Tensor]
    pairs: tuple[Pair, ...]
    skipped: tuple[str, ...]

    def figures(self) -> dict[str, object]:
        """The report's entry: the pairs with their smallest and largest factor, and who has no partner and why."""
        ends = [[float(end) for end in (pair.factors.min(), pair.factors.max())] for pair in self.pairs]
        names = [{"first": pair.first, "second": pair.second} for pair in self.pairs]
        pairs = [name | {"factors": end} for name, end in zip(names, ends, strict=True)]
        return {"pairs": pairs, "skipped": list(self.skipped)}


def equalized(model: nn.Module, sample: Tensor) -> Equalized:
    """The model with equal ranges of each channel's row and of the columns that read it; the model stays as it is.

    A channel's row and bias are divided and its readers' columns multiplied by sqrt(r1 r2) / r2, r the largest
    magnitudes, until that changes nothing more. Only where one layer alone reads another through operations with
    f(s x) = s f(x); a batch norm between them, which would have to be folded first, leaves them as they are. A channel
    whose row or columns are all 0 keeps its scale. sample: (N, ...), two images serve. Nagel et al. 2019,
    arXiv:1906.04721.
    """
    wired = wiring(model, sample)
    if wired is None:
        return Equalized(copy.deepcopy(model), {}, (), (UNTOLD,))
    partners, why = _partners(wired)
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    weights = {point.name: rows(point, state).copy() for pair in partners for point in pair}
    factors = _settled(partners, weights)
    tensors = {
        f"{name}.weight": torch.from_numpy(weight).to(state[f"{name}.weight"]).view_as(state[f"{name}.weight"])
        for name, weight in weights.items()
    }
    biased = {f"{name}.bias": by for name, by in factors.items() if f"{name}.bias" in state}
    tensors |= {name: (state[name].double() / torch.from_numpy(by)).to(state[name]) for name, by in biased.items()}
    twin = copy.deepcopy(model)
    twin.load_state_dict(tensors, strict=False)
    if not _alike(model, twin, sample):
        return Equalized(copy.deepcopy(model), {}, (), (UNLIKE,))
    pairs = tuple(Pair(first.name, second.name, factors[first.name]) for first, second in partners)
    return Equalized(twin, tensors, pairs, tuple(f"the outputs of {name} keep their scales: {w}" for name, w in why))


def _partners(wired: Wiring) -> tuple[list[tuple[Point, Point]], list[tuple[str, str]]]:
    """The layers with the one that reads each, and the layers without such with the reason."""
    points = {point.node: point for point in wired.points}
    found = [(point, _reader(wired, point, points)) for point in wired.points]
    pairs = [(point, reader) for point, reader in found if isinstance(reader, Point)]
    lone = [(point.name, reader) for point, reader in found if not isinstance(reader, Point)]
    return pairs, [*lone, *wired.unfollowed.items()]


def _reader(wired: Wiring, point: Point, points: Mapping[fx.Node, Point]) -> Point | str:
    """The only layer that reads a layer's outputs through homogeneous operations, or why there is none."""
    if point.outputs[0] == FIXED:
        return "there is but one"
    node, model = point.node, wired.trace.model
    while True:
        users = [user for user in node.users if user.op == "output" or isinstance(wired.values[user], Tensor)]
        if len(users) != 1:
            return "several steps read them" if users else "nothing reads them"
        node = users[0]
        if node in points:
            break
        if node.op == "output":
            return "part of the model's outputs"
        if operation(model, node) in NORMS:
            return f"{named(model, node)} comes next, which is not folded into the layer"
        if operation(model, node) in EACH - HOMOGENEOUS:
            return f"{named(model, node)} comes next, which does not scale with what it is given"
        if operation(model, node) not in HOMOGENEOUS or node not in wired.wires:
            return f"{named(model, node)} comes next, past which they do not go to one layer alone"
    return points[node]


def _settled(partners: list[tuple[Point, Point]], weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The factor of each channel of each first layer; `weights`, (out, in, kernel) by layer, are scaled along."""
    factors = {first.name: np.ones(len(first.outputs)) for first, _ in partners}
    for _ in range(MOST_ROUNDS):
        moved = 0.0
        for first, second in partners:
            scale = _scale(weights[first.name], weights[second.name], (first, second))
            weights[first.name] /= scale[:, None, None]
            across = scale[second.inputs - first.outputs[0]]
            weights[second.name] *= across[:, None, None] if second.depthwise else across[None, :, None]
            factors[first.name] *= scale
            moved = max(moved, float(np.abs(scale - 1).max()))
        if moved < SETTLED:
            break
    return factors


def _scale(rows_of: np.ndarray, readers: np.ndarray, pair: tuple[Point, Point]) -> np.ndarray:
    """What each channel's row is to be divided by; 1 where there is nothing to share."""
    first, second = pair
    height = np.abs(rows_of).max((1, 2))
    width = np.zeros(len(height))
    columns = np.abs(readers).max((1, 2) if second.depthwise else (0, 2))
    np.maximum.at(width, second.inputs - first.outputs[0], columns)
    usable = (height > 0) & (width > 0) & np.isfinite(height) & np.isfinite(width)
    ratio = np.where(usable, height, 1) / np.where(usable, width, 1)
    return np.clip(np.sqrt(ratio), 1 / FARTHEST, FARTHEST)


def _alike(model: nn.Module, twin: nn.Module, sample: Tensor) -> bool:
    with torch.no_grad():
        expected, found = (each(sample.clone()) for each in (model, twin))
    return torch.allclose(found, expected, rtol=0, atol=SAME * float(expected.abs().max()))


FARTHEST = 2.0**30  # more would leave float32's range when it adds up
