"""`latency`, `stability` and `compare`: what else is measured of a compressed model, beside its accuracy and size."""

import argparse
import json
from pathlib import Path

import pandas as pd

from core import behaviour, pipeline, promises, runs
from core.behaviour import Answered
from core.commands import given, texts
from core.latency import Clock
from core.latency import latency as measured_latency
from core.pipeline import Applied, Study
from core.recipe import Recipe, from_json
from core.stability import stability as measured_stability

MOST = 10  # rows of a table of confusions


def latency(options: argparse.Namespace) -> str:
    """Time the dense and the compressed model on this machine, as decoded weights, thin layers and int8 kernels."""
    study, applied = _applied(options)
    found = measured_latency(study, applied, Clock(rounds=options.rounds, threads=options.threads))
    if options.json:
        head = {"threads": found.threads, "variants": _records(found.table), "left_out": dict(found.left_out)}
        return json.dumps(head | {"promised": found.promised._asdict(), "notes": found.notes}, indent=1)
    rows = [
        {
            "variant": row.variant,
            "batch": row.batch,
            "median": f"{row.median:.3f} ms",
            "quartiles": f"{row.low:.3f} to {row.high:.3f}",
            "times dense": f"{row.times:.2f} ({row.times_low:.2f} to {row.times_high:.2f})",
            "MACs": None if pd.isna(row.macs) else int(row.macs),
            "logits off by": f"{row.difference:.2g}",
        }
        for row in found.table.itertuples()
    ]
    abouts = found.table.drop_duplicates("variant")
    tail = [f"{row.variant}: {row.about}" for row in abouts.itertuples()]
    tail += [f"{name} left out: {why}" for name, why in found.left_out.items()]
    head = (
        f"{found.threads} thread{'s' * (found.threads > 1)}, {found.table['rounds'].min()} rounds or more, in turns; "
        "medians and quartiles a call, times the dense model's with their 95 % interval"
    )
    return "\n".join([head, _table(rows), *tail, *found.notes])


def stability(options: argparse.Namespace) -> str:
    """Gradients, activation variance and dead channels of each layer, compressed beside dense."""
    found = measured_stability(*_applied(options))
    if options.json:
        return json.dumps({"images": found.images, "layers": _records(found.table), "notes": found.notes}, indent=1)
    figures = ("variance", "gradient", "gain")
    rows = [
        {"layer": row["layer"]}
        | {figure: f"{row[f'{figure}_dense']:.3g} -> {row[figure]:.3g}" for figure in figures}
        | {
            "dead channels": None
            if pd.isna(row["dead"])
            else f"{row['dead_dense']} -> {row['dead']} of {row['channels']}"
        }
        for row in found.table.to_dict("records")
    ]
    return "\n".join([_table(rows), *found.notes])


def compare(options: argparse.Namespace) -> str:
    """What one compressed model answers differently from another, or from the dense one where one folder is named."""
    before, after = _both(options)
    figures = behaviour.summary(before, after)
    classes, grown = behaviour.by_class(before, after), behaviour.confusions(before, after)
    if options.json:
        tables = {"classes": classes, "confusions": grown, "flips": behaviour.flips(before, after)}
        tables |= {"logit_changes": behaviour.logit_changes(before, after)}
        return json.dumps(figures | {name: _records(table) for name, table in tables.items()}, indent=1)
    low, high = figures["drop_ci95"]
    least, most = figures["agreement_ci95"]
    rows = [
        {
            "class": row[1],
            "images": row.images,
            "accuracy": f"{row.accuracy_before:.4f} -> {row.accuracy_after:.4f}",
            "lost": row.lost,
            "gained": row.gained,
            "drop": f"{row.drop:.2f} ({row.low:.2f} to {row.high:.2f})",
        }
        for row in classes.itertuples()
    ]
    confused = [
        f"{row.true} taken for {row.predicted}: {row.before} -> {row.after}" for row in grown[:MOST].itertuples()
    ]
    return "\n".join(
        [
            f"accuracy {figures['accuracy_before']:.4f} -> {figures['accuracy_after']:.4f}, drop {figures['drop']:.2f} "
            f"points (95 %: {low:.2f} to {high:.2f}) on {figures['images']} images",
            f"agree on {figures['agreement']:.4f} of the images (95 %: {least:.4f} to {most:.4f}); "
            f"{figures['lost']} lost, {figures['gained']} gained, {figures['changed']} wrong in another way",
            f"calibration error {figures['calibration_error_before']:.4f} -> {figures['calibration_error_after']:.4f}",
            _table(rows),
            *confused,
        ]
    )


def _applied(options: argparse.Namespace) -> tuple[Study, Applied]:
    recipe = from_json(texts.read(options.recipe, "recipe"))
    loaded = given.model(options)
    study = pipeline.study(loaded, given.data(options, loaded), recipe, given.calibration(options))
    return study, pipeline.apply(study, recipe)


def _both(options: argparse.Namespace) -> tuple[Answered, Answered]:
    """The answers of the dense model and of a folder or run, or of two, to images that calibrated neither."""
    folders = [Path(folder) for folder in options.folders]
    if len(folders) > 2:
        raise ValueError(f"compare: {len(folders)} folders, expected one to hold against the dense model, or two")
    if all(each.isdecimal() for each in options.folders) and not any(folder.exists() for folder in folders):
        return _kept_both(options)
    if options.model is None:
        raise ValueError("compare: --model is missing, expected the model that the folders were made from")
    loaded = given.model(options)
    held = [promises.read(folder, loaded) for folder in folders]
    calibrated = next((recipe for _, recipe, _ in held if pipeline.calibrates(recipe)), Recipe())
    study = pipeline.study(loaded, given.data(options, loaded), calibrated, given.calibration(options))
    answers = [
        behaviour.answered(study.bench, pipeline.written_applied(study, folder, recipe, data).change)[1]
        for folder, (_, recipe, data) in zip(folders, held, strict=True)
    ]
    before, after = answers if len(answers) == 2 else (behaviour.dense_answered(study.bench), *answers)
    return before, after


def _kept_both(options: argparse.Namespace) -> tuple[Answered, Answered]:
    """The answers of two kept runs, or of the dense model's and one."""
    store = given.store(options)
    found = [runs.one(store, int(number)) for number in options.folders]
    if len(found) == 1:
        dense = runs.dense_of(store, found[0])
        if dense is None:
            raise ValueError(
                f"run {found[0].number}: the dense model is not kept beside it; 'apply' keeps it with an empty recipe"
            )
        found = [dense, *found]
    return runs.pair(store, *found)[:2]


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    """The rows as JSON; what is no number becomes null."""
    return json.loads(table.to_json(orient="records", double_precision=15))


def _table(rows: list[dict[str, object]]) -> str:
    return texts.aligned([dict(zip(rows[0], rows[0], strict=True)), *rows])


OPTIONS = {
    "folders": (
        ("folders",),
        {"nargs": "+", "metavar": "folder", "help": "one or two folders that 'apply' wrote, or kept runs"},
    ),
    "of": (("--model",), {"help": "the model that folders were made from; not needed for kept runs"}),
    "turns": (("--rounds",), {"type": int, "default": 100, "help": "turns of every variant; default: 100"}),
    "threads": (("--threads",), {"type": int, "help": "threads torch computes with; default: as many as it has"}),
}
COMMANDS = {
    "latency": (latency, (*given.ON, "recipe", "turns", "threads", "json")),
    "stability": (stability, (*given.ON, "recipe", "json")),
    "compare": (compare, ("folders", "of", *given.ON[1:], "runs", "json")),
}
