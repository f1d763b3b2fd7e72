"""`inspect` and `methods`: what a model is made of, and what can be done with it."""

import argparse
import json
import re
from collections.abc import Mapping

from core import biases, calibration, inputs, inspecting, pipeline, report, streaming
from core.commands import given, texts
from core.compress import TABLES
from core.equalizing import equalized
from core.layer import layers
from core.loading import Loaded
from core.planning import CALIBRATED_PLANNERS, PLANNERS
from core.recipe import Recipe
from core.resting import rested
from core.shrinking import shrunk


def inspect(options: argparse.Namespace) -> str:
    """Each layer: name, kind, shape, weights, MACs, and what can be done with it."""
    if not options.weights and streaming.is_alone(options.model):
        return _listed(options)
    loaded = given.model(options)
    known = layers(loaded.model)
    rows = inspecting.layer_rows(known, _uses(loaded, options))
    others = inspecting.left_rows(loaded.model, {layer.parameter for layer in known})
    if options.json:
        head = {"model": loaded.name, "sha256": loaded.sha256}
        return json.dumps(head | {"layers": rows, "left_as_is": others, "notes": list(loaded.notes)}, indent=1)
    return "\n".join([*_table(rows), *_kept(others), *loaded.notes])


def _listed(options: argparse.Namespace) -> str:
    """The tensors of a weights file whose network is not given, from its head alone."""
    rows, others = inspecting.file_rows(streaming.entries(options.model))
    if options.json:
        return json.dumps({"model": options.model, "layers": rows, "left_as_is": others}, indent=1)
    return "\n".join([*_table(rows), *_kept(others), streaming.UNMEASURED])


def _table(rows: list[inspecting.Inspected]) -> list[str]:
    names = [name for name in HEADER if not rows or name in rows[0]]
    table = [{**row, "can": ", ".join(row["can"])} for row in rows]
    return [texts.aligned([{name: row[name] for name in names} for row in (HEADER, *table)])]


def _kept(others: list[inspecting.Inspected]) -> list[str]:
    kept = report.left_as_they_were({other["name"]: other["why"] for other in others})
    return [f"left as it is: {line}" for line in kept]


def _uses(loaded: Loaded, options: argparse.Namespace) -> Mapping[str, int | None]:
    """Uses a weight for each image, where there is data to run one image through; empty otherwise."""
    return pipeline.study(loaded, given.data(options, loaded), Recipe()).uses if options.data or loaded.data else {}


def methods(options: argparse.Namespace) -> str:
    """Every method of every table: a line and, where one is known, its paper."""
    rows = [
        {"table": table, "name": name, **_told(method.__doc__ or "")}
        for table, known in {**TABLES, **BESIDE, "planner": PLANNERS | CALIBRATED_PLANNERS}.items()
        for name, method in known.items()
    ]
    return texts.aligned(rows)


def _told(doc: str) -> dict[str, str]:
    """The first line of a docstring and the first paper that it names."""
    about, papers = doc.split("\n")[0], PAPER.findall(" ".join(doc.split()))
    return {"about": PAPER.sub("", about).rstrip(" .,:") + ".", "paper": papers[0] if papers else ""}


PAPER = re.compile(r"(?<![\w'])[A-Z]\w+(?: et al\.| & [A-Z]\w+)? (?:19|20)\d\d\b(?:,? (?:arXiv:)?\d{4}\.\d{4,5})?")
BESIDE = {
    "inputs_bits": {"2 to 16": inputs.grid},
    "bias": {"correct": biases.corrected},
    "batchnorm": {"recalibrate": calibration.recalibrated},
    "shrink": {"remove": shrunk},
    "equalize": {"ranges": equalized},
    "rest": {"float16, int8, int6": rested},
}
HEADER = {"name": "layer", "kind": "kind", "shape": "shape", "weights": "weights", "macs": "MACs", "can": "can be"}
OPTIONS = {"json": (("--json",), {"action": "store_true", "help": "as JSON"})}
COMMANDS = {"inspect": (inspect, ("model", "weights", "data", "preprocess", "json")), "methods": (methods, ())}
