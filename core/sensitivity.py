"""Each layer alone at a ladder of settings, the others dense: what it costs, measured."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from core import compress, recipe, report
from core.compress import needs_images
from core.encoding import Encoded, Factored, LowRank, shape_of
from core.evaluation import Change, foresee
from core.granting import note
from core.layer import Layer
from core.layouts import laid_out
from core.pipeline import Study
from core.recipe import Recipe, Settings, Value, merged
from core.statistics import Tally, estimate
from core.tallying import tallied
from core.thin import plain, thin_layers

IMAGES = 1000  # a cell is measured on, unless another number is asked for
FEW = 0.8  # of the layer's weights: with more in its factors, running these saves no time
BROKEN = 1.0  # points of accuracy: a layer that loses more has broken

Changes = Mapping[str, Value]
Ladders = Mapping[str, Sequence[Changes]]


class Cell(NamedTuple):
    """One layer at one step of one ladder. technique: the ladder's name. setting: where on it, as its own number."""

    layer: Layer
    technique: str
    setting: float
    settings: Settings


def cells(known: tuple[Layer, ...], base: Settings, ladders: Ladders) -> tuple[Cell, ...]:
    """Every layer's cells, a layer after another in the model's order. base: what a step's changes are made to."""
    return tuple(
        Cell(layer, technique, float(changes[technique]), merged(base, changes))
        for layer in known
        for technique, steps in ladders.items()
        for changes in steps
    )


def sensitivity(study: Study, base: Settings, ladders: Ladders, images: int = IMAGES) -> Iterator[dict[str, object]]:
    """A row a cell as soon as it is measured, on the first `images`; what cannot be done has its reason as `note`.

    A row holds layer, technique, setting and the Settings themselves; accuracy, drop with its 95 % interval and the
    mean divergence from the dense answers (nats an image); the layer's bytes, bits a weight and entropy. Layers come
    in the model's order and resume where they begin: what lies before a layer is computed once for all its cells.
    """
    foresee(study.bench, [] if study.moved else [layer.parameter for layer in study.known], images)
    before = None
    for cell in cells(study.known, base, ladders):
        row, before = _row(study, cell, images, before)
        yield row


def calibrates(base: Settings, ladders: Ladders) -> Recipe:
    """A recipe that rests on calibration images where any step of the ladders does: what to make the study with."""
    steps = [merged(base, changes) for steps in ladders.values() for changes in steps]
    return Recipe(next((settings for settings in steps if needs_images(settings)), base))


class Measured(NamedTuple):
    """What a cell came to: its layer's form and the bytes of that, and the tally."""

    layer: Layer
    encoded: Encoded
    bytes: int
    tally: Tally


def _row(study: Study, cell: Cell, images: int, before: Measured | None) -> tuple[dict[str, object], Measured | None]:
    """A cell's row, and what it came to. before: what the last cell came to, which serves where weights are alike."""
    layer = cell.layer
    head = {"layer": layer.name, "technique": cell.technique, "setting": cell.setting, "settings": cell.settings}
    try:
        encoded = compress.encode(layer, cell.settings, study.at(layer.name))
    except ValueError as error:
        return head | {"note": f"{error}"}, before
    left = note(layer, cell.settings, study.at(layer.name))
    if left and compress.unchanged(layer, encoded):
        return head | {"note": f"layer '{layer.name}': {left}"}, before
    stored = report.layer_row(layer, encoded, study.uses[layer.name])
    alike = before is not None and _alike(before, layer, encoded, stored["bytes"])
    tally = before.tally if alike else alone(study, layer, cell.settings, (encoded, images))
    found = estimate(tally, tally.images)
    row = head | {
        "accuracy": found.accuracy,
        "accuracy_dense": found.accuracy_dense,
        "drop": found.drop,
        "low": found.drop_ci95[0],
        "high": found.drop_ci95[1],
        "divergence": tally.divergence / tally.images,
        "images": tally.images,
        **{name: stored[name] for name in STORED},
        "note": "",
    }
    return row, Measured(layer, encoded, stored["bytes"], tally)


