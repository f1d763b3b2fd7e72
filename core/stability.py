"""Whether signals and gradients vanish or explode: each layer of the compressed model beside the dense one."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.compress import run
from core.evaluation import Change
from core.inputs import rounding
from core.metrics import loss
from core.pipeline import Applied, Study
from core.seen.activations import Sums, Used, activations

IMAGES = 200
BATCH = 100
RATIO = 10.0  # times the dense model's figure, or a tenth of it, beyond which a layer's is said to be off
DEPTH = 1000.0  # the same within one model, from its first layer to its last, or back


class Stability(NamedTuple):
    """table: a row a layer. notes: sentences that the figures give. images: how many passed."""

    table: pd.DataFrame
    notes: tuple[str, ...]
    images: int


class Side(NamedTuple):
    """One model's figures: sums by layer in the order of first use, the gradient of the mean loss for each weight by
    layer, and the summed squares of the gradients for the logits."""

    sums: dict[str, Sums]
    weights: dict[str, Tensor]
    logits: float


def stability(study: Study, applied: Applied) -> Stability:
    """What passes forward and backward through each layer, from real passes of the first images in eval mode.

    Columns, each `_dense`, plain for the compressed model, and `_ratio`: `variance` of a layer's activations (behind
    the batch norm and the activation function that follow it; over images and positions, mean over channels);
    `gradient`, the norm of the mean loss's gradient for the weight; `gain`, the root mean square gradient of the loss
    at the layer's outputs over that at the logits, which tells how gradients grow on their way back, however large the
    loss. `channels`, and `dead` and `dead_dense`, those that are constant. NaN where the model takes a weight in a way
    that does not show them.
    """
    images = min(IMAGES, len(study.bench.targets))
    dense = _passes(study, Change({}, {}), images)
    compressed = _passes(study, applied.change, images)
    order = [*dense.sums, *(layer.name for layer in study.known if layer.name not in dense.sums)]
    table = pd.DataFrame([_row(name, dense, compressed) for name in order])
    table = table.astype({"channels": "Int64", "dead_dense": "Int64", "dead": "Int64"})
    return Stability(table, notes(table, images), images)


def _passes(study: Study, change: Change, images: int) -> Side:
    """Forward and backward passes of the first images under a change; no `.grad` of the model is set."""
    model = study.loaded.model
    state = model.state_dict()
    weights = {
        layer.name: change.tensors.get(layer.parameter, state[layer.parameter]).detach().requires_grad_()
        for layer in study.known
    }
    tensors = {**change.tensors, **{layer.parameter: weights[layer.name] for layer in study.known}}
    side = Side({}, {name: torch.zeros_like(weight) for name, weight in weights.items()}, 0.0)
    for start in range(0, images, BATCH):
        chosen = slice(start, min(start + BATCH, images))
        x, y = study.bench.inputs[chosen], study.bench.targets[chosen]
        with torch.enable_grad(), rounding(model, tensors, change.inputs):
            logits, uses = activations(lambda inputs: run(model, tensors, inputs), x, weights)
            side = _backward(loss(logits, y), logits, uses, (side, weights))
    return side._replace(weights={name: total / images for name, total in side.weights.items()})


def _backward(lost: Tensor, logits: Tensor, uses: list[Used], running: tuple[Side, Mapping[str, Tensor]]) -> Side:
    """The running sums with those of a batch. lost: summed over its images."""
    side, weights = running
    at = [used for used in uses if used.edge is not None]
    wanted = [*weights.values(), *(used.edge for used in at), logits]
    try:
        found = torch.autograd.grad(lost, wanted, allow_unused=True) if lost.requires_grad else [None] * len(wanted)
    except RuntimeError as error:
        raise ValueError(
            f"model: its loss has no gradient ({str(error).splitlines()[0]}), expected one that autograd can follow"
        ) from None
    for used, gradient in zip(at, found[len(weights) : -1], strict=True):
        used.sums.gradients = _square(gradient)
    sums = dict(side.sums)
    for used in uses:
        name = used.use.layer
        sums[name] = sums[name].plus(used.sums) if name in sums else used.sums
    pairs = zip(weights, found, strict=False)
    totals = {name: side.weights[name] + (math.nan if own is None else own) for name, own in pairs}
    return Side(sums, totals, side.logits + _square(found[-1]))


def _square(gradient: Tensor | None) -> float:
    return math.nan if gradient is None else float(gradient.double().square().sum())


def _row(name: str, dense: Side, compressed: Side) -> dict[str, object]:
    one, other = dense.sums.get(name), compressed.sums.get(name)
    row: dict[str, object] = {"layer": name, "channels": len(one.first) if one else None}
    for figure, of in FIGURES.items():
        before, after = of(dense, name), of(compressed, name)
        row |= {f"{figure}_dense": before, figure: after, f"{figure}_ratio": _ratio(after, before)}
    return row | {"dead_dense": _dead(one), "dead": _dead(other)}


def _ratio(after: float, before: float) -> float:
    """1 where both are the same, 0 too."""
    if after == before:
        return 1.0
    return after / before if before else (math.nan if math.isnan(after) else math.inf)


def _dead(sums: Sums | None) -> int | None:
    return None if sums is None else int((sums.least == sums.most).sum())


def _variance(side: Side, name: str) -> float:
    if name not in side.sums:
        return math.nan
    sums = side.sums[name]
    mean = sums.first / sums.count
    spread = torch.where(sums.least == sums.most, 0.0, (sums.second / sums.count - mean.square()).clamp(min=0))
    return float(spread.mean())


def _gradient(side: Side, name: str) -> float:
    return float(side.weights[name].double().norm())


def _gain(side: Side, name: str) -> float:
    if name not in side.sums or not side.logits > 0:
        return math.nan
    return math.sqrt(side.sums[name].gradients / side.logits)


def notes(table: pd.DataFrame, images: int) -> tuple[str, ...]:
    """What the figures say of vanishing, exploding and dead channels, with the bounds that they passed; never empty."""
    said = [note for figure in SAID for note in (*_beside(table, figure), *_along(table, figure))]
    died = table[(table["dead"] > table["dead_dense"]).fillna(False)]
    if len(died):
        layers = [
            f"{row.dead} of {row.channels} in '{row.layer}' ({row.dead_dense} dense)" for row in died.itertuples()
        ]
        said.append(f"more channels are dead, the same for every image, than in the dense model: {_listed(layers)}")
    off = any(note.startswith(("signals", "gradients")) for note in said)
    calm = (
        f"neither signals nor gradients vanish or explode: all within 1/{RATIO:g} to {RATIO:g} times the dense model's"
    )
    return tuple(f"{note} ({images} images)" for note in (said if off else [calm, *said]))


def _beside(table: pd.DataFrame, figure: str) -> list[str]:
    """Sentences about layers whose figure is far from the dense model's."""
    what, measure = SAID[figure]
    own, ratio = table[figure].to_numpy(), table[f"{figure}_ratio"].to_numpy()
    lost = ~np.isfinite(own) & np.isfinite(table[f"{figure}_dense"].to_numpy())
    sides = {
        f"vanish, {measure} below 1/{RATIO:g} of the dense model's": ~lost & (ratio < 1 / RATIO),
        f"explode, {measure} above {RATIO:g} times the dense model's": ~lost & (ratio > RATIO),
        f"explode, {measure} no finite number any more": lost,
    }
    texts = np.array([f"'{layer}' {times:.3g} times" for layer, times in zip(table["layer"], ratio, strict=True)])
    named = {words: texts[rows].tolist() for words, rows in sides.items()}
    return [f"{what} {words}: {_listed(layers)}" for words, layers in named.items() if layers]


