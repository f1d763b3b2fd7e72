"""`apply` and `verify`: a recipe carried out and measured into a folder, and a folder held to its report."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from core import behaviour, narrowing, pipeline, report, rereading, runs, streaming
from core.commands import given, texts
from core.metrics import task
from core.recipe import Recipe, from_json
from core.statistics import Tally, estimate


def apply(options: argparse.Namespace) -> str:
    """Compress, measure on all images and write report.json, model.safetensors and recipe.json to a folder."""
    recipe = from_json(texts.read(options.recipe, "recipe"))
    if recipe.recovered:
        print("note: 'recover' trained with this recipe; this is the recipe without the training", file=sys.stderr)
        recipe = replace(recipe, recovered={})
    if not options.weights and not options.data and streaming.is_alone(options.model):
        return _streamed(options, recipe)
    loaded = given.model(options)
    data, calibration = given.data(options, loaded), given.calibration(options)
    study = pipeline.study(loaded, data, recipe, calibration)
    applied = pipeline.apply(study, recipe)
    tally, answers = _measured(study, applied)
    files = pipeline.files(study, recipe, applied, tally)
    pipeline.exporting.write_folder(Path(options.output), files)
    if recipe.model.get("sha256") not in (None, loaded.sha256):
        print(f"note: the recipe was made for another model, {dict(recipe.model)}", file=sys.stderr)
    for left in report.left_as_they_were(pipeline.left(study, recipe, applied.encoded)):
        print(f"note: {left}", file=sys.stderr)
    for said in loaded.notes:
        print(f"note: {said}", file=sys.stderr)
    run = runs.asked(runs.subject(loaded, data, calibration), recipe)
    kept = recorded(options, replace(run, report=json.loads(files["report.json"])), answers)
    shrunk = _wiring(study, applied)
    return f"{_said(tally)} on {tally.images} images\n{shrunk}wrote {options.output}{kept}"


def _streamed(options: argparse.Namespace, recipe: Recipe) -> str:
    """A weights file whose network is not given, a matrix at a time."""
    figures = streaming.write(options.model, recipe, Path(options.output))
    print(f"note: {streaming.UNMEASURED}", file=sys.stderr)
    return (
        f"sparsity {figures['sparsity']:.4f}, {figures['bytes']} bytes of {figures['bytes_dense']}, "
        f"{figures['ratio']:.2f} times smaller\nwrote {options.output}"
    )


def _measured(study: pipeline.Study, applied: pipeline.Applied) -> tuple[Tally, behaviour.Answered | None]:
    """The tally over all images, and the answers where the targets are classes."""
    if task(study.bench.targets) == "classes":
        return behaviour.answered(study.bench, applied.change)
    return pipeline.measure(study, applied), None


def _said(tally: Tally) -> str:
    """The accuracy, where answers are right or wrong, and the metric, where there is one beside it."""
    said, found = [], estimate(tally, tally.images)
    if tally.sure is not None:
        low, high = found.drop_ci95
        said.append(
            f"accuracy {found.accuracy:.4f}, dense {found.accuracy_dense:.4f}, drop {found.drop:.2f} points "
            f"(95 %: {low:.2f} to {high:.2f})"
        )
    if tally.pairs:
        shown = report.metric(tally, tally.images)
        low, high = shown["change_ci95"]
        said.append(
            f"{shown['name']} {shown['value']:.6g}, dense {shown['value_dense']:.6g}, mean change "
            f"{shown['change']:.3g} (95 %: {low:.3g} to {high:.3g})"
        )
    return "; ".join(said)


def recorded(options: argparse.Namespace, run: runs.Run, answers: behaviour.Answered | None) -> str:
    """Says under which number the run is kept; where it cannot be, a line on stderr says why."""
    try:
        if answers is None:
            raise ValueError("the store holds answers that are classes")
        return f", kept as run {runs.record(given.store(options), run, answers)}"
    except ValueError as error:
        print(f"note: the run is not kept, {error}", file=sys.stderr)
        return ""


def _wiring(study: pipeline.Study, applied: pipeline.Applied) -> str:
    """Which layers share their scales and which have shrunk, a line each; nothing where none were to."""
    lines = []
    if study.equalized is not None:
        lines += [f"{pair.first} and {pair.second} share their scales" for pair in study.equalized.pairs]
        lines += study.equalized.skipped
    if applied.small is not None:
        made = narrowing.figures(study.known, applied.small, study.uses)
        lines += [f"{row['layer']}: {row['outputs'][0]} of {row['outputs'][1]} channels stay" for row in made["layers"]]
        lines += made["stays"]
    return "".join(f"{line}\n" for line in lines)


def verify(options: argparse.Namespace) -> str:
    """Decode a folder that `apply` or the dashboard wrote, measure it again and hold every figure of its report."""
    if not options.weights and not options.data and streaming.is_alone(options.model):
        promised = rereading.verify(Path(options.folder), options.model)
        return (
            f"verified: every matrix decodes as its recipe asks, {promised['bytes']} bytes, "
            f"every figure of report.json holds; {streaming.UNMEASURED}"
        )
    loaded = given.model(options)
    promised = pipeline.verify(Path(options.folder), loaded, given.data(options, loaded), given.calibration(options))
    metric = promised.get("metric")
    first = f"accuracy {promised['accuracy']:.4f}" if metric is None else f"{metric['name']} {metric['value']:.6g}"
    return (
        f"verified: {first} on {promised['images']} images, {promised['bytes']} bytes, "
        "every figure of report.json holds"
    )


OPTIONS = {"folder": (("folder",), {"help": "a folder that 'apply' or the dashboard wrote"})}
COMMANDS = {
    "apply": (apply, (*given.MEASURED, "recipe", "output", "runs")),
    "verify": (verify, ("folder", *given.MEASURED)),
}
