"""Compressed models to export, made in a second."""

from functools import lru_cache

import numpy as np

from core import pipeline
from core.exporters import Subject
from core.loading import Data, Loaded, fingerprint, load_data, load_model
from core.recipe import Recipe, Settings
from tests.core import kinds

RECIPES = {
    "as it was": Recipe(),
    "pruned, 4 bits": Recipe(Settings(sparsity=0.5, bits=4)),
    "offset, blocks": Recipe(Settings(sparsity=0.3, bits=3, coder="affine", group="16")),
    "shared": Recipe(Settings(bits=3, coder="kmeans", group="tensor", sparsity=0.3)),
    "small floats": Recipe(Settings(bits=8, coder="float8_e4m3")),
    "half floats": Recipe(Settings(bits=16, coder="bfloat16", sparsity=0.8)),
    "few left": Recipe(Settings(sparsity=0.9)),
    "few left, 8 bits": Recipe(Settings(sparsity=0.95, bits=8)),
    "few left, 4 bits": Recipe(Settings(sparsity=0.97, bits=4)),
    "low rank": Recipe(Settings(rank=0.4, bits=8, sparsity=0.2)),
    "tucker": Recipe(Settings(rank=0.5, factorizer="tucker2")),
    "rest in 8 bits": Recipe(Settings(bits=4), rest="int8"),
    "shrunk": Recipe(Settings(sparsity=0.5, pattern="row", bits=8), shrink="remove"),
    "shrunk, low rank": Recipe(Settings(sparsity=0.4, pattern="row", bits=8, rank=0.5), shrink="remove"),
    "inputs": Recipe(Settings(bits=8, inputs_bits=8)),
    "all at once": Recipe(Settings(sparsity=0.3, pattern="row", bits=8, rank=0.8), shrink="remove", bias="correct"),
    "right afterwards": Recipe(Settings(bits=4), batchnorm="recalibrate", bias="correct"),
}


@lru_cache(maxsize=4)
def subject(model: str, recipe: str) -> Subject:
    """A sample with a recipe of RECIPES carried out and measured on few images."""
    loaded = load_model(model)
    data = load_data(loaded.data)
    few = Data(data.name, data.inputs[:1300], data.targets[:1300])
    return carried_out(loaded, few, RECIPES[recipe])


@lru_cache(maxsize=2)
def of_kinds(net: str) -> Subject:
    """One of the networks that have a layer of every kind, pruned and coded."""
    model, inputs = kinds.made(net)
    data = Data("data", inputs.numpy(), np.arange(len(inputs)) % 3)
    return carried_out(Loaded(net, model, fingerprint(model), ""), data, RECIPES["pruned, 4 bits"])


def carried_out(loaded: Loaded, data: Data, recipe: Recipe) -> Subject:
    """A recipe carried out and measured."""
    study = pipeline.study(loaded, data, recipe)
    applied = pipeline.apply(study, recipe)
    return Subject(study, applied, recipe, pipeline.files(study, recipe, applied, pipeline.measure(study, applied)))
