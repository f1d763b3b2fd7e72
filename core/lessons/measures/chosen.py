"""Lessons about what matters: which layer, and which weights within it."""

from dataclasses import replace

import pandas as pd

from core import encoding, planning, sensitivity
from core.compress import encode
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.seen import Calibration

SEEN = 200  # calibration images that scores rest on in a lesson
CRITERIA = ("magnitude", "random", "gradient", "taylor", "fisher", "wanda")


def sensitive(subject: Study, sparsity: float) -> Measured:
    """What each layer costs when it alone is pruned, and what all of them cost together."""
    rows = [row for row in _alone(subject, sparsity) if not row.get("note")]
    table = pd.DataFrame({"layer": [row["layer"] for row in rows], "drop": [row["drop"] for row in rows]})
    worst, best = (
        pick(rows, key=lambda row: (row["drop"], row["divergence"])) for pick in (max, min)
    )  # where the same answers are lost, the answers that moved further tell
    every = Recipe(Settings(sparsity=sparsity))
    spared = Recipe(every.default, {worst["layer"]: {"sparsity": 0.0}})
    dense = looking.dense(subject)
    lost = dense - looking.accuracy(subject, every)
    figures = {
        "worst_layer": worst["layer"],
        "worst": worst["drop"],
        "worst_share": 100 * worst["weights"] / looking.weights(subject),
        "best_layer": best["layer"],
        "least": best["drop"],
        "summed": float(table["drop"].sum()),
        "together": lost,
        "spared": dense - looking.accuracy(subject, spared),
    }
    return Measured(figures, table, worst["layer"])


def _alone(subject: Study, sparsity: float) -> list[dict[str, object]]:
    ladder = {"sparsity": ({"sparsity": sparsity},)}
    measuring = sensitivity.sensitivity(subject, Settings(), ladder, looking.looked_at(subject))
    return looking.kept(subject, ("alone", sparsity), lambda: list(measuring))


def better_scores(subject: Study, sparsity: float) -> Measured:
    """Accuracy with as many weights gone by each score, taken from a few calibration images."""
    few = seeing_few(subject)
    right = {name: looking.accuracy(few, Recipe(Settings(sparsity=sparsity, criterion=name))) for name in CRITERIA}
    table = pd.DataFrame({"score": list(right), "accuracy": right.values()})
    best = max(right, key=right.get)
    layer = looking.layer(subject, looking.largest(subject))
    by_size, by_wanda = (
        encode(layer, Settings(sparsity=sparsity, criterion=name), few.at(layer.name))
        for name in ("magnitude", "wanda")
    )
    both = sum(map(encoding.removed_values, (by_size, by_wanda)))
    apart = int(((by_size.decode() == 0) != (by_wanda.decode() == 0)).sum())
    figures = {
        **right,
        "best": best,
        "best_accuracy": right[best],
        "seen": len(few.calibration),
        "apart": 100 * apart / both if both else 0.0,
        "under_chance": sum(right[name] < right["random"] for name in CRITERIA),
    }
    return Measured(figures, table, best)


def seeing_few(subject: Study) -> Study:
    """The study with a few of its calibration images, so that what layers see of them is found in a moment."""
    return looking.kept(subject, "few", lambda: _seeing_few(subject))


def _seeing_few(subject: Study) -> Study:
    images, targets = subject.seen.inputs[:SEEN], subject.seen.targets[:SEEN]
    seen = Calibration(subject.seen.model, subject.known, images, targets, subject.seen.seed)
    return replace(subject, calibration=images, seen=seen)


def evenly_or_not(subject: Study, sparsity: float) -> tuple[Recipe, Recipe]:
    """As many weights gone, with the same part from every layer and with parts chosen by the layers' weights."""
    return Recipe(Settings(sparsity=sparsity)), planning.lamp(subject.known, {"sparsity": sparsity})


MEASURES = {"sensitivity": sensitive, "better_scores": better_scores}
