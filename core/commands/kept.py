"""`runs`: the runs and the searches that were kept, listed, shown, named, exported, deleted."""

import argparse

from core import remembering, runs
from core.commands import given, texts
from core.runs import Run
from core.runs import searches as shelf
from core.runs.searches import Searched
from core.search import CONFIRMED, SEARCHED


def list_runs(options: argparse.Namespace) -> str:
    """A line for each kept run: number, name, model, data, what the recipe does, accuracy, drop, bytes."""
    found = runs.listed(given.store(options))
    return texts.aligned([HEADER, *map(_row, found)]) if found else "no runs yet; 'apply' and 'sweep' keep theirs"


def _row(run: Run) -> dict[str, object]:
    figures = run.report
    return {
        "number": run.number,
        "kind": run.kind,
        "model": run.subject.model,
        "data": run.subject.data,
        "accuracy": f"{figures['accuracy']:.4f}" if "accuracy" in figures else None,
        "drop": f"{figures['drop']:.2f}" if "drop" in figures else None,
        "bytes": figures.get("bytes"),
        "recipe": runs.described(run),
        "name": run.name,
    }


def show(options: argparse.Namespace) -> str:
    """All that is kept of a run, as JSON."""
    return runs.to_json([runs.one(given.store(options), options.number)])


def export(options: argparse.Namespace) -> str:
    """Write all kept runs to a file, as JSON or CSV."""
    found = runs.listed(given.store(options))
    texts.write(options.output, (runs.to_csv if options.csv else runs.to_json)(found).rstrip("\n"))
    return f"wrote {len(found)} runs to {options.output}"


def delete(options: argparse.Namespace) -> str:
    """Delete a run and what was kept with it."""
    runs.delete(given.store(options), options.number)
    return f"deleted run {options.number}"


def name(options: argparse.Namespace) -> str:
    """Give a run a name."""
    runs.rename(given.store(options), options.number, options.text)
    return f"run {options.number} is '{options.text}'"


def note(options: argparse.Namespace) -> str:
    """Give a run a note."""
    runs.annotate(given.store(options), options.number, options.text)
    return f"noted at run {options.number}"


def searches(options: argparse.Namespace) -> str:
    """A line for each kept search: number, when, model, data, what was asked, how many recipes it measured."""
    found = shelf.listed(given.store(options))
    rows = [_searched(search) for search in found]
    return texts.aligned([dict(zip(rows[0], rows[0], strict=True)), *rows]) if rows else "no searches yet"


def _searched(search: Searched) -> dict[str, object]:
    goal = search.goal
    asked = f"{goal.get('drop')} points" if goal.get("bytes") is None else f"{goal['bytes']} bytes"
    return {
        "number": search.number,
        "at": search.at,
        "model": search.subject.model,
        "data": search.subject.data,
        "at most": asked,
        "seconds": goal.get("seconds"),
        "seed": search.seed,
        "recipes": search.count.get(SEARCHED, 0),
        "confirmed": search.count.get(CONFIRMED, 0),
    }


def points(options: argparse.Namespace) -> str:
    """Write every recipe that a search measured to a file, as JSON or CSV, with the images it was measured on."""
    found = remembering.past(given.store(options), options.number)
    texts.write(options.output, (remembering.to_csv if options.csv else remembering.as_json)(found).rstrip("\n"))
    return (
        f"wrote {len(found.points)} recipes measured on the searching images and {len(found.confirmed)} confirmed on "
        f"others to {options.output}"
    )


def forget(options: argparse.Namespace) -> str:
    """Delete a search and the recipes that no other search measured."""
    shelf.forget(given.store(options), options.number)
    return f"deleted search {options.number}"


HEADER = {key: key for key in ("number", "kind", "model", "data", "accuracy", "drop", "bytes", "recipe", "name")}
OPTIONS = {
    "number": (("number",), {"type": int, "help": "a run's number, as 'runs list' shows it"}),
    "search": (("number",), {"type": int, "help": "a search's number, as 'runs searches' shows it"}),
    "text": (("text",), {"help": "the words"}),
    "csv": (("--csv",), {"action": "store_true", "help": "as CSV"}),
}
COMMANDS = {
    "runs list": (list_runs, ("runs",)),
    "runs show": (show, ("number", "runs")),
    "runs export": (export, ("csv", "output", "runs")),
    "runs delete": (delete, ("number", "runs")),
    "runs name": (name, ("number", "text", "runs")),
    "runs note": (note, ("number", "text", "runs")),
    "runs searches": (searches, ("runs",)),
    "runs points": (points, ("search", "csv", "output", "runs")),
    "runs forget": (forget, ("search", "runs")),
}
