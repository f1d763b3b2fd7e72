"""`runs`: the runs that were kept, listed, shown, named, exported, deleted."""

import argparse

from core import runs
from core.commands import given, texts
from core.runs import Run


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


HEADER = {key: key for key in ("number", "kind", "model", "data", "accuracy", "drop", "bytes", "recipe", "name")}
OPTIONS = {
    "number": (("number",), {"type": int, "help": "a run's number, as 'runs list' shows it"}),
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
}
