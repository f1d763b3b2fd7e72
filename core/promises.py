"""A folder read back, and the figures of its report held against those that are measured again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from core import encoding, narrowing, report, resting
from core.encoding import Encoded
from core.layer import Layer
from core.loading import Data, Loaded
from core.metrics import METRICS
from core.recipe import Recipe, from_json
from core.shrinking import Shrunk

FILES = ("report.json", "model.safetensors", "recipe.json")


def as_promised(data: Data, promised: Mapping[str, object]) -> Data:
    """The data with the metric that a report names, where none is given."""
    metric = promised.get("metric")
    name = metric.get("name") if isinstance(metric, Mapping) else None
    if data.metric is not None or name is None:
        return data
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(f"report.json: metric is {name!r}, name its module:function with --metric")
    return replace(data, metric=METRICS[name])


def require(name: str, promised: object, found: object) -> None:
    """ValueError where a figure is not the promised one.

    Counts must agree to the digit, sums of logarithms to 12; what rests on logits as float32 sums can agree.
    """
    same = type(promised) is type(found)
    if same and isinstance(found, dict):
        require(f"{name}'s keys", sorted(promised), sorted(found))
        for key in found:
            require(f"{name}.{key}", promised[key], found[key])
    elif same and isinstance(found, list) and len(found) == len(promised):
        for i, (one, other) in enumerate(zip(promised, found, strict=True)):
            require(f"{name}[{i}]", one, other)
    elif not same or (promised != found and not (isinstance(found, float) and _close(name, promised, found))):
        raise ValueError(f"report.json: {name} is {promised!r}, measured {found!r}")


def _close(name: str, promised: float, found: float) -> bool:
    """A calibration error moves by up to 2 / images for each image whose confidence crosses a level."""
    of_logits = name.removesuffix("_dense") in report.SURE or name.startswith("metric.")
    return bool(
        np.isclose(promised, found, rtol=1e-4, atol=1e-3) if of_logits else np.isclose(promised, found, rtol=1e-12)
    )


def require_forms(
    recipe: Recipe,
    asked: tuple[tuple[Layer, ...], Mapping[str, Encoded]],
    encoded: Mapping[str, Encoded],
    small: Shrunk | None,
) -> None:
    """The forms of the file must be those that the recipe asks for, to the number of survivors and of channels.

    Training chooses its own survivors: of a recovered model no more may survive than the recipe leaves.
    """
    known, made = asked
    for layer in known:
        found = encoded[layer.name]
        if recipe.recovered:
            same = encoding.keeps_to(found, made[layer.name])
        else:
            own = made[layer.name] if small is None else narrowing.narrow_layer(layer, made[layer.name], small)
            same = own.form() == found.form() and narrowing.same_sides(own, found)
        if not same:
            raise ValueError(
                f"layer '{layer.name}': model.safetensors holds it in another form than recipe.json asks for"
            )
    for name in encoded.keys() - made.keys():
        if not resting.is_rested(encoded[name], recipe.rest):
            raise ValueError(f"{name}: model.safetensors holds it in another form than recipe.json's rest asks for")


def read(folder: Path, loaded: Loaded) -> tuple[dict[str, object], Recipe, bytes]:
    """The report, the recipe and the weights of a folder; ValueError where it was made from another model."""
    promised, recipe = said(folder, loaded.name, loaded.sha256)
    return promised, recipe, (folder / "model.safetensors").read_bytes()


def said(folder: Path, name: str, sha256: str) -> tuple[dict[str, object], Recipe]:
    """The report and the recipe of a folder; ValueError where it was made from another model than that of the hash."""
    for file in FILES:
        if not (folder / file).is_file():
            raise ValueError(f"'{folder}' lacks {file}, expected a folder that 'apply' wrote")
    try:
        promised = json.loads((folder / "report.json").read_bytes())
        known = promised["format"] == report.FORMAT and isinstance(promised["model"]["sha256"], str)
        recipe = from_json((folder / "recipe.json").read_text("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"'{folder / 'recipe.json'}' is no text, expected a recipe") from None
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise ValueError(f"'{folder / 'report.json'}' is no report, expected one in format {report.FORMAT!r}")
    if promised["model"]["sha256"] != sha256:
        raise ValueError(f"'{folder}' was made from another model, {promised['model']}, not from '{name}'")
    return promised, recipe
