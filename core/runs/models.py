"""A recovered run as a model: by its name, with the weights that training made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from core.recipe import Recipe
from core.runs.database import Store
from core.runs.records import Run, Subject, asked
from core.runs.shelf import files, one

PREFIX = "recovered: "
WEIGHTS = "model.safetensors"  # the file that is kept with such a run


class Origin(NamedTuple):
    """What a recovered run was made from. weights: a file, or None. data: what the trained weights are read from."""

    model: str
    weights: str | None
    recipe: Recipe
    data: bytes


def model_name(number: int) -> str:
    """What the recovered run of a number is called where models are named."""
    return f"{PREFIX}{number}"


def number_of(name: str) -> int | None:
    """The number of the run that a model's name stands for, None where it stands for another kind of model."""
    digits = name.removeprefix(PREFIX)
    whole = name.startswith(PREFIX) and digits.isascii() and digits.isdigit() and len(digits) < 19  # SQLite's integers
    return int(digits) if whole else None


def further(store: Store, number: int, subject: Subject, recipe: Recipe) -> Run:
    """The run, before it is measured, of a recipe on the weights that the recovered run of a number keeps."""
    run = one(store, number)
    trained = replace(recipe, recovered=run.recipe.recovered)
    return replace(asked(subject, trained, run.kind, {"after": number}), extra={"source": run.extra.get("source")})


def origin(store: Store, number: int) -> Origin:
    """What a recovered run was made from; ValueError where there is no such run, or no weights are kept with it."""
    run, kept = one(store, number), files(store, number)
    source = run.extra.get("source")
    named = isinstance(source, Mapping) and isinstance(source.get("model"), str)
    if WEIGHTS not in kept or not named:
        raise ValueError(f"run {number} keeps no trained weights, expected one that 'recover' made")
    weights = source.get("weights")
    return Origin(source["model"], weights if isinstance(weights, str) else None, run.recipe, kept[WEIGHTS])
