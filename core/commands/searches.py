"""`sensitivity` and `search`: what each layer bears, and the recipe that bears most within a goal."""

import argparse
import sys
from dataclasses import replace

import pandas as pd
import torch

from core import keeping, pipeline, remembering, runs
from core import sensitivity as each
from core.commands import folders, given, interrupts, texts
from core.fitting import require_answers
from core.keeping import On
from core.loading import Data, Loaded
from core.recipe import Settings, merged, to_json
from core.remembering import Noted
from core.search import Confirmed, Goal, Point, Progress, best, front, holds, spread


def sensitivity(options: argparse.Namespace) -> str:
    """Measure each layer alone at ladders of sparsity, bits and rank, and say in which order they break."""
    loaded, data = _answering(options, "sensitivity")
    base = merged(Settings(), dict(map(given.pair, options.settings)))
    study = pipeline.study(loaded, data, each.calibrates(base, each.LADDERS), given.calibration(options))
    rows = []
    for row in each.sensitivity(study, base, each.LADDERS, options.images):
        _tell(f"{len(rows) + 1} of {len(study.known) * CELLS}")
        rows.append(row)
    table = each.table(rows)
    if options.table:
        texts.write(options.table, table.to_csv(index=False).rstrip("\n"))
    grids = [_grid(table[table["technique"] == technique], technique) for technique in each.LADDERS]
    images = int(table["images"].max())
    return "\n\n".join([f"drop in points on {images} images, one layer at a time", *grids, _order(rows)])


def _answering(options: argparse.Namespace, what: str) -> tuple[Loaded, Data]:
    """The model and its data; ValueError where its answers are neither right nor wrong."""
    loaded = given.model(options)
    data = given.data(options, loaded)
    require_answers(torch.from_numpy(data.targets), what)
    return loaded, data


def _grid(table: pd.DataFrame, technique: str) -> str:
    """Layers down, settings across."""
    rows = []
    for layer, cells in table.groupby("layer", sort=False):
        drops = {f"{cell.setting:g}": "-" if pd.isna(cell.drop) else f"{cell.drop:.1f}" for cell in cells.itertuples()}
        rows.append({technique: layer} | drops)
    return texts.aligned([dict(zip(rows[0], rows[0], strict=True)), *rows])


def _order(rows: list[dict[str, object]]) -> str:
    lines = []
    for technique, held in each.breaking(rows).groupby("technique", sort=False):
        names = [
            f"{row.layer} ({'never' if pd.isna(row.setting) else f'{row.setting:g}'})" for row in held.itertuples()
        ]
        lines.append(f"{technique}: {', '.join(names)}")
    return f"the order in which they lose over {each.BROKEN:g} point\n" + "\n".join(lines)


def search(options: argparse.Namespace) -> str:
    """Find, by measuring, the recipe with the smallest file within a drop, or the least loss within a size."""
    if options.keep < 0:
        raise ValueError(f"keep is {options.keep}, expected a number of recipes from 0 on")
    goal = Goal(options.drop, options.bytes, options.seconds, options.cost, options.seed)
    loaded, data = _answering(options, "search")
    calibration = given.calibration(options)
    points, found, noted = _searched(options, (loaded, data, calibration), goal)
    if not found:
        raise ValueError(f"no recipe keeps to {_asked(goal)}: allow more, or more than {goal.seconds:g} seconds")
    texts.write(
        options.output, to_json(replace(found[-1].recipe, model={"name": loaded.name, "sha256": loaded.sha256}))
    )
    return "\n".join(
        [
            f"{len(points)} recipes measured on {points[0].images} images{_noted(noted)}; the front of them:",
            _front(points, goal),
            f"on {found[0].images} other images:",
            *(_said(point, points[0], goal) for point in found),
            f"wrote {options.output}{_kept(options, (loaded, data, calibration), (found[-1], goal))}"
            f"{_front_kept(options, (loaded, data, calibration), (points, found[-1], goal))}",
        ]
    )


def _searched(options: argparse.Namespace, on: On, goal: Goal) -> tuple[list[Point], tuple[Point, ...], Noted]:
    """Every recipe measured, those confirmed, and how they are kept; an interrupt ends the search with what it has.

    A second interrupt ends it at once.
    """
    points: list[Point] = []
    found: tuple[Point, ...] = ()
    noted = Noted(0, 0)
    with interrupts.heard(grace=1) as heard:
        for step in remembering.searching(lambda: on, goal, lambda: given.store(options), lambda: bool(heard)):
            if isinstance(step, Progress):
                points += [step.point] if step.point else []
                _tell(f"{step.share:4.0%} {step.doing}{_so_far(best(points, goal))}")
            elif isinstance(step, Confirmed):
                found = step.points
            elif isinstance(step, Noted):
                noted = step
    if noted.why:
        print(f"note: what was measured is not kept, {noted.why}", file=sys.stderr)
    return points, found, noted


