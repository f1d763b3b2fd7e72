"""The pictures of a lesson as arrays: a layer's weights before and after, and what an image becomes inside it.

What a model cannot have is a ValueError that says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import encoding
from core.encoding import Affine, Codebook, Encoded, Factored, Kept, Sparse
from core.evaluation import Change
from core.inputs import rounding
from core.layer import Layer
from core.pipeline import Study
from core.replacing import run_with
from core.seen.watching import Pass, Use, watch

ROWS, COLUMNS = 32, 64  # of a matrix that are shown at most
CODE_ROWS, CODE_COLUMNS = 16, 16  # where each cell bears its number
RUN = 8  # columns that are shown beside each other: patterns of 2 in 4 and 4 in 8 stay whole
FILTERS = 16
MAPS = 12


class Part(NamedTuple):
    """Rows and columns of a matrix that are shown, by their numbers from 0, and the shape of the whole matrix."""

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return (len(self.rows), len(self.columns)) == self.shape

    def of(self, matrix: np.ndarray) -> np.ndarray:
        """The shown cells of a matrix of that shape."""
        return matrix[np.ix_(self.rows, self.columns)]


@dataclass(frozen=True, eq=False)
class Plane:
    """Cells of a layer's matrix: `before`, `after` float32 and `removed` bool, each (rows, columns) of `part`.

    lost: the squared error of the whole matrix as a share of its squared weights; 0 of a matrix of zeros.
    """

    part: Part
    before: np.ndarray
    after: np.ndarray
    removed: np.ndarray
    lost: float


@dataclass(frozen=True, eq=False)
class Filters:
    """Kernels of a convolution, (n, height, width) each, with the numbers of their filters and inputs; `total` it has.

    inputs: within the filter's own group.
    """

    before: np.ndarray
    after: np.ndarray
    removed: np.ndarray
    filters: np.ndarray
    inputs: np.ndarray
    total: int


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes of a stored matrix, whole numbers below `count`, and what each cell decodes to; (rows, columns) of `part`.

    which: 'weights', or the name of the factor whose codes they are.
    """

    part: Part
    codes: np.ndarray
    values: np.ndarray
    removed: np.ndarray
    count: int
    which: str


@dataclass(frozen=True, eq=False)
class Maps:
    """What channels of a convolution give for one image, (n, height, width) each, dense and compressed.

    removed: (n,) bool, channels that are left without a weight, of which the layer has `removed_of`. channels: their
    numbers. total: channels of the layer.
    """

    dense: np.ndarray
    compressed: np.ndarray
    removed: np.ndarray
    channels: np.ndarray
    removed_of: int
    total: int


class Answered(NamedTuple):
    """What the dense and the compressed model answer: the probability of each class, (classes,) float64."""

    dense: np.ndarray
    compressed: np.ndarray


