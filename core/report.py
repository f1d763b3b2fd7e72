"""One table per question, and the report of a compressed model."""

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core import encoding, index
from core.certainty import doubt
from core.compress import INDEXED, Held, indexed
from core.encoding import Affine, Codebook, Encoded, Factored, Gridded, Sparse
from core.factoring import Decomposed, Spectrum
from core.layer import Layer
from core.metrics import METRICS
from core.recipe import UNCODED
from core.statistics import Tally, estimate, mean

Row = dict[str, int | float | str | None]

FORMAT = "prunescope/report/1"
SURE = {"predictive_entropy": "entropy", "calibration_error": "error", "loss": "loss"}  # figures of the answers
NAMED = 4  # layers in a sentence
BINS = 81  # odd, so that the middle bin is centred on 0


@dataclass(frozen=True, eq=False)
class Measured:
    """A compressed model and what was counted of it.

    uses: how often one input uses each weight, by layer name. written: bytes of the compressed and the dense file.
    notes: what a layer was left without, by layer name.
    """

    known: tuple[Layer, ...]
    encoded: Mapping[str, Encoded]
    uses: Mapping[str, int | None]
    tally: Tally
    written: tuple[int, int]
    notes: Mapping[str, str] = field(default_factory=dict)


def layer_row(layer: Layer, encoded: Encoded, uses: int | None, note: str = "") -> Row:
    """Weights, stored and removed numbers, sparsity, bits and entropy a weight, MACs by non-zeros of one layer.

    uses: how often one input uses each weight, None where nobody knows. note: what the layer was left without. Plain
    values: a pandas table would take longer than the measuring.
    """
    weights = layer.matrix.numel()
    numbers, removed = encoding.stored_values(encoded), encoding.removed_values(encoded)
    written, matrix = encoding.bits(encoded), encoding.bare(encoded)
    return {
        "layer": layer.name,
        "kind": layer.kind,
        "shape": "x".join(map(str, layer.shape)),
        "weights": weights,
        "stored": numbers,
        "removed": removed,
        "sparsity": removed / numbers,
        "bits_per_weight": written / weights,
        "entropy_bits_per_weight": encoded.information() / weights,
        "bytes": written // 8,
        "macs": None if uses is None else (numbers - removed) * uses,
        "macs_dense": None if uses is None else weights * uses,
        "rank": encoding.shape_of(matrix.factors["left"])[1] if isinstance(matrix, Factored) else layer.full_rank,
        "full_rank": layer.full_rank,
        "inputs_bits": encoded.inputs.bits if isinstance(encoded, Gridded) else UNCODED,
        "note": note,
    }


def left_as_they_were(notes: Mapping[str, str]) -> list[str]:
    """A sentence for each note, with the names of the layers it holds for."""
    names: dict[str, list[str]] = {}
    for layer, note in notes.items():
        if note:
            names.setdefault(note, []).append(layer)
    return [f"{listed(layers)}: {note}" for note, layers in names.items()]


def listed(layers: list[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(layers) if len(layers) <= NAMED else f"{', '.join(layers[:NAMED])} and {len(layers) - NAMED} more"


def bin_edges(layer: Layer, decomposed: Decomposed | None) -> np.ndarray:
    """Edges of the layer's histogram, (BINS + 1,) float32, the same for every position of every slider but rank's off.

    They span all but one in a thousand of the weights, or of the entries of all full-rank factors of `decomposed`.
    """
    held = (layer.matrix,) if decomposed is None else decomposed.factors(layer.full_rank)
    sizes = np.abs(np.concatenate([values.numpy().ravel() for values in held]))
    inside = len(sizes) - 1 - len(sizes) // 1000
    reach = 1.02 * float(np.partition(sizes, inside)[inside]) or 1.0
    reach = min(reach, float(np.finfo(np.float32).max))
    return np.linspace(-reach, reach, BINS + 1, dtype=np.float32)


def histogram(held: Held, edges: np.ndarray) -> pd.DataFrame:
    """A row a bin of the numbers that are stored: its edges, how many survive and how many are removed.

    Of a layer stored whole the numbers are its weights; of a product the entries of its factors.
    """
    parts = [_stays_and_goes(held, values, leaf, edges) for values, leaf in held.pairs]
    kept, removed = (np.sum(side, axis=0) for side in zip(*parts, strict=True))
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "kept": kept, "removed": removed})


