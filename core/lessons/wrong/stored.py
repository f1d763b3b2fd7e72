"""How storing weights in fewer bits is often taught."""

import pandas as pd
import torch
from torch import Tensor

from core.compress import encode
from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.stored import relative_error
from core.pipeline import Study
from core.recipe import Settings

BITS = 8
SHARED_BITS = 4


def codes_alone(subject: Study) -> Measured:
    """The codes round((w - min) / (max - min) * Q) are taken for weights: no scale and offset were kept."""
    codes = {layer.name: _codes(layer.matrix) for layer in subject.known}
    largest = looking.largest(subject)
    accuracy = 100 * looking.with_weights(subject, {name: c.nan_to_num() for name, c in codes.items()}).accuracy
    flat = _codes(torch.ones(1, 1))
    table = pd.DataFrame({"layer": list(codes), "code": [float(c.mean()) for c in codes.values()]})
    figures = {
        "bits": BITS,
        "lowest": float(codes[largest].min()),
        "highest": float(codes[largest].max()),
        "accuracy": accuracy,
        "flat": f"{float(flat):g}",
    }
    return Measured(figures, table, accuracy)


def shared_by_place(subject: Study) -> Measured:
    """Neighbours share: each layer's weights are cut into as many pieces as there are values, each piece its mean."""
    layer = looking.layer(subject, looking.largest(subject))
    matrices = {each.name: _by_place(each.matrix) for each in subject.known}
    clustered = encode(layer, Settings(bits=SHARED_BITS, coder="kmeans", group="tensor")).decode()
    accuracy = 100 * looking.with_weights(subject, matrices).accuracy
    off, best = relative_error(layer.matrix, matrices[layer.name]), relative_error(layer.matrix, clustered)
    table = pd.DataFrame({"values": ["by place", "clustered"], "error": [off, best]})
    return Measured({"bits": SHARED_BITS, "off": off, "off_best": best, "accuracy": accuracy}, table, accuracy)


def _by_place(matrix: Tensor) -> Tensor:
    pieces = matrix.flatten().tensor_split(2**SHARED_BITS)
    return torch.cat([piece.mean().expand(len(piece)) for piece in pieces if len(piece)]).view(matrix.shape)


def _codes(matrix: Tensor) -> Tensor:
    low, high = matrix.min(), matrix.max()
    return torch.round((matrix - low) / (high - low) * (2**BITS - 1))


WRONG = {f.__name__: f for f in (codes_alone, shared_by_place)}