def even(count: int, most: int, run: int = 1) -> np.ndarray:
    """At most `most` of the numbers 0 to count - 1, ascending, in runs of `run` neighbours spread evenly over all."""
    if count <= most:
        return np.arange(count)
    run = min(run, most)
    starts = np.linspace(0, count // run - 1, most // run).round().astype(int) * run
    return (starts[:, None] + np.arange(run)).ravel()


def part(layer: Layer, rows: int = ROWS, columns: int = COLUMNS) -> Part:
    """An even choice of a layer's rows and columns; a convolution's kernels stay whole where they fit."""
    return _part(tuple(layer.matrix.shape), (rows, columns), layer.kernel if layer.kernel > 1 else RUN)


def _part(shape: tuple[int, int], most: tuple[int, int], run: int) -> Part:
    return Part(even(shape[0], most[0]), even(shape[1], most[1], run), shape)


def plane(layer: Layer, encoded: Encoded) -> Plane:
    """The layer's matrix before and after, with the cells that are removed, of an even choice of rows and columns."""
    shown, after = part(layer), encoded.decode()
    cells = (layer.matrix, after, gone(layer, encoded))
    lost = _energy(layer.matrix - after) / (_energy(layer.matrix) or 1.0)
    return Plane(shown, *(shown.of(each.numpy()) for each in cells), lost)


def _energy(matrix: Tensor) -> float:
    """The sum of the squares; float32 within a row, where there are too few to lose any."""
    return float(matrix.square().sum(1).double().sum())


def gone(layer: Layer, encoded: Encoded) -> Tensor:
    """Which weights are removed, (out, in) bool; none of a product of factors, whose entries are removed instead."""
    stored = encoding.bare(encoded)
    if isinstance(stored, Kept):
        inner = gone(layer, stored.values) if isinstance(stored.values, Sparse) else torch.tensor(False)
        whole = torch.ones(stored.shape, dtype=torch.bool)
        whole[stored.rows.nonzero(), stored.columns.nonzero().flatten()] = inner
        return whole
    return ~stored.mask if isinstance(stored, Sparse) else torch.zeros(layer.matrix.shape, dtype=torch.bool)


def convolutions(known: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers that are convolutions over pictures, with kernels of more than one position."""
    return tuple(layer for layer in known if layer.kind.startswith("Conv") and layer.weight.dim() == 4)


def filters(layer: Layer, encoded: Encoded) -> Filters:
    """An even choice of a convolution's kernels, before and after, with the cells that are removed."""
    if not convolutions((layer,)) or layer.kernel == 1:
        raise ValueError(
            f"{layer.name} has no filters to look at: it is no convolution with a kernel of several weights"
        )
    inputs, height, width = layer.weight.shape[1:]
    total = layer.matrix.numel() // layer.kernel
    chosen = even(total, FILTERS)
    cells = (layer.matrix, encoded.decode(), gone(layer, encoded))
    sides = (each.reshape(total, height, width).numpy()[chosen] for each in cells)
    return Filters(*sides, chosen // inputs, chosen % inputs, total)


def codes(layer: Layer, encoded: Encoded) -> Codes:
    """The codes that a layer is stored in, of an even choice of rows and columns."""
    stored = encoding.bare(encoded)
    if isinstance(stored, Kept):
        raise ValueError(f"{layer.name} is stored as a smaller matrix: look at its codes with all its channels kept")
    which, leaf = next(iter(stored.factors.items())) if isinstance(stored, Factored) else ("weights", stored)
    values = leaf.values if isinstance(leaf, Sparse) else leaf
    if not isinstance(values, Affine | Codebook):
        raise ValueError(f"{layer.name} has no codes: its numbers are stored as floats, each by itself")
    found, _ = values.symbols()
    removed = ~leaf.mask if isinstance(leaf, Sparse) else torch.zeros(found.shape, dtype=torch.bool)
    shown = _part(tuple(found.shape), (CODE_ROWS, CODE_COLUMNS), RUN)
    cells = (found.int(), leaf.decode(), removed)
    return Codes(shown, *(shown.of(each.numpy()) for each in cells), _count(values), which)


def _count(coded: Affine | Codebook) -> int:
    """How many codes there are; an even grid around 0 leaves the last of its width unused."""
    if isinstance(coded, Codebook):
        return coded.levels.shape[1]
    return 2 * coded.zero + 1 if coded.zero else 2**coded.width


def maps(study: Study, change: Change, layer: Layer, image: int) -> Maps:
    """What an even choice of a convolution's channels gives for one image, in the dense and the compressed model."""
    if not convolutions((layer,)):
        raise ValueError(f"{layer.name} has no pictures inside: it is no convolution over pictures")
    if change.model is not None:
        raise ValueError(f"{layer.name}: channels that are removed everywhere are in this model no more")
    inputs = study.bench.inputs[image : image + 1]
    sides = [_outputs(study, each, layer, inputs) for each in (Change({}, {}), change)]
    total = layer.matrix.shape[0]
    weight = change.tensors.get(layer.parameter)
    empty = np.zeros(total, bool) if weight is None else ~layer.matrix_of(weight).bool().any(1).numpy()
    chosen = even(total, MAPS)
    dense, compressed = (side[chosen] for side in sides)
    return Maps(dense, compressed, empty[chosen], chosen, int(empty.sum()), total)


def _outputs(study: Study, change: Change, layer: Layer, inputs: Tensor) -> np.ndarray:
    """What a layer gives for one image, (channels, height, width), at its first use."""
    model, found = study.bench.model, []

    def visit(use: Use) -> None:
        found.append(use.outputs.detach().float().cpu().clone())

    own = dict(model.state_dict(keep_vars=True)) if layer.parameter not in change.tensors else change.tensors
    tensors = _placed(study, {**change.tensors, layer.parameter: own[layer.parameter]})
    watched = Pass({id(tensors[layer.parameter]): layer.name}, visit, {})
    with torch.no_grad(), rounding(model, tensors, change.inputs):
        watch(lambda x: run_with(model, tensors, (x,)), inputs.to(study.bench.device), watched)
    if not found or found[0].dim() != 4:
        raise ValueError(f"{layer.name} has no pictures inside: the model takes its weight in a way of its own")
    return found[0][0].numpy()


def answered(study: Study, change: Change, inputs: Tensor) -> Answered:
    """What both models answer to one input, (1, ...); ValueError where their answers are no class an input."""
    dense, compressed = (_probabilities(study, each, inputs) for each in (Change({}, {}), change))
    return Answered(dense, compressed)


def _probabilities(study: Study, change: Change, inputs: Tensor) -> np.ndarray:
    model, tensors = change.model or study.bench.model, _placed(study, change.tensors)
    with torch.no_grad(), rounding(model, tensors, change.inputs):
        logits = run_with(model, tensors if change.model is None else {}, (inputs.clone().to(study.bench.device),))
    if logits.dim() != 2:
        raise ValueError(f"the model answers an input with {tuple(logits.shape[1:])} numbers, expected one a class")
    return torch.softmax(logits[0].double().nan_to_num(), 0).cpu().numpy()


def _placed(study: Study, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(study.bench.device) for name, tensor in tensors.items()}
