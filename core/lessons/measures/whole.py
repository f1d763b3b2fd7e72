"""The lesson about the whole way: what a file loses at each stage, and what the answers pay."""

import pandas as pd

from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BITS = 4


def why_compress(subject: Study, sparsity: float) -> Measured:
    """The bytes of the file and the right answers, as trained, pruned, in few bits, and both."""
    stages = {
        "as trained": Recipe(),
        "weights removed": Recipe(Settings(sparsity=sparsity)),
        "few bits": Recipe(Settings(bits=BITS)),
        "both": Recipe(Settings(sparsity=sparsity, bits=BITS)),
    }
    written = {name: looking.size(subject, recipe) for name, recipe in stages.items()}
    right = {name: looking.accuracy(subject, recipe) for name, recipe in stages.items()}
    table = pd.DataFrame(
        {"stage": list(stages), "kilobytes": [size / 1000 for size in written.values()], "accuracy": right.values()}
    )
    ratio = {name: written["as trained"] / size for name, size in written.items()}
    figures = {
        "bits": BITS,
        "kilobytes": written["both"] / 1000,
        "kilobytes_dense": written["as trained"] / 1000,
        "ratio": ratio["both"],
        "pruned": ratio["weights removed"],
        "coded": ratio["few bits"],
        "accuracy": right["both"],
        "drop": looking.dense(subject) - right["both"],
        "share": looking.layer(subject, looking.largest(subject)).matrix.numel() / looking.weights(subject),
    }
    return Measured(figures, table, ratio["both"])


MEASURES = {f.__name__: f for f in (why_compress,)}
