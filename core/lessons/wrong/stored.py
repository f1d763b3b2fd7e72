"""How storing weights in fewer bits is often taught."""

import pandas as pd
import torch
from torch import Tensor

from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study

BITS = 8


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


def _codes(matrix: Tensor) -> Tensor:
    low, high = matrix.min(), matrix.max()
    return torch.round((matrix - low) / (high - low) * (2**BITS - 1))


WRONG = {f.__name__: f for f in (codes_alone,)}
