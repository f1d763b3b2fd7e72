"""`sweep`: many recipes measured by several workers."""

import argparse
import os
from dataclasses import replace

from core import runs
from core.commands import given, interrupts, texts
from core.compress import check
from core.grid import read_grid
from core.layer import layers
from core.loading import Loaded
from core.recipe import Recipe
from core.sweep import Outcome, Parcel, Place, Workers, cluster, processes
from core.sweep import sweep as swept


def sweep(options: argparse.Namespace) -> str:
    """Measure every recipe of a grid or a list, and keep the runs; what is kept already is not measured again."""
    recipes = read_grid(texts.read(options.grid, "grid"))
    loaded = given.model(options)
    _check(recipes, loaded)
    place = Place(given.store(options), _parcel(options, loaded), _workers(options))
    outcomes: list[Outcome] = []
    try:
        with interrupts.heard() as heard:
            for outcome in swept(place, recipes):
                outcomes.append(outcome)
                print(f"{len(outcomes)} of {len(recipes)}: {_line(outcome)}", flush=True)
                if heard:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise ValueError(
            f"stopped after {len(outcomes)} of {len(recipes)}; the same command goes on from there"
        ) from None
    failed = [outcome.failed for outcome in outcomes if outcome.failed]
    if failed:
        raise ValueError(f"{len(failed)} of {len(recipes)} recipes have no figures: {'; '.join(failed)}")
    measured = sum(outcome.fresh for outcome in outcomes)
    return f"{measured} measured, {len(outcomes) - measured} kept from before, in {place.store.path}"


def _check(recipes: list[Recipe], loaded: Loaded) -> None:
    known = layers(loaded.model)
    for i, recipe in enumerate(recipes, 1):
        try:
            check(recipe, known)
        except ValueError as error:
            raise ValueError(f"recipe {i} of {len(recipes)}: {error}") from None


def _parcel(options: argparse.Namespace, loaded: Loaded) -> Parcel:
    subject = runs.subject(loaded, given.data(options, loaded), given.calibration(options))
    return Parcel(replace(given.named(options), data=options.data or loaded.data), subject)


def _workers(options: argparse.Namespace) -> Workers:
    if options.scheduler and options.workers is not None:
        raise ValueError(
            f"workers is {options.workers} and scheduler is '{options.scheduler}', expected one of the two"
        )
    if options.scheduler:
        return cluster(options.scheduler)
    return processes((os.cpu_count() or 1) if options.workers is None else options.workers)


def _line(outcome: Outcome) -> str:
    if outcome.failed:
        return outcome.failed
    figures = outcome.run.report
    kept = "" if outcome.fresh else ", kept from before"
    return (
        f"run {outcome.run.number}, {runs.described(outcome.run)}: accuracy {figures['accuracy']:.4f}, "
        f"{figures['bytes']} bytes{kept}"
    )


OPTIONS = {
    "grid": (("--grid",), {"required": True, "help": "a grid file, or a JSON list of recipes"}),
    "workers": (("--workers",), {"type": int, "help": "processes on this machine; default: one a processor"}),
    "scheduler": (("--scheduler",), {"help": "a Dask scheduler instead, such as tcp://127.0.0.1:8786"}),
}
COMMANDS = {
    "sweep": (sweep, (*given.MEASURED, "grid", "workers", "scheduler", "runs")),
}
