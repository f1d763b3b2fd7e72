"""How compression is often summed up."""

import pandas as pd
import safetensors.torch

from core import pipeline
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

SPARSITY = 0.9


def zeros_in_full(subject: Study) -> Measured:
    """Weights are set to zero and the file is saved as ever, zeros and all; it was never looked at or measured."""
    recipe = Recipe(Settings(sparsity=SPARSITY))
    whole = {name: tensor.clone() for name, tensor in subject.model.state_dict().items()}
    changed = pipeline.apply(subject, recipe).change.tensors
    zeroed = whole | {name: tensor.contiguous() for name, tensor in changed.items()}
    before, after = (len(safetensors.torch.save(tensors)) for tensors in (whole, zeroed))
    accuracy = looking.accuracy(subject, recipe)
    table = pd.DataFrame({"file": ["before", "after"], "kilobytes": [before / 1000, after / 1000]})
    figures = {
        "sparsity": SPARSITY,
        "kilobytes": after / 1000,
        "kilobytes_before": before / 1000,
        "saved": before - after,
        "accuracy": accuracy,
    }
    return Measured(figures, table, accuracy)


WRONG = {f.__name__: f for f in (zeros_in_full,)}
