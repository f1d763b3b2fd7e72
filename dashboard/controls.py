"""Widgets to Settings: what the three sliders stand for, and the changes they make to a recipe."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from core import coding, factoring, index, planning, pruning
from core.coding import CODERS, WIDTHS, fitted, nearest_width
from core.compress import INDEXED, rank_of
from core.factoring import FACTORIZERS
from core.layer import Layer
from core.live import Studio
from core.patterns import PATTERNS, removed_count
from core.pruning import CRITERIA
from core.recipe import INPUTS_BITS, REST, UNCODED, Recipe, Settings, Value, with_change
from dashboard import state, words
from dashboard.live.slider import Scale
from dashboard.state import BELOW, EACH, POOLED, Position

MODES = {EACH: "of each layer", POOLED: "of all together", BELOW: "|w| below"}
GROUPS = {"channel": "per channel", "tensor": "per layer", "64": "per block of 64"}
COMPENSATION_NAMES = {
    "none": "no refit",
    "outputs": "refit outputs",
    "columns": "sweep columns",
    "loss": "refit the loss",
}
STEPS_NAMES = {"1": "in one step"} | {str(steps): f"in {steps} steps" for steps in (2, 4, 8, 16)}
BESIDE_NAMES = {
    "bias": {"keep": "biases kept", "correct": "biases corrected"},
    "batchnorm": {"keep": "norms kept", "recalibrate": "norms recalibrated"},
    "shrink": {"keep": "channels kept", "remove": "channels shrunk"},
    "equalize": {"keep": "ranges kept", "ranges": "ranges equalized"},
    "rest": {"keep": "rest: 32-bit"} | {name: f"rest: {name}" for name in REST[1:]},
}
INPUTS_NAMES = {str(bits): f"inputs: {bits} bits" for bits in INPUTS_BITS[:-1]} | {str(UNCODED): "inputs: 32-bit"}
SCALE_NAMES = {"range": "whole range", "percentile": "99.9th percentile", "squared_error": "least squared error"}
CODER_NAMES = {name: name for name in CODERS}
CRITERION_NAMES = {name: name for name in CRITERIA}
PATTERN_NAMES = {name: name.replace("_", " ") for name in PATTERNS}
FACTORIZER_NAMES = {name: name for name in FACTORIZERS}
RANK_NAMES = {"fraction": "by rank", "energy": "by energy kept", "error": "by error allowed"}
PLOT_NAMES = {
    state.SPECTRUM: "plot: singular values",
    state.ENTROPY: "plot: predictive entropy H(Y)",
    state.LABELS: "plot: predictive entropy by label",
    state.RELIABILITY: "plot: confidence and what is right",
    state.THEORY: "plot: theory beside measurement",
}
NO_ERROR = 1e-9  # what Rank by error stands at where nothing is to be cut
MOST = 99.9  # per cent that the Prune slider can remove


def modes(position: Position) -> dict[str, str]:
    """What the Prune slider can count in, for what it acts on."""
    each = {EACH: MODES[EACH] if not position.layer else f"of {position.layer}"}
    if settings_of(position).criterion != "magnitude":
        return each
    return each | {BELOW: MODES[BELOW]} if position.layer else MODES


def chosen(studio: Studio, position: Position) -> Layer | None:
    """The layer that the sliders act on, or None for all."""
    return next((layer for layer in studio.study.known if layer.name == position.layer), None)


def shown(studio: Studio, position: Position) -> Layer:
    """The layer that the plots show: the one acted on, or the largest."""
    return chosen(studio, position) or max(studio.study.known, key=lambda layer: layer.matrix.numel())


def settings_of(position: Position) -> Settings:
    """The Settings that the sliders stand for."""
    return position.recipe.settings(position.layer)


def prune_scale(studio: Studio, position: Position) -> Scale:
    """The Prune slider: per cent removed, or a threshold on |w| over the layer's own range."""
    subject = f"{position.model} {position.layer} {position.mode}"
    if position.mode != BELOW:
        return Scale("Prune", 0, MOST, 0.1, digits=1, unit="%", subject=subject, hint=_prune_hint(studio, position))
    reach = _reach(studio, position)
    step = 10 ** math.floor(math.log10(reach / 300))
    digits = max(0, -math.floor(math.log10(step)))
    high = math.ceil(reach / step) * step
    return Scale("Prune |w| below", 0, high, step, digits=digits, subject=subject, hint=_prune_hint(studio, position))


