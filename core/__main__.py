"""The command line: `python -m core`, the dashboard's twin."""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from core import pipeline
from core.compress import TABLES, check
from core.layer import KINDS, Layer, layers
from core.loading import Loaded, load_data, load_model
from core.planning import CALIBRATED_PLANNERS, PLANNERS
from core.recipe import Recipe, Value, from_json, to_json
from core.seen import Seen
from core.statistics import estimate


def inspect(options: argparse.Namespace) -> str:
    """Each layer: name, kind, shape, weights, MACs, and what can be done with it."""
    loaded = load_model(options.model, options.weights)
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
    return f"{_aligned(table)}\nleft as it is: {kept}"


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
    """Every method of every table, a line and a source each."""
    tables = {**TABLES, "planner": PLANNERS | CALIBRATED_PLANNERS}
    rows = [
        {"table": table, "name": name, "about": (method.__doc__ or "").split("\n")[0]}
        for table, known in tables.items()
        for name, method in known.items()
    ]
    return _aligned(rows)


def plan(options: argparse.Namespace) -> str:
    """Write the recipe that a planner makes for a goal."""
    loaded = load_model(options.model, options.weights)
    known = layers(loaded.model)
    goal = dict(map(_pair, options.goal))
    if options.planner in PLANNERS:
        recipe = PLANNERS[options.planner](known, goal)
    else:
        recipe = CALIBRATED_PLANNERS[options.planner](known, goal, _seen(options, loaded))
    check(recipe, known)
    named = replace(recipe, model={"name": loaded.name, "sha256": loaded.sha256})
    _write_text(options.output, to_json(named))
    return f"wrote {options.output}"


def _seen(options: argparse.Namespace, loaded: Loaded) -> Mapping[str, Seen]:
    """What the layers see of the calibration images, by layer name."""
    study = pipeline.study(loaded, _data(options, loaded), Recipe(batchnorm="recalibrate"), _calibration(options))
    return {layer.name: study.seen.at(layer.name) for layer in study.known}


def apply(options: argparse.Namespace) -> str:
    """Compress, measure on all images and write report.json, model.safetensors and recipe.json to a folder."""
    recipe = from_json(_read_text(options.recipe))
    loaded = load_model(options.model, options.weights)
    study = pipeline.study(loaded, _data(options, loaded), recipe, _calibration(options))
    applied = pipeline.apply(study, recipe)
    tally = pipeline.measure(study, applied)
    pipeline.exporting.write_folder(Path(options.output), pipeline.files(study, recipe, applied, tally))
    if recipe.model.get("sha256") not in (None, loaded.sha256):
        print(f"note: the recipe was made for another model, {dict(recipe.model)}", file=sys.stderr)
    found = estimate(tally, tally.images)
    low, high = found.drop_ci95
    return (
        f"accuracy {found.accuracy:.4f}, dense {found.accuracy_dense:.4f}, drop {found.drop:.2f} points "
        f"(95 %: {low:.2f} to {high:.2f}) on {tally.images} images\nwrote {options.output}"
    )


def verify(options: argparse.Namespace) -> str:
    """Decode a folder that `apply` or the dashboard wrote, measure it again and hold every figure of its report."""
    loaded = load_model(options.model, options.weights)
    promised = pipeline.verify(Path(options.folder), loaded, _data(options, loaded), _calibration(options))
    return (
        f"verified: accuracy {promised['accuracy']:.4f} on {promised['images']} images, {promised['bytes']} bytes, "
        "every figure of report.json holds"
    )


def _calibration(options: argparse.Namespace) -> pipeline.Data | None:
    return load_data(options.calibration) if options.calibration else None


def _data(options: argparse.Namespace, loaded: Loaded) -> pipeline.Data:
    spec = options.data or loaded.data
    if not spec:
        raise ValueError(f"model '{loaded.name}' comes without data; name it with --data")
    return load_data(spec)


def _pair(text: str) -> tuple[str, Value]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"'{text}' is no setting, expected key=value such as sparsity=0.9")
    return key, value if key in TEXTS else _number(value)


def _number(text: str) -> Value:
    """The text as a whole number, a number or, where it is neither, itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"recipe '{path}' cannot be read ({error})") from None


def _write_text(path: str, text: str) -> None:
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise ValueError(f"'{path}' is no file, expected the name of one to write")
    if not target.parent.is_dir():
        raise ValueError(f"'{path}' lies in no folder that exists, make '{target.parent}' first")
    handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        Path(part).chmod(0o644)
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def _aligned(rows: Sequence[Mapping[str, object]]) -> str:
    texts = [["" if value is None else str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in texts)


class OneLine(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and the message."""
        self.exit(2, f"{message}; see python -m core --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = OneLine(prog="python -m core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (function, options) in COMMANDS.items():
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        for option in options:
            flags, settings = OPTIONS[option]
            command.add_argument(*flags, **settings)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 with one line on stderr that names the thing, the value and the way out."""
    options = _parser().parse_args(arguments)
    try:
        print(COMMANDS[options.command][0](options))
    except (ValueError, OSError) as error:
        print(" ".join(f"{error}".split()), file=sys.stderr)
        return 2
    except Exception as error:  # raised by the code of a stranger's model or data while they are used
        print(" ".join(f"{options.command} failed with {error!r}".split()), file=sys.stderr)
        return 2
    return 0


TEXTS = ("group",)  # a block length is a text in a recipe
OPTIONS = {
    "model": (("--model",), {"required": True, "help": "a sample's name, package.module:factory, or a weights file"}),
    "weights": (("--weights",), {"help": "a file with the values for the model"}),
    "data": (("--data",), {"help": "a data set's name, package.module:factory, or an .npz; default: the sample's own"}),
    "calibration": (("--calibration",), {"help": "images to calibrate on; default: the first of the data"}),
    "recipe": (("--recipe",), {"required": True, "help": "a recipe file"}),
    "planner": (
        ("--planner",),
        {"required": True, "choices": (*PLANNERS, *CALIBRATED_PLANNERS), "help": "how to plan"},
    ),
    "goal": (("goal",), {"nargs": "*", "metavar": "key=value", "help": "the planner's goal, and fields of Settings"}),
    "output": (("-o", "--output"), {"required": True, "help": "where to write"}),
    "folder": (("folder",), {"help": "a folder that 'apply' or the dashboard wrote"}),
    "json": (("--json",), {"action": "store_true", "help": "as JSON"}),
}
COMMANDS = {
    "inspect": (inspect, ("model", "weights", "data", "json")),
    "methods": (methods, ()),
    "plan": (plan, ("model", "weights", "data", "calibration", "planner", "goal", "output")),
    "apply": (apply, ("model", "weights", "data", "calibration", "recipe", "output")),
    "verify": (verify, ("folder", "model", "weights", "data", "calibration")),
}

if __name__ == "__main__":
    sys.exit(main())
