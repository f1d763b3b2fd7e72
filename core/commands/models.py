"""`inspect` and `methods`: what a model is made of, and what can be done with it."""

import argparse
import json
import re
from collections.abc import Mapping

from torch import Tensor, nn

from core import biases, calibration, inputs, pipeline, report, streaming
from core.commands import given, texts
from core.compress import TABLES
from core.equalizing import equalized
from core.kinds import KINDS, kind_of
from core.layer import Layer, layers
from core.loading import Loaded
from core.planning import CALIBRATED_PLANNERS, PLANNERS
from core.recipe import Recipe
from core.shrinking import shrunk


def inspect(options: argparse.Namespace) -> str:
    """Each layer: name, kind, shape, weights, MACs, and what can be done with it."""
    if not options.weights and streaming.is_alone(options.model):
        return _listed(options)
    loaded = given.model(options)
    known = layers(loaded.model)
    uses = _uses(loaded, options)
    rows = [_inspected(layer, uses) for layer in known]
    weights = {layer.parameter for layer in known}
    others = _left(loaded.model, weights)
    if options.json:
        return json.dumps(
            {
                "model": loaded.name,
                "sha256": loaded.sha256,
                "layers": rows,
                "left_as_is": others,
                "notes": list(loaded.notes),
            },
            indent=1,
        )
    header = {"name": "layer", "kind": "kind", "shape": "shape", "weights": "weights", "macs": "MACs", "can": "can be"}
    table = [header] + [{**row, "can": ", ".join(row["can"])} for row in rows]
    kept = report.left_as_they_were({other["name"]: other["why"] for other in others})
    return "\n".join([texts.aligned(table), *(f"left as it is: {line}" for line in kept), *loaded.notes])


def _listed(options: argparse.Namespace) -> str:
    """The tensors of a weights file whose network is not given, from its head alone."""
    entries = streaming.entries(options.model)
    rows = [
        {
            "name": each.layer,
            "kind": each.kind,
            "shape": "x".join(map(str, each.shape)),
            "weights": each.numbers,
            "can": ["pruned", "quantized", "factored"],
        }
        for each in entries
        if not each.why
    ]
    others = [
        {"name": each.name, "shape": "x".join(map(str, each.shape)), "why": each.why} for each in entries if each.why
    ]
    if options.json:
        return json.dumps({"model": options.model, "layers": rows, "left_as_is": others}, indent=1)
    header = {"name": "layer", "kind": "kind", "shape": "shape", "weights": "weights", "can": "can be"}
    table = [header] + [{**row, "can": ", ".join(row["can"])} for row in rows]
    kept = report.left_as_they_were({other["name"]: other["why"] for other in others})
    return "\n".join([texts.aligned(table), *(f"left as it is: {line}" for line in kept), streaming.UNMEASURED])


def _left(model: nn.Module, weights: set[str]) -> list[dict[str, str]]:
    """Each parameter and buffer that is no layer's weight, and why it stays; of a shared one the first name."""
    homes = {
        f"{name}.{attribute}".removeprefix("."): module
        for name, module in model.named_modules()
        for attribute in (*module._parameters, *module._buffers)
    }
    named = [*model.named_parameters(), *model.named_buffers()]
    return [
        {"name": name, "shape": "x".join(map(str, tensor.shape)), "why": _why(homes[name], name, tensor)}
        for name, tensor in named
        if name not in weights
    ]


def _why(module: nn.Module, name: str, tensor: Tensor) -> str:
    kind, known = type(module).__name__, kind_of(module)
    if not isinstance(tensor, nn.Parameter):
        return "a buffer, which is kept as it is"
    if tensor.numel() == 0:
        return "it is empty"
    if not tensor.is_floating_point():
        return f"it holds {str(tensor.dtype).removeprefix('torch.')}, no real numbers"
    if "bias" in name.rpartition(".")[2]:
        return "a bias: a number an output, too few to gain from"
    if tensor.dim() < 2:
        return f"a vector of {kind}: too few numbers to gain from"
    if known is None:
        return f"a parameter of {kind}, which is none of {', '.join(KINDS)}"
    return f"a parameter of {kind} that multiplies no inputs"


def _uses(loaded: Loaded, options: argparse.Namespace) -> Mapping[str, int | None]:
    """Uses a weight for each image, where there is data to run one image through; empty otherwise."""
    return pipeline.study(loaded, given.data(options, loaded), Recipe()).uses if options.data or loaded.data else {}


def _inspected(layer: Layer, uses: Mapping[str, int | None]) -> dict[str, object]:
    weights = layer.matrix.numel()
    can = [] if layer.not_finite else ["pruned", "quantized"] + ["factored"] * (layer.full_rank > 1)
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": "x".join(map(str, layer.shape)),
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
COMMANDS = {"inspect": (inspect, ("model", "weights", "data", "preprocess", "json")), "methods": (methods, ())}