def _reach(studio: Studio, position: Position) -> float:
    layer = chosen(studio, position)
    known = studio.study.known if layer is None else (layer,)
    reaches = [max(-float(each.index.values[0]), float(each.index.values[-1])) for each in known if not each.not_finite]
    return max(reaches, default=0.0) or 1.0


def _prune_hint(studio: Studio, position: Position) -> str:
    settings, layer = settings_of(position), shown(studio, position)
    if not settings.prunes:
        return "off: every weight stays · sparsity"
    if settings.threshold is not None:
        return f"removes |w| below {words.threshold(settings.threshold)} · threshold"
    if (settings.criterion, settings.pattern) != INDEXED:
        return f"removes the lowest by {settings.criterion}, {PATTERN_NAMES[settings.pattern]} · sparsity"
    count = removed_count(layer.matrix.numel(), settings.sparsity)
    if not count or layer.not_finite or settings.factors:
        return "removes the smallest |w| · sparsity"
    last = float(index.magnitude(layer.index, count))
    return f"removes |w| up to {words.threshold(last)} in {layer.name} · sparsity"


def prune_value(studio: Studio, position: Position) -> float:
    """Where the Prune slider stands, in the units of its scale."""
    settings = settings_of(position)
    if position.mode == BELOW:
        return settings.threshold or 0.0
    if settings.threshold is None:
        return 100 * settings.sparsity
    pool = studio.pool if position.mode == POOLED else shown(studio, position).index
    low, high = index.cut(pool, settings.threshold)
    return 100 * (high - low) / pool.values.size


def pruned(studio: Studio, position: Position, value: float) -> Recipe:
    """The recipe once the Prune slider stands at `value`."""
    layer = position.layer or None
    if position.mode == BELOW:
        return with_change(position.recipe, layer, {"threshold": value or None, "sparsity": 0.0})
    share = min(value, MOST) / 100
    if position.mode == EACH:
        return with_change(position.recipe, layer, {"sparsity": round(share, 6)})
    goal = (studio.pool, removed_count(studio.pool.values.size, share))
    found = planning.global_threshold(studio.study.known, Settings(), goal).default
    return with_change(position.recipe, None, {"threshold": found.threshold, "sparsity": 0.0})


def bits_scale(studio: Studio, position: Position) -> Scale:
    """The Bits slider: the bits that the coder can be asked for, then off."""
    hint = "off: weights stay 32-bit numbers" if settings_of(position).bits == UNCODED else "bits a weight that stays"
    stops = tuple("off" if bits == UNCODED else str(bits) for bits in _widths(position))
    subject = f"{position.model} {position.layer} {' '.join(stops)}"
    return Scale("Bits", stops=stops, subject=subject, hint=hint, disabled=len(stops) == 1)


def _widths(position: Position) -> tuple[int, ...]:
    return (*WIDTHS[settings_of(position).coder], UNCODED)


def bits_value(studio: Studio, position: Position) -> float:
    """The place of the bits among the stops."""
    settings = settings_of(position)
    return float(_widths(position).index(nearest_width(settings.coder, settings.bits)))


def rank_scale(studio: Studio, position: Position) -> Scale:
    """The Rank slider: a rank of the layer, or per cent of each layer's full one; full at its right end."""
    by = settings_of(position).rank_by
    layer, subject = chosen(studio, position), f"{position.model} {position.layer} {by}"
    if layer and layer.full_rank < 2:
        hint = "every filter is a single row: there is no rank to cut"
        return Scale("Rank", 0, 1, 1, off_at=1.0, off_text="full", subject=subject, hint=hint, disabled=True)
    if by in SHARES:
        return replace(SHARES[by], subject=subject)
    if layer is None:
        hint = "per cent of each layer's full rank · low rank, SVD"
        return Scale("Rank", 1, 100, 1, unit="%", off_at=100.0, off_text="full", subject=subject, hint=hint)
    full = layer.full_rank
    hint = f"smaller than the matrix below rank {_break_even(layer)} of {full} · SVD"
    return Scale("Rank", 1, full, 1, off_at=float(full), off_text="full", subject=subject, hint=hint)


