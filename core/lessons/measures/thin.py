"""Lessons about fewer directions than a matrix has, and about what theory says before anything is measured."""

import pandas as pd

from core import compress, encoding, pipeline, theory
from core.compress import Held
from core.layer import Layer
from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.stored import relative_error
from core.pipeline import Study
from core.recipe import Recipe, Settings

RANKS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05)
BITS = (8, 7, 6, 5, 4, 3, 2)


def low_rank(subject: Study, rank: float) -> Measured:
    """Accuracy and numbers stored with the largest layer as a product of two thin matrices."""
    layer = looking.layer(subject, looking.largest(subject))
    steps = sorted({*RANKS, rank}, reverse=True)
    curve = [looking.accuracy(subject, thin(subject, step)) for step in steps]
    table = pd.DataFrame({"rank": [100 * step for step in steps], "accuracy": curve})
    encoded = pipeline.encoded_by(subject, thin(subject, rank))[layer.name]
    found, (rows, columns) = looking.accuracy(subject, thin(subject, rank)), layer.matrix.shape
    kept = compress.rank_of(layer, Settings(rank=rank))
    figures = {
        "accuracy": found,
        "drop": looking.dense(subject) - found,
        "rows": rows,
        "columns": columns,
        "full": layer.full_rank,
        "kept": kept,
        "stored": encoding.stored_values(encoded),
        "numbers": layer.matrix.numel(),
        "even": break_even(layer),
        "energy": 100 * (1 - float(layer.spectrum.errors[kept - 1])),
        "lost": relative_error(layer.matrix, encoded.decode()),
        "holds": min(step for step, right in zip(steps, curve, strict=True) if curve[0] - right <= looking.POINT),
    }
    return Measured(figures, table, found)


def break_even(layer: Layer) -> float:
    """The rank at which the thin matrices hold as many numbers as the layer."""
    rows, columns = layer.matrix.shape
    return rows * columns / (rows + layer.groups * columns)


def thin(subject: Study, rank: float) -> Recipe:
    """The largest layer at a part of its rank, all others whole."""
    return Recipe(layers={looking.largest(subject): {"rank": rank}} if rank < 1 else {})


def theories(subject: Study, bits: float) -> Measured:
    """The squared error that theory says rounding leaves, and the one it left, in percent of the squared weights."""
    found = {step: _rounding(subject, step) for step in sorted({*BITS, int(bits)}, reverse=True)}
    table = pd.DataFrame(
        [
            {"bits": step, "error": error, "what": what}
            for step, both in found.items()
            for what, error in zip(("by theory", "measured"), both, strict=True)
        ]
    )
    predicted, left = found[int(bits)]
    layer = looking.layer(subject, looking.largest(subject))
    half = max(1, layer.full_rank // 2)
    cut = theory.eckart_young(_held(layer, Settings(rank=half / layer.full_rank)), _energy(layer))
    finer = _rounding(subject, int(bits) + 1)[1]
    figures = {
        "predicted": predicted,
        "left": left,
        "off": 100 * abs(left / predicted - 1) if predicted else 0.0,
        "times": left / finer if finer else 1.0,
        "finer": int(bits) + 1,
        "rank": half,
        "thin_predicted": 100 * cut.predicted if cut else 0.0,
        "thin": 100 * cut.measured if cut else 0.0,
        "crude": found[min(found)][1],
        "crude_predicted": found[min(found)][0],
        "crude_bits": min(found),
    }
    return Measured(figures, table, figures["times"])


def _rounding(subject: Study, bits: int) -> tuple[float, float]:
    """Theory's and the measured squared error of all layers, in percent of their squared weights."""
    return looking.kept(subject, ("rounding", bits), lambda: _rounded(subject, bits))


def _rounded(subject: Study, bits: int) -> tuple[float, float]:
    energy = {layer.name: _energy(layer) for layer in subject.known}
    laws = {
        layer.name: theory.rounding(_held(layer, Settings(bits=bits)), energy[layer.name])
        for layer in subject.known
        if energy[layer.name]
    }
    total = sum(energy[name] for name in laws) or 1.0
    sides = zip(
        *((law.predicted * energy[name], law.measured * energy[name]) for name, law in laws.items()), strict=True
    )
    predicted, measured = (100 * sum(side) / total for side in sides)
    return predicted, measured


def _held(layer: Layer, settings: Settings) -> Held:
    return Held(layer, settings, compress.matrices(layer, settings), compress.encode(layer, settings))


def _energy(layer: Layer) -> float:
    return float(layer.matrix.double().square().sum())


MEASURES = {"low_rank": low_rank, "theory": theories}