def _alike(before: Measured, layer: Layer, encoded: Encoded, size: int) -> bool:
    """Whether a form gives the weights that the cell before had, as two shares of few ranks do."""
    candidates = (before.layer, before.bytes) == (layer, size) and isinstance(encoded, Factored)
    return candidates and torch.equal(before.encoded.decode(), encoded.decode())


def alone(study: Study, layer: Layer, settings: Settings, measured: tuple[Encoded, int]) -> Tally:
    """The tally of the model with one layer compressed. measured: its encoded form, and how many images are wanted."""
    encoded, images = measured
    thin, stored = _thin(study, layer, encoded), {layer.name: encoded}
    changed = {layer.parameter: layer.weight} if thin else compress.weights((layer,), stored)
    keys = dict.fromkeys(study.moved, "moved") | dict.fromkeys(changed, settings)
    change = Change(study.moved | changed, keys, compress.grids((layer,), stored), thin=thin)
    return tallied(study.bench, change, images)


def _thin(study: Study, layer: Layer, encoded: Encoded) -> dict[str, nn.Module]:
    """The layer as thin ones by its module's name, where that is stored as a product of few enough weights."""
    name, _, parameter = layer.parameter.rpartition(".")
    steps = study.bench.steps
    if not isinstance(encoded, LowRank) or steps is None or parameter != "weight" or study.bench.device != "cpu":
        return {}
    module = study.model.get_submodule(name)
    few = sum(math.prod(shape_of(part)) for part in encoded.factors.values()) < FEW * layer.matrix.numel()
    moved = any(moved.startswith(f"{name}.") for moved in study.moved)
    runs_alone = plain(module) and steps.calls_alone(name) and not moved
    if not few or not runs_alone:
        return {}
    made = thin_layers(module, encoded)
    for one in made if study.bench.base else ():
        one.weight = nn.Parameter(laid_out(one.weight.detach()), requires_grad=False)
    return {name: made}


def table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """The rows as a table, the Settings as the JSON fields that differ from the defaults."""
    plain = [{**row, "settings": differing(row["settings"])} for row in rows]
    return pd.DataFrame(plain, columns=list(COLUMNS))


def differing(settings: Settings) -> dict[str, Value]:
    """The fields that are not their defaults."""
    return recipe.differing(Settings(), settings)


def breaking(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """For each technique its layers in the order in which they break: the first setting that loses over a point.

    A row a technique and layer: `setting` is NaN where every setting held, `step` how many did. What could not be had
    is passed over. Ladders go from mild to harsh.
    """
    found: dict[tuple[str, str], dict[str, object]] = {}
    for row in rows:
        key = row["technique"], row["layer"]
        if row.get("note"):
            continue
        held = found.setdefault(
            key, {"technique": key[0], "layer": key[1], "setting": math.nan, "drop": math.nan, "step": 0}
        )
        if math.isnan(held["setting"]):
            broken = row.get("drop", 0.0) > BROKEN
            held |= {"setting": row["setting"], "drop": row["drop"]} if broken else {"step": held["step"] + 1}
    order = list(dict.fromkeys(technique for technique, _ in found))
    listed = sorted(found.values(), key=lambda row: (order.index(row["technique"]), row["step"]))
    return pd.DataFrame(listed, columns=list(BREAKING))


STORED = ("weights", "bytes", "bits_per_weight", "entropy_bits_per_weight", "macs", "macs_dense")
COLUMNS = (
    *("layer", "technique", "setting", "accuracy", "accuracy_dense", "drop", "low", "high", "divergence", "images"),
    *(*STORED, "settings", "note"),
)
BREAKING = ("technique", "layer", "setting", "drop", "step")
LADDERS: Ladders = {
    "sparsity": tuple({"sparsity": s} for s in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)),
    "bits": tuple({"bits": b} for b in (8, 7, 6, 5, 4, 3, 2, 1)),
    "rank": tuple({"rank": r} for r in (0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02)),
}
