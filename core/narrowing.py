"""Encoded layers without the channels that a smaller model does not have, and what became of each layer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from core.compress import weights
from core.encoding import Encoded, Gridded, Kept, LowRank, Tucker, leaves, narrowed, shape_of
from core.layer import Layer
from core.shrinking import Shrunk, shrunk

MOST_ROUNDS = 8  # the second sees what the first one's new zeros show; later ones were never seen to find more


@dataclass(frozen=True, eq=False)
class Narrowed:
    """Encoded layers by name without the channels that went, what took over their constants, and the smaller model.

    buffers: by parameter, with what had been put right before. Decoded, they shrink to the same model again.
    """

    encoded: Mapping[str, Encoded]
    buffers: Mapping[str, Tensor]
    small: Shrunk


def narrow(
    model: nn.Module,
    known: tuple[Layer, ...],
    whole: tuple[Mapping[str, Encoded], Mapping[str, Tensor]],
    sample: Tensor,
) -> Narrowed:
    """What stays of encoded layers by name and of the tensors beside them by parameter. sample: (N, ...)."""
    encoded, buffers = whole
    last: Shrunk | None = None
    for _ in range(MOST_ROUNDS):
        small = shrunk(model, weights(known, encoded) | dict(buffers), sample)
        if last is not None and _equal(small, last) and not small.folded:
            return Narrowed(encoded, buffers, small)
        encoded = {layer.name: narrow_layer(layer, whole[0][layer.name], small) for layer in known}
        buffers, last = {**buffers, **small.folded}, small
    raise RuntimeError("the model shrinks further each time that it is shrunk")


def narrow_layer(layer: Layer, encoded: Encoded, small: Shrunk) -> Encoded:
    """The layer's form without the channels that the smaller model does not have; it still decodes to full shape."""
    if isinstance(encoded, Gridded):
        return replace(encoded, matrix=narrow_layer(layer, encoded.matrix, small))
    outputs, inputs = (torch.from_numpy(side) for side in stays(layer, small))
    if layer.groups > 1:  # a row of a depthwise convolution holds its own channel only
        inputs = torch.ones(layer.weight.shape[1], dtype=torch.bool)
    if not isinstance(encoded, LowRank | Tucker):
        return narrowed(encoded, outputs, inputs.repeat_interleave(layer.kernel))
    columns = inputs if isinstance(encoded, Tucker) else inputs.repeat_interleave(layer.kernel)
    left = narrowed(encoded.left, outputs, torch.ones(shape_of(encoded.left)[1], dtype=torch.bool))
    right = narrowed(encoded.right, torch.ones(shape_of(encoded.right)[0], dtype=torch.bool), columns)
    return replace(encoded, left=left, right=right)


def stays(layer: Layer, small: Shrunk) -> tuple[np.ndarray, np.ndarray]:
    """Which output and which input channels of a layer the smaller model has, bool (out,) and (in,)."""
    sizes = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
    sides = (small.outputs, small.inputs)
    return tuple(side.get(layer.name, np.ones(size, bool)) for side, size in zip(sides, sizes, strict=True))


def same_sides(one: Encoded, other: Encoded) -> bool:
    """Whether two encoded matrices of equal forms keep the same rows and columns."""
    held = [(leaf.rows, leaf.columns) if isinstance(leaf, Kept) else () for leaf in (*leaves(one), *leaves(other))]
    half = len(held) // 2
    return all(all(map(torch.equal, mine, theirs)) for mine, theirs in zip(held[:half], held[half:], strict=True))


def figures(known: tuple[Layer, ...], small: Shrunk, uses: Mapping[str, int | None]) -> dict[str, object]:
    """The report's entry: per layer the channels kept of how many and its smaller self's MACs, and who stays why."""
    rows = [_row(layer, small, uses[layer.name]) for layer in known]
    counts = [row["macs"] for row in rows]
    return {"layers": rows, "macs": None if None in counts else sum(counts), "stays": list(small.stayed)}


def _row(layer: Layer, small: Shrunk, uses: int | None) -> dict[str, object]:
    outputs, inputs = stays(layer, small)
    read = 1 if layer.groups > 1 else int(inputs.sum())
    read = layer.weight.shape[1] if inputs.all() else read
    return {
        "layer": layer.name,
        "outputs": [int(outputs.sum()), len(outputs)],
        "inputs": [int(inputs.sum()), len(inputs)],
        "macs": None if uses is None else int(outputs.sum()) * read * layer.kernel * uses,
    }


def _equal(one: Shrunk, other: Shrunk) -> bool:
    pairs = ((one.outputs, other.outputs), (one.inputs, other.inputs))
    return all(
        a.keys() == b.keys() and all(np.array_equal(side, b[name]) for name, side in a.items()) for a, b in pairs
    )
