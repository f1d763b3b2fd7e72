"""What the pictures of a lesson are drawn from, and the words that they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from core.encoding import Encoded
from core.layer import Layer
from core.lessons import pictures as arrays
from core.live import Done, Studio
from core.recipe import Recipe
from dashboard import words
from dashboard.live.tiles import COMPRESSED, DENSE, GONE

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn: a whole model by a recipe, and what that changes."""

    studio: Studio
    recipe: Recipe
    done: Done
    version: str

    @property
    def layer(self) -> Layer:
        """The layer with the most weights."""
        return max(self.studio.study.known, key=lambda layer: layer.matrix.numel())

    @property
    def convolution(self) -> Layer:
        """The first convolution with filters to look at; ValueError where there is none."""
        found = arrays.convolutions(self.studio.study.known)
        if not found:
            raise ValueError(f"model '{self.studio.study.loaded.name}' has no convolution over pictures")
        return next((layer for layer in found if layer.kernel > 1), found[0])

    def encoded(self, layer: Layer) -> Encoded:
        """A layer as it is stored."""
        return self.done.encoded[layer.name]

    def asked(self, question: Callable[..., Answer], *rest: object) -> Answer:
        """What a question to the study comes to, in the studio's turn: it runs the model.

        question: takes the study, the change and the rest.
        """
        return self.studio.worker.submit(question, self.studio.study, self.done.change, *rest).result()


def require_finite(layer: Layer) -> None:
    """ValueError where some weights are no numbers, which no sum of squares and no histogram can hold."""
    if layer.not_finite:
        raise ValueError(f"weights of {layer.name} that are NaN or infinite: {words.count(layer.not_finite)}")


def even_span(values: np.ndarray) -> tuple[float, float]:
    """As far below zero as above, over all but one in a hundred of the numbers."""
    reach = float(np.quantile(np.abs(np.nan_to_num(values, posinf=0, neginf=0)), 0.99)) or 1.0
    return -reach, reach


def key(span: tuple[float, float], removed: bool) -> tuple[tuple[str, str], ...]:
    """What the colours of weights stand for, over a span of values; whether some are removed."""
    low, high = (f"{words.MINUS if end < 0 else ''}{words.threshold(abs(end))}" for end in span)
    shown = [(DENSE, f"dense, {low} to {high}"), (COMPRESSED, f"compressed, {low} to {high}")]
    return (*shown, *([(GONE, "removed")] if removed else []))


def choice(part: arrays.Part) -> str:
    """Which rows and columns are shown, for the note."""
    rows, columns = part.shape
    if part.whole:
        return f"all {words.count(rows)} rows and {words.count(columns)} columns"
    some = f"{len(part.rows)} of {words.count(rows)} rows, {len(part.columns)} of {words.count(columns)} columns"
    return f"{some}, evenly chosen"


def names(layer: Layer, part: arrays.Part) -> tuple[list[str], list[str]]:
    """What the rows and columns of a layer's matrix are called."""
    if layer.kind == "Linear":
        return [f"Output {n}" for n in part.rows], [f"input {n}" for n in part.columns]
    if layer.kernel > 1:
        width = layer.weight.shape[-1]
        return [f"Filter {n}" for n in part.rows], [
            f"input {n // layer.kernel}, place {n % layer.kernel // width + 1}/{n % width + 1}" for n in part.columns
        ]
    return plain_names(part)


def plain_names(part: arrays.Part) -> tuple[list[str], list[str]]:
    """What the rows and columns of any matrix are called."""
    return [f"Row {n}" for n in part.rows], [f"column {n}" for n in part.columns]


def sides(shape: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """What the rows and columns of a small picture are called, from 1."""
    return tuple([f"{what} {n + 1}" for n in range(many)] for what, many in zip(("Row", "column"), shape, strict=True))


def some(shown: int, total: int) -> str:
    """How many of a number are shown, for the note."""
    return f"all {total}" if shown == total else f"{shown} of {words.count(total)}, evenly chosen"
