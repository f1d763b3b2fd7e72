"""What is measured of a run on request, in words: whether signals hold, and the time that it takes."""

import math
import re
from collections.abc import Mapping

import pandas as pd

from core.jobs import Job
from dashboard import findings

SIGNALS = (
    "dense → compressed; signal: how much the activations of a layer vary; gradient: of the loss for its weights; "
    "gain: how much larger the gradient is at the layer than at the scores"
)
ASKED = {
    "stability": "Measure signals to see whether they hold",
    "latency": "Measure time to see what this machine takes",
}
Table = tuple[str, str, tuple[str, ...], list[list[str]]]  # title, note, head, rows


def stability(job: Job | None) -> Table:
    """Signals and gradients of each layer, dense beside compressed."""
    head = ("layer", "signal: variance", "gradient", "gain on the way back", "dead channels")
    found = _found(job)
    if found is None:
        return _waiting(job, "stability"), "", head, []
    calm, *rest = found.notes
    rows = [
        [row["layer"], *(_both(row, figure) for figure in ("variance", "gradient", "gain")), _dead(row)]
        for row in found.table.to_dict("records")
    ]
    return re.split("[,:]", _capital(calm))[0], "\n".join([_capital(calm), *map(_capital, rest), SIGNALS]), head, rows


def _both(row: Mapping[str, object], figure: str) -> str:
    dense, own = row[f"{figure}_dense"], row[figure]
    return "–" if math.isnan(own) else f"{dense:.3g} → {own:.3g}"


def _dead(row: Mapping[str, object]) -> str:
    return "–" if pd.isna(row["dead"]) else f"{row['dead_dense']} → {row['dead']} of {row['channels']}"


def latency(job: Job | None) -> Table:
    """Measured time of what torch executes."""
    head = ("what runs", "images a call", "median", "quartiles", "times dense", "what it is")
    found = _found(job)
    if found is None:
        return _waiting(job, "latency"), "", head, []
    rows = [
        [
            row.variant.replace("_", " "),
            str(row.batch),
            f"{row.median:.3g} ms",
            f"{row.low:.3g} to {row.high:.3g}",
            f"{row.times:.2f} ({row.times_low:.2f} to {row.times_high:.2f})",
            row.about,
        ]
        for row in found.table.itertuples()
    ]
    others = found.table[found.table["variant"] != "dense"]
    title = "Only the dense model could be timed" if others.empty else _fastest(others.loc[others["times"].idxmin()])
    left = [f"{name.replace('_', ' ')} left out: {why}" for name, why in found.left_out.items()]
    return title, "\n".join(map(_capital, (*found.notes, *left))), head, rows


def _fastest(row: pd.Series) -> str:
    name = row["variant"].replace("_", " ")
    images = "one image" if row["batch"] == 1 else f"{row['batch']} images"
    return f"Fastest: {name}, {row['times']:.2f} times the dense model's time for {images} a call"


def _found(job: Job | None) -> object:
    return job.events[0] if job and job.events else None


def _waiting(job: Job | None, what: str) -> str:
    if job and job.trouble:
        return findings.ended(job.trouble[0])
    return "Being measured …" if job and job.running else ASKED[what]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
