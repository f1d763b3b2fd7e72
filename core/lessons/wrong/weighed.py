"""How entropy and the order of stages are often taught."""

import pandas as pd
import torch

from core import evaluation, pipeline
from core.coding import CODERS
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BITS = 4
SPARSITY = 0.8


def log_of_logits(subject: Study) -> Measured:
    """The entropy of a network's answers by z log z of its raw logits, and that of a weight by w log w."""
    logits = torch.cat([evaluation.dense_logits(subject.bench, batch) for batch in range(_batches(subject))])
    broken = (-(logits * logits.log2()).sum(1)).isnan()
    weight = looking.layer(subject, looking.largest(subject)).matrix
    shares = logits.double().softmax(1)
    proper = -(shares * shares.clamp(min=torch.finfo(torch.float64).tiny).log2()).sum(1)
    figures = {
        "broken": int(broken.sum()),
        "asked": len(broken),
        "negative": 100 * float((weight < 0).double().mean()),
        "proper": float(proper.mean()),
        "classes": logits.shape[1],
    }
    table = pd.DataFrame({"image": range(len(proper)), "entropy": proper.numpy()})
    return Measured(figures, table, float(proper.mean()))


def _batches(subject: Study) -> int:
    return -(-looking.looked_at(subject) // subject.bench.batch)


def grid_without_zero(subject: Study) -> Measured:
    """Pruned first, then all cells put on a grid from min to max: zero lies between two steps and comes back."""
    pruned = pipeline.encoded_by(subject, Recipe(Settings(sparsity=SPARSITY)))
    matrices = {name: form.decode() for name, form in pruned.items()}
    coder = Settings(coder="affine", bits=BITS)
    coded = {name: CODERS["affine"](matrix, None, coder).decode() for name, matrix in matrices.items()}
    figures = {
        "zeros": sum(int((matrix == 0).sum()) for matrix in matrices.values()),
        "left": sum(int((matrix == 0).sum()) for matrix in coded.values()),
        "accuracy": 100 * looking.with_weights(subject, coded).accuracy,
        "held": looking.accuracy(subject, Recipe(Settings(sparsity=SPARSITY, coder="affine", bits=BITS))),
    }
    table = pd.DataFrame({"layer": list(coded), "zeros": [int((matrix == 0).sum()) for matrix in coded.values()]})
    return Measured(figures, table, figures["accuracy"])


WRONG = {f.__name__: f for f in (log_of_logits, grid_without_zero)}