def _along(table: pd.DataFrame, figure: str) -> list[str]:
    """Sentences about a model in which the figure grows or shrinks from one end to the other, on the signal's way."""
    what, measure = SAID[figure]
    said = []
    for column, model in ((f"{figure}_dense", "dense"), (figure, "compressed")):
        known = table[np.isfinite(table[column])]
        if len(known) < 2:
            continue
        way = [0, -1] if figure == "variance" else [-1, 0]
        (start, before), (end, after) = known[["layer", column]].iloc[way].itertuples(index=False, name=None)
        times = _ratio(after, before)
        if not 1 / DEPTH <= times <= DEPTH:
            word = "explode" if times > DEPTH else "vanish"
            said.append(
                f"{what} {word} along the {model} model, {measure} at '{end}' {times:.3g} times that at '{start}', "
                f"beyond 1/{DEPTH:g} to {DEPTH:g}"
            )
    return said


def _listed(layers: list[str]) -> str:
    more = len(layers) - NAMED
    return ", ".join(layers[:NAMED]) + (f" and {more} more layers" if more > 0 else "")


NAMED = 4  # layers, before the rest is counted
FIGURES: dict[str, Callable[[Side, str], float]] = {"variance": _variance, "gradient": _gradient, "gain": _gain}
SAID = {"variance": ("signals", "activation variance"), "gain": ("gradients", "gain from the logits back")}