def _break_even(layer: Layer) -> int:
    """The smallest rank whose two factors hold as many numbers as the matrix."""
    rows, columns = layer.matrix.shape[0] // layer.groups, layer.matrix.shape[1]
    return math.ceil(rows * columns / (rows + columns))


def rank_value(studio: Studio, position: Position) -> float:
    """Where the Rank slider stands, in the units of its scale."""
    layer, settings = chosen(studio, position), settings_of(position)
    if layer and layer.full_rank < 2:
        return 1.0
    if settings.rank_by in SHARES:
        return 0.0 if settings.rank == NO_ERROR else 100 * settings.rank
    if layer is not None:
        return float(rank_of(layer, settings))
    return float(round(100 * settings.rank)) if settings.rank < 1 else 100.0


def ranked(studio: Studio, position: Position, value: float) -> Recipe:
    """The recipe once the Rank slider stands at `value`."""
    layer = chosen(studio, position)
    if settings_of(position).rank_by in SHARES:
        return changed(position, {"rank": min(1.0, value / 100) or NO_ERROR})
    full = 100 if layer is None else layer.full_rank
    return changed(position, {"rank": 1.0 if value >= full else max(1, value) / full})


def ranked_by(position: Position, by: str) -> Recipe:
    """The recipe once the Rank slider counts in another way, at its off position."""
    return changed(position, {"rank_by": by, "rank": NO_ERROR if by == "error" else 1.0})


def coded(studio: Studio, position: Position, value: float) -> Recipe:
    """The recipe once the Bits slider stands at `value`."""
    return changed(position, {"bits": _widths(position)[int(value)]})


def changed(position: Position, changes: dict[str, Value]) -> Recipe:
    """The recipe with other fields of the Settings that the sliders stand for, all bits at some its coder can do."""
    return fitted(with_change(position.recipe, position.layer or None, changes))


def in_mode(studio: Studio, position: Position, mode: str) -> Recipe:
    """The recipe that removes as near the same as can be once the Prune slider counts in another mode."""
    settings = settings_of(position)
    if not settings.prunes or mode == position.mode:
        return position.recipe
    share = _removed_share(studio, position)
    if mode == EACH:
        return changed(position, {"sparsity": min(round(share, 4), MOST / 100)})
    layer = chosen(studio, position)
    pool = studio.pool if layer is None else layer.index
    count = removed_count(pool.values.size, share)
    return changed(position, {"threshold": float(index.magnitude(pool, count + 1)) if count else None, "sparsity": 0.0})


def _removed_share(studio: Studio, position: Position) -> float:
    settings, layer = settings_of(position), chosen(studio, position)
    if settings.threshold is None:
        return settings.sparsity
    pool = studio.pool if layer is None else layer.index
    low, high = index.cut(pool, settings.threshold)
    return (high - low) / pool.values.size


def note(position: Position) -> str:
    """What a common tutorial says of the method at work, and what is wrong with it; '' where it is right."""
    settings = settings_of(position)
    at_work = (
        (settings.prunes, pruning.NOTES.get(settings.criterion)),
        (settings.bits < UNCODED, coding.NOTES.get(settings.coder)),
        (settings.factors, factoring.NOTES.get(settings.factorizer)),
    )
    return next((words for works, words in reversed(at_work) if works and words), "")


class Control(NamedTuple):
    """A slider: its scale and value at a position, and the recipe once it stands at another value."""

    scale: Callable[[Studio, Position], Scale]
    value: Callable[[Studio, Position], float]
    recipe: Callable[[Studio, Position, float], Recipe]


SHARES = {
    "energy": Scale(
        "Rank", 1, 100, 0.1, 1, "%", off_at=100.0, off_text="full", hint="energy kept, per cent of all squares"
    ),
    "error": Scale(
        "Rank", 0, 100, 0.1, 1, "%", off_at=0.0, off_text="full", hint="error allowed, per cent of the weights"
    ),
}
SLIDERS = {
    "prune": Control(prune_scale, prune_value, pruned),
    "bits": Control(bits_scale, bits_value, coded),
    "rank": Control(rank_scale, rank_value, ranked),
}
