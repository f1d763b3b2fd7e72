"""How removing weights is often taught."""

import pandas as pd

from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study


def below_the_largest_square(subject: Study) -> Measured:
    """Every weight is removed whose square is below the largest square of its layer."""
    matrices = {}
    for layer in subject.known:
        squares = layer.matrix.square()
        matrices[layer.name] = layer.matrix.masked_fill(squares < squares.max(), 0.0)
    stay = {name: int((matrix != 0).sum()) for name, matrix in matrices.items()}
    accuracy = 100 * looking.with_weights(subject, matrices).accuracy
    table = pd.DataFrame({"layer": list(stay), "stay": list(stay.values())})
    return Measured({"stay": sum(stay.values()), "accuracy": accuracy}, table, accuracy)


WRONG = {f.__name__: f for f in (below_the_largest_square,)}
