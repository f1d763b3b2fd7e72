"""What the options of a command name: the model, the data, the calibration images, settings as key=value."""

import argparse

from core import sources
from core.loading import Data, Loaded
from core.recipe import Value
from core.runs import Store, open_store
from core.sources import FLAGS, Sources


def named(options: argparse.Namespace) -> Sources:
    """What the options name of a model and its data."""
    found = {name: value for name in FLAGS if (value := vars(options).get(name)) is not None}
    return Sources(**found | {"preprocess": tuple(found.get("preprocess", ()))})


def model(options: argparse.Namespace) -> Loaded:
    """The model of `--model` with the values of `--weights`."""
    return sources.model_of(named(options))


def data(options: argparse.Namespace, loaded: Loaded) -> Data:
    """The data of `--data`, or the sample's own; ValueError where there is neither."""
    return sources.data_of(named(options), loaded)


def images(options: argparse.Namespace, spec: str) -> Data:
    """Data of another option, prepared as `--preprocess` says."""
    return sources.images_of(named(options), spec)


def calibration(options: argparse.Namespace) -> Data | None:
    """The data of `--calibration`, where it is given."""
    return sources.calibration_of(named(options))


def store(options: argparse.Namespace) -> Store:
    """The run store of `--runs`, or the user's own; made where there is none."""
    return open_store(options.runs)


def pair(text: str) -> tuple[str, Value]:
    """The key and the value of a text such as sparsity=0.9; ValueError where it is none."""
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


ON = ("model", "weights", "data", "preprocess", "calibration", "device")  # what names a model and its data
MEASURED = (*ON, "metric")  # of commands whose figures may have a metric beside the accuracy
TEXTS = ("group",)  # a block length is a text in a recipe
OPTIONS = {
    **{name: ((f"--{name}",), about) for name, about in FLAGS.items()},
    "model": (("--model",), FLAGS["model"] | {"required": True}),
    "recipe": (("--recipe",), {"required": True, "help": "a recipe file"}),
    "runs": (("--runs",), {"help": "the file that keeps the runs; default: $PRUNESCOPE_RUNS, or the user's own"}),
    "output": (("-o", "--output"), {"required": True, "help": "where to write"}),
}
