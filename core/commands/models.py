"""`inspect` and `methods`: what a model is made of, and what can be done with it."""

import argparse
import json
import re
from collections.abc import Mapping

from core import biases, calibration, inputs, pipeline
from core.commands import given, texts
from core.compress import TABLES
from core.equalizing import equalized
from core.layer import KINDS, Layer, layers
from core.loading import Loaded, load_data
from core.planning import CALIBRATED_PLANNERS, PLANNERS
from core.recipe import Recipe
from core.shrinking import shrunk


def inspect(options: argparse.Namespace) -> str:
    """Each layer: name, kind, shape, weights, MACs, and what can be done with it."""
    loaded = given.model(options)
    known = layers(loaded.model)
    uses = _uses(loaded, options.data)
    rows = [_inspected(layer, uses) for layer in known]
    weights = {layer.parameter for layer in known}
    others = [
        {"name": name, "shape": "x".join(map(str, p.shape)), "why": f"not the weight of a {', '.join(KINDS)} layer"}
        for name, p in loaded.model.named_parameters()
        if name not in weights
    ]
    if options.json:
        return json.dumps(
            {"model": loaded.name, "sha256": loaded.sha256, "layers": rows, "left_as_is": others}, indent=1
        )
    header = {"name": "layer", "kind": "kind", "shape": "shape", "weights": "weights", "macs": "MACs", "can": "can be"}
    table = [header] + [{**row, "can": ", ".join(row["can"])} for row in rows]
    kept = ", ".join(other["name"] for other in others) or "nothing"
    return f"{texts.aligned(table)}\nleft as it is: {kept}"


def _uses(loaded: Loaded, data: str | None) -> Mapping[str, int | None]:
    """Uses a weight for each image, where there is data to run one image through; empty otherwise."""
    spec = data or loaded.data
    return pipeline.study(loaded, load_data(spec), Recipe()).uses if spec else {}


def _inspected(layer: Layer, uses: Mapping[str, int | None]) -> dict[str, object]:
    weights = layer.matrix.numel()
    can = [] if layer.not_finite else ["pruned", "quantized"] + ["factored"] * (layer.full_rank > 1)
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": "x".join(map(str, layer.weight.shape)),
        "weights": weights,
        "macs": weights * uses[layer.name] if uses.get(layer.name) is not None else None,
        "can": can or [f"left as it is: {layer.not_finite} weights are NaN or infinite"],
    }


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
}
OPTIONS = {"json": (("--json",), {"action": "store_true", "help": "as JSON"})}
COMMANDS = {"inspect": (inspect, ("model", "weights", "data", "json")), "methods": (methods, ())}
