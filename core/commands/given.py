"""What the options of a command name: the model, the data, the calibration images, settings as key=value."""

import argparse
from dataclasses import replace

import torch

from core.importing import imported
from core.loading import Data, Loaded, load_data, load_model
from core.metrics import METRICS, Metric
from core.recipe import Value
from core.runs import Store, open_store


def model(options: argparse.Namespace) -> Loaded:
    """The model of `--model` with the values of `--weights`."""
    device = _device(vars(options).get("device") or "cpu")
    return replace(load_model(options.model, options.weights), device=device)


def _device(name: str) -> str:
    """The device of `--device`; ValueError where torch has none."""
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and not number.isdigit()) or name.endswith(":"):
        raise ValueError(f"device is {name!r}, expected one of {', '.join(DEVICES)}")
    have = DEVICES[kind]()
    if int(number or 0) >= have:
        raise ValueError(f"device '{name}' is not there, torch sees {have} of {kind}; leave --device out for the CPU")
    return name


def data(options: argparse.Namespace, loaded: Loaded) -> Data:
    """The data of `--data`, or the sample's own; ValueError where there is neither."""
    spec = options.data or loaded.data
    if not spec:
        raise ValueError(f"model '{loaded.name}' comes without data; name it with --data")
    return replace(load_data(spec, _prepared(options)), metric=metric(options))


def calibration(options: argparse.Namespace) -> Data | None:
    """The data of `--calibration`, where it is given."""
    return load_data(options.calibration, _prepared(options)) if options.calibration else None


def metric(options: argparse.Namespace) -> Metric | None:
    """The metric of `--metric`: of METRICS, or a `module:function` from outputs and targets to a number an image."""
    spec = vars(options).get("metric")
    if spec is None or spec in METRICS:
        return METRICS.get(spec)
    if ":" not in spec:
        raise ValueError(f"metric '{spec}' is none of {', '.join(METRICS)} and no module:function")
    return Metric(spec.rpartition(":")[2], imported(spec))


def _prepared(options: argparse.Namespace) -> dict[str, str]:
    """The key=value of `--preprocess`."""
    pairs = [text.partition("=") for text in vars(options).get("preprocess") or ()]
    wrong = next((key for key, equals, value in pairs if not (equals and value)), None)
    if wrong is not None:
        raise ValueError(f"preprocess: '{wrong}' is no setting, expected key=value such as mean=0.1307")
    return {key: value for key, _, value in pairs}


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


DEVICES = {
    "cpu": lambda: 1,
    "cuda": torch.cuda.device_count,
    "mps": lambda: int(torch.backends.mps.is_available()),
}
ON = ("model", "weights", "data", "preprocess", "calibration", "device")  # what names a model and its data
TEXTS = ("group",)  # a block length is a text in a recipe
OPTIONS = {
    "model": (
        ("--model",),
        {
            "required": True,
            "help": "a sample's name, package.module:factory, timm:NAME, transformers:NAME, or a weights file",
        },
    ),
    "weights": (("--weights",), {"help": "a file with the values for the model"}),
    "data": (
        ("--data",),
        {
            "help": "a data set's name, package.module:factory, an .npz, a .csv, or a folder of images; default: the "
            "sample's own"
        },
    ),
    "preprocess": (
        ("--preprocess",),
        {
            "nargs": "+",
            "metavar": "key=value",
            "help": "how data are prepared: mean, std; size, channels (images); target, targets (CSV)",
        },
    ),
    "device": (("--device",), {"help": f"where images are run to be measured: {', '.join(DEVICES)}; default: cpu"}),
    "metric": (
        ("--metric",),
        {"help": f"what is measured: {', '.join(METRICS)}, or module:function; default: by what the targets are"},
    ),
    "calibration": (("--calibration",), {"help": "images to calibrate on; default: the first of the data"}),
    "recipe": (("--recipe",), {"required": True, "help": "a recipe file"}),
    "runs": (("--runs",), {"help": "the file that keeps the runs; default: $PRUNESCOPE_RUNS, or the user's own"}),
    "output": (("-o", "--output"), {"required": True, "help": "where to write"}),
}
