"""Many recipes from one file: a list of them, or a base and what is varied about it."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.recipe import BESIDE, FIELDS, Recipe, Value, from_json, merged, parsed, with_change
from core.recipe import FORMAT as RECIPE

FORMAT = "prunescope/grid/1"
KEYS = ("format", "base", "grid")
MOST = 100_000  # recipes
LAYER = "layers."


def read_grid(text: str) -> list[Recipe]:
    """The recipes of a grid file, or of a JSON list of recipes; ValueError names what it does not know or cannot be."""
    document = parsed(text, "grid", "a grid or a list of recipes")
    if isinstance(document, list):
        return _listed(document)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        given = document.get("format") if isinstance(document, dict) else document
        raise ValueError(f"grid: format is {given!r}, expected {FORMAT!r} or a list of recipes")
    unknown = [key for key in document if key not in KEYS]
    if unknown:
        raise ValueError(f"grid: unknown key {unknown[0]!r}, expected one of {', '.join(KEYS)}")
    axes, base = document.get("grid"), document.get("base", {})
    if not isinstance(axes, dict) or not axes or not isinstance(base, dict):
        raise ValueError("grid: expected 'grid', an object such as {\"sparsity\": [0.5, 0.9]}, and 'base', a recipe")
    return _product(from_json(json.dumps({"format": RECIPE} | base)), axes)


def _listed(documents: Sequence[object]) -> list[Recipe]:
    if not documents:
        raise ValueError("grid: the list is empty, expected recipes")
    found = []
    for i, document in enumerate(documents, 1):
        try:
            found.append(from_json(json.dumps(document)))
        except ValueError as error:
            raise ValueError(f"grid: recipe {i}: {error}") from None
    return found


def _product(base: Recipe, axes: Mapping[str, object]) -> list[Recipe]:
    """A recipe for every combination, the last axis fastest."""
    for key, values in axes.items():
        if not _is_known(key):
            known = ", ".join(FIELDS + tuple(BESIDE))
            raise ValueError(f"grid: unknown key {key!r}, expected one of {known}, or layers.NAME.FIELD")
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid: {key} is {values!r}, expected a list of values")
    total = math.prod(map(len, axes.values()))
    if total > MOST:
        raise ValueError(f"grid: it makes {total} recipes, expected {MOST} at most")
    return [_at(base, dict(zip(axes, point, strict=True))) for point in itertools.product(*axes.values())]


def _is_known(key: str) -> bool:
    name, _, field = key.removeprefix(LAYER).rpartition(".")
    return key in (*FIELDS, *BESIDE) or bool(key.startswith(LAYER) and name and field in FIELDS)


def _at(base: Recipe, point: Mapping[str, Value]) -> Recipe:
    """The base with every value of a point: the default first, because a layer keeps what differs from it."""
    beside = {key: value for key, value in point.items() if key in BESIDE}
    default = {key: value for key, value in point.items() if key in FIELDS}
    layers: dict[str, dict[str, Value]] = {}
    for key, value in point.items():
        if key.startswith(LAYER):
            name, _, field = key.removeprefix(LAYER).rpartition(".")
            layers.setdefault(name, {})[field] = value
    try:
        recipe = replace(base, default=merged(base.default, default), **beside)
        for name, changes in layers.items():
            recipe = with_change(recipe, name, changes)
    except (ValueError, TypeError) as error:
        raise ValueError(f"grid: at {dict(point)}: {error}") from None
    return recipe