def _stays_and_goes(held: Held, values: Tensor, leaf: Encoded, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Survivors and removed a bin; from the layer's index where it has the values."""
    removed, layer = encoding.removed_values(leaf), held.layer
    if indexed(layer, values, held.settings) and not layer.not_finite:
        places = index.places(layer.index, edges)
        gone = np.diff(np.clip(places, *_removed_span(layer, leaf))) if removed else np.zeros(len(edges) - 1, int)
        return np.diff(places) - gone, gone
    whole = np.histogram(values.numpy(), edges)[0]
    gone = np.histogram(values[~leaf.mask].numpy(), edges)[0] if removed else np.zeros_like(whole)
    return whole - gone, gone


def _removed_span(layer: Layer, leaf: Sparse) -> tuple[int, int]:
    """(low, high): values[low:high] of the index are what the mask removes, the smallest magnitudes."""
    removed = encoding.removed_values(leaf)
    last = index.magnitude(layer.index, removed)
    low, high = index.cut(layer.index, np.nextafter(last, np.float32(np.inf)))
    if high - low > removed:  # some weights of the magnitude `last` stay: how many of each sign go?
        low, high = index.cut(layer.index, last)
        negative = int(((layer.matrix == -float(last)) & ~leaf.mask).sum())
        low, high = low - negative, high + removed - (high - low) - negative
    return low, high


def thresholds(held: Held) -> tuple[float, ...]:
    """The largest removed |number| of each stored matrix that a mask cuts; none where the mask does not go by |w|."""
    if (held.settings.criterion, held.settings.pattern) != INDEXED:
        return ()
    return tuple(_largest_removed(held, values, leaf) for values, leaf in held.pairs if encoding.removed_values(leaf))


def _largest_removed(held: Held, values: Tensor, leaf: Sparse) -> float:
    if indexed(held.layer, values, held.settings):
        return float(index.magnitude(held.layer.index, encoding.removed_values(leaf)))
    return float(values[~leaf.mask].abs().max())


def levels(encoded: Encoded) -> np.ndarray:
    """The values that codes can take, ascending, in the group with the middle scale; empty where every float is one.

    A layer with a codebook a row shows the row whose largest level is the middle one.
    """
    leaf = encoding.leaves(encoded)[0]
    coded = leaf.values if isinstance(leaf, Sparse) else leaf
    return LEVELS[type(coded)](coded) if type(coded) in LEVELS else np.empty(0)


def _grid_levels(coded: Affine) -> np.ndarray:
    middle = _middle(coded.scale.flatten())
    codes = torch.arange(2 * coded.zero + 1 if coded.zero else 2**coded.width)
    offset = 0.0 if coded.offset is None else float(coded.offset.flatten()[middle])
    return ((codes - coded.zero) * coded.scale.flatten()[middle] + offset).numpy()


def _book_levels(coded: Codebook) -> np.ndarray:
    row = coded.levels[_middle(coded.levels[:, -1])]
    scale = 1.0 if coded.scale is None else coded.scale.flatten()[_middle(coded.scale.flatten())]
    return np.unique((row * scale).numpy())


def _middle(values: Tensor) -> int:
    return int(values.argsort()[len(values) // 2])


def spectrum(decomposed: Spectrum) -> pd.DataFrame:
    """A row a rank: the singular value (root mean square over groups) and the share of energy kept up to it."""
    squares = decomposed.values.square().mean(0).numpy()
    whole = squares.sum()
    energy = np.cumsum(squares) / whole if whole else np.ones_like(squares)
    return pd.DataFrame({"rank": np.arange(1, len(squares) + 1), "value": np.sqrt(squares), "energy": energy})


def summary(measured: Measured, total: int) -> dict[str, object]:
    """The figures of report.json. total: images there are; accuracies are fractions, drops are points."""
    encoded, uses, notes = measured.encoded, measured.uses, measured.notes
    names = ((layer, layer.name) for layer in measured.known)
    rows = [layer_row(layer, encoded[name], uses[name], notes.get(name, "")) for layer, name in names]
    tally = measured.tally
    found = {name: _known(figure) for name, figure in estimate(tally, total)._asdict().items()}
    written, dense = measured.written
    return {
        "accuracy": found["accuracy"],
        "accuracy_dense": found["accuracy_dense"],
        "drop": found["drop"],
        "drop_ci95": None if found["drop"] is None else list(found["drop_ci95"]),
        "images": tally.images,
        **({} if tally.sure is None else _sure(tally)),
        **({"metric": metric(tally, total)} if tally.pairs else {}),
        "sparsity": total_of(rows, "removed") / total_of(rows, "stored"),
        "weights": total_of(rows, "weights"),
        "bytes": written,
        "bytes_dense": dense,
        "ratio": dense / written,
        "entropy_bits_per_weight": entropy_per_weight(rows),
        "macs": total_of(rows, "macs"),
        "macs_dense": total_of(rows, "macs_dense"),
        "layers": rows,
    }


def _known(figure: float | tuple[float, float]) -> float | tuple[float, float] | None:
    return None if isinstance(figure, float) and math.isnan(figure) else figure


def metric(tally: Tally, total: int) -> Row:
    """The figures of the metric that a tally holds beside its counts.

    value, value_dense: as the metric is shown, an exponential for a perplexity. mean, mean_dense, change: of what each
    image has, for which the paired 95 % interval of the change holds.
    """
    pair = tally.pairs[0]
    found = mean(pair, tally.images, total)
    shown = METRICS[pair.metric].shown if pair.metric in METRICS else float
    return {
        "name": pair.metric,
        "value": shown(found.now),
        "value_dense": shown(found.dense),
        "mean": found.now,
        "mean_dense": found.dense,
        "change": found.change,
        "change_ci95": list(found.change_ci95),
    }


def _sure(tally: Tally) -> dict[str, float]:
    """Predictive entropy (mean, bits), expected calibration error (a fraction), cross-entropy (mean, nats) of both."""
    found = zip(("_dense", ""), map(doubt, tally.sure), strict=True)
    return {f"{name}{of}": getattr(sure, field) for of, sure in found for name, field in SURE.items()}


def total_of(rows: list[Row], column: str) -> int | None:
    """The sum of a column of counts; None where one of them is."""
    counts = [row[column] for row in rows]
    return None if None in counts else sum(counts)


def entropy_per_weight(rows: list[Row]) -> float:
    """The entropy of the codes over all layers, in bits a weight, each weight taken by itself."""
    return math.fsum(row["entropy_bits_per_weight"] * row["weights"] for row in rows) / total_of(rows, "weights")


def versions() -> dict[str, str]:
    """What a figure may depend on beside the model, the data and the recipe."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


LEVELS = {Affine: _grid_levels, Codebook: _book_levels}
