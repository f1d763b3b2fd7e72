"""Runs as JSON and CSV for other programs."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict

from core.runs.records import Run, described

FORMAT = "prunescope/runs/1"
FIGURES = (
    "accuracy",
    "accuracy_dense",
    "drop",
    "images",
    "calibration_images",
    "sparsity",
    "weights",
    "bytes",
    "bytes_dense",
    "ratio",
    "entropy_bits_per_weight",
    "macs",
    "macs_dense",
)


def to_json(runs: Iterable[Run]) -> str:
    """Everything that is kept of the runs but what is kept for each image."""
    return json.dumps({"format": FORMAT, "runs": [_document(run) for run in runs]}, indent=1, allow_nan=False)


def _document(run: Run) -> dict[str, object]:
    document = asdict(run) | {"recipe": json.loads(run.written)}
    del document["written"]
    return document


def to_csv(runs: Iterable[Run]) -> str:
    """A line for each run: what it is, its figures, the recipe in words and as JSON; without figures of layers."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [*HEAD, *FIGURES, "drop_ci95_low", "drop_ci95_high", "torch", "does", "recipe", "settings", "extra"]
    )
    writer.writerows(map(_line, runs))
    return text.getvalue()


def _line(run: Run) -> list[object]:
    low, high = run.report.get("drop_ci95") or (None, None)
    own = [getattr(run, name) for name in HEAD[:5]] + [getattr(run.subject, name) for name in HEAD[5:]]
    recipe, *dumped = (
        json.dumps(part, separators=(",", ":")) for part in (json.loads(run.written), run.settings, run.extra)
    )
    return [
        *own,
        *map(run.report.get, FIGURES),
        low,
        high,
        run.subject.versions["torch"],
        described(run),
        recipe,
        *dumped,
    ]


HEAD = ("number", "at", "kind", "name", "note", "model", "model_sha256", "data", "data_sha256", "calibration", "seed")
