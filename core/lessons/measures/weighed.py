"""Lessons about what a file weighs: what its symbols need, and what stages save together."""

import pandas as pd

from core import encoding, pipeline
from core.encoding import Encoded
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BITS = 4
SPARSITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


def entropy(subject: Study, sparsity: float) -> Measured:
    """Bits a weight by Shannon's bound and in the file, for codes of a few bits of which more and more are zero."""
    steps = sorted({*SPARSITIES, sparsity})
    found = {step: _bits(subject, step) for step in steps}
    kinds = ("entropy", "in the file")
    table = pd.DataFrame(
        [
            {"removed": 100 * step, "bits": bits, "what": kind}
            for step, both in found.items()
            for kind, bits in zip(kinds, both, strict=True)
        ]
    )
    needed, written = found[sparsity]
    recipe = coded(subject, sparsity)
    figures = {
        "bits": BITS,
        "needed": needed,
        "written": written,
        "over": 100 * (written / needed - 1) if needed else 0.0,
        "unpruned": found[0.0][0],
        "accuracy": looking.accuracy(subject, recipe),
        "kilobytes": looking.size(subject, recipe) / 1000,
        "plain": looking.weights(subject) * BITS / 8 / 1000,
    }
    return Measured(figures, table, needed)


def _bits(subject: Study, sparsity: float) -> tuple[float, float]:
    """Entropy and bits written, a weight, over all layers."""
    return looking.kept(subject, ("bits a weight", sparsity), lambda: _counted(subject, sparsity))


def _counted(subject: Study, sparsity: float) -> tuple[float, float]:
    encoded = pipeline.encoded_by(subject, coded(subject, sparsity)).values()
    weights = looking.weights(subject)
    return sum(form.information() for form in encoded) / weights, sum(map(encoding.bits, encoded)) / weights


def coded(subject: Study, sparsity: float) -> Recipe:
    """Every layer pruned, the rest in codes of a few bits, one grid a layer."""
    return Recipe(Settings(sparsity=sparsity, bits=BITS, group="tensor"))


def composing(subject: Study, sparsity: float) -> Measured:
    """Bytes and right answers of each stage alone and of all, in the order shape, survivors, storage."""
    recipes = stages(subject, sparsity)
    written = {name: looking.size(subject, recipe) for name, recipe in recipes.items()}
    right = {name: looking.accuracy(subject, recipe) for name, recipe in recipes.items()}
    ratio = {name: written["as trained"] / size for name, size in written.items()}
    drop = {name: right["as trained"] - each for name, each in right.items()}
    table = pd.DataFrame({"stage": list(written), "kilobytes": [size / 1000 for size in written.values()]})
    figures = {
        "bits": BITS,
        "rank": RANK,
        "ratio": ratio["all"],
        "thin": ratio["low rank"],
        "pruned": ratio["pruned"],
        "coded": ratio["few bits"],
        "product": ratio["low rank"] * ratio["pruned"] * ratio["few bits"],
        "kilobytes": written["all"] / 1000,
        "accuracy": right["all"],
        "drop": drop["all"],
        "summed": drop["low rank"] + drop["pruned"] + drop["few bits"],
        "form": _words(pipeline.encoded_by(subject, recipes["all"])[looking.largest(subject)]),
    }
    return Measured(figures, table, ratio["all"])


def stages(subject: Study, sparsity: float) -> dict[str, Recipe]:
    """A recipe for each stage alone and one for all. The largest layer alone has a lower rank: others have none to
    spare."""
    thin = {looking.largest(subject): {"rank": RANK, "factorizer": "svd"}}
    return {
        "as trained": Recipe(),
        "low rank": Recipe(layers=thin),
        "pruned": Recipe(Settings(sparsity=sparsity)),
        "few bits": Recipe(Settings(bits=BITS)),
        "all": Recipe(Settings(sparsity=sparsity, bits=BITS), thin),
    }


def all_stages(subject: Study, sparsity: float) -> Recipe:
    """The recipe of all stages."""
    return stages(subject, sparsity)["all"]


def _words(encoded: Encoded) -> str:
    """The nesting of an encoded form, as `LowRank(Sparse(Affine))`."""
    parts = [_words(part) for part in INSIDE[type(encoded)](encoded)] if type(encoded) in INSIDE else []
    return type(encoded).__name__ + (f"({', '.join(parts)})" if parts else "")


RANK = 0.5
INSIDE = {
    encoding.LowRank: lambda form: (form.left, form.right),
    encoding.Sparse: lambda form: (form.values,),
}
MEASURES = {f.__name__: f for f in (entropy, composing)}