def _noted(noted: Noted) -> str:
    """Where the recipes are kept, and how many were known."""
    kept = f", kept as search {noted.number}" if noted.number else ""
    return f"{kept}, {noted.known} of them known from before" if noted.known else kept


def _kept(options: argparse.Namespace, given_to: On, outcome: tuple[Point, Goal]) -> str:
    """The result measured on all images but the calibration's and kept as a run, with what was asked of the search."""
    (loaded, data, calibration), (point, goal) = given_to, outcome
    run, answers = runs.measured(
        pipeline.study(loaded, data, point.recipe, calibration),
        runs.asked(runs.subject(loaded, data, calibration), point.recipe),
    )
    confirmed = f"drop {point.drop:.2f} points on {point.images} images that it was not chosen by"
    note = f"found by a search of {goal.seconds:g} s for {_asked(goal)}; {confirmed}"
    return folders.recorded(options, replace(run, name=f"search, {_asked(goal)}", note=note), answers)


def _front_kept(options: argparse.Namespace, on: On, outcome: tuple[list[Point], Point, Goal]) -> str:
    """Up to `--keep` other recipes of the front, measured on all images and kept as runs."""
    points, result, goal = outcome
    others = [each for each in front(points, goal.cost) if each.recipe not in (points[0].recipe, result.recipe)]
    about, note = runs.subject(*on), f"on the front of a search of {goal.seconds:g} s for {_asked(goal)}"
    chosen = spread(others, options.keep) if options.keep else []
    wanted = [
        replace(runs.asked(about, each.recipe), name=f"search, {each.bytes:,} bytes", note=note) for each in chosen
    ]
    numbers: list[int] = []
    try:
        for number in keeping.all_kept(given.store(options), on, wanted):
            numbers.append(number)
            _tell(f"{len(numbers)} of {len(wanted)} recipes of the front kept as runs")
    except ValueError as error:
        print(f"note: {len(wanted) - len(numbers)} recipes of the front are not kept, {error}", file=sys.stderr)
    return f", and of the front {', '.join(map(str, numbers))}" if numbers else ""


def _tell(doing: str) -> None:
    """Say on a terminal what is being done, in a line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r{doing:110.110}\r", end="", file=sys.stderr, flush=True)


def _so_far(found: Point | None) -> str:
    return f", best so far {found.bytes:,} bytes at {found.drop:.2f} points" if found else ""


def _asked(goal: Goal) -> str:
    return f"{goal.bytes} bytes" if goal.drop is None else f"a drop of {goal.drop:g} points"


def _front(points: list[Point], goal: Goal) -> str:
    rows = [
        {"bytes": f"{point.bytes:,}", "ratio": f"{points[0].bytes / point.bytes:.1f}", "drop": f"{point.drop:.2f}"}
        for point in front(points, goal.cost)
    ]
    return texts.aligned([{"bytes": "bytes", "ratio": "times smaller", "drop": "drop"}, *rows])


def _said(point: Point, dense: Point, goal: Goal) -> str:
    held = "holds" if holds(point, goal) else "does not hold"
    return (
        f"{point.bytes:,} bytes, {dense.bytes / point.bytes:.1f} times smaller: accuracy {point.accuracy:.4f}, drop "
        f"{point.drop:.2f} points (95 %: {point.low:.2f} to {point.high:.2f}), {_asked(goal)} {held}"
    )


CELLS = sum(len(steps) for steps in each.LADDERS.values())
OPTIONS = {
    "settings": (("settings",), {"nargs": "*", "metavar": "key=value", "help": "Settings that every cell begins from"}),
    "images": (("--images",), {"type": int, "default": each.IMAGES, "help": "images a cell is measured on"}),
    "table": (("-o", "--output"), {"dest": "table", "help": "a CSV file to write"}),
    "drop": (("--drop",), {"type": float, "help": "points of accuracy that may be lost"}),
    "bytes": (("--bytes",), {"type": int, "help": "bytes that the file may have"}),
    "seconds": (("--seconds",), {"type": float, "default": 600.0, "help": "how long to search"}),
    "keep": (
        ("--keep",),
        {"type": int, "default": 8, "help": "other recipes of the front to measure on all images and keep as runs"},
    ),
    "cost": (("--cost",), {"default": "bytes", "help": "what is to be small: bytes or macs"}),
    "seed": (("--seed",), {"type": int, "default": 0, "help": "of the images' division and the search's chance"}),
}
COMMANDS = {
    "sensitivity": (sensitivity, (*given.ON, "settings", "images", "table")),
    "search": (search, (*given.MEASURED, "drop", "bytes", "seconds", "cost", "seed", "keep", "runs", "output")),
}
