"""What names a model and its data, wherever a person says it: on either command line, or to a worker of a sweep."""

from dataclasses import dataclass, replace

import torch

from core.importing import imported
from core.loading import Data, Loaded, load_data, load_model
from core.metrics import METRICS, Metric


@dataclass(frozen=True)
class Sources:
    """Names as the command line takes them. data: None for the sample's own. preprocess: texts such as mean=0.13."""

    model: str
    weights: str | None = None
    data: str | None = None
    calibration: str | None = None
    preprocess: tuple[str, ...] = ()
    metric: str | None = None
    device: str | None = None


def model_of(sources: Sources) -> Loaded:
    """The model with the values of `weights`, to be measured on `device`; ValueError where either cannot be had."""
    device = device_of(sources)
    return replace(load_model(sources.model, sources.weights), device=device)


def device_of(sources: Sources) -> str:
    """The device; ValueError where torch has none of that name."""
    name = sources.device or "cpu"
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and not number.isdigit()) or name.endswith(":"):
        raise ValueError(f"device is {name!r}, expected one of {', '.join(DEVICES)}")
    have = DEVICES[kind]()
    if int(number or 0) >= have:
        raise ValueError(f"device '{name}' is not there, torch sees {have} of {kind}; leave --device out for the CPU")
    return name


def data_of(sources: Sources, loaded: Loaded) -> Data:
    """The data, or the sample's own, with the metric; ValueError where there is neither."""
    spec = sources.data or loaded.data
    if not spec:
        raise ValueError(f"model '{loaded.name}' comes without data; name it with --data")
    return replace(images_of(sources, spec), metric=metric_of(sources))


def images_of(sources: Sources, spec: str) -> Data:
    """Other data, prepared as the model's own are."""
    return load_data(spec, prepared(sources.preprocess))


def calibration_of(sources: Sources) -> Data | None:
    """The data to calibrate on, where other data is named for it."""
    return images_of(sources, sources.calibration) if sources.calibration else None


def metric_of(sources: Sources) -> Metric | None:
    """The metric: of METRICS, or a `module:function` from outputs and targets to a number an image."""
    spec = sources.metric
    if spec is None or spec in METRICS:
        return METRICS.get(spec)
    if ":" not in spec:
        raise ValueError(f"metric '{spec}' is none of {', '.join(METRICS)} and no module:function")
    return Metric(spec.rpartition(":")[2], imported(spec))


def prepared(texts: tuple[str, ...]) -> dict[str, str]:
    """The key=value texts of preprocessing by key; ValueError where one is no such text."""
    pairs = [text.partition("=") for text in texts]
    wrong = next((key for key, equals, value in pairs if not (equals and value)), None)
    if wrong is not None:
        raise ValueError(f"preprocess: '{wrong}' is no setting, expected key=value such as mean=0.1307")
    return {key: value for key, _, value in pairs}


DEVICES = {
    "cpu": lambda: 1,
    "cuda": torch.cuda.device_count,
    "mps": lambda: int(torch.backends.mps.is_available()),
}
FLAGS = {
    "model": {"help": "a sample's name, package.module:factory, timm:NAME, transformers:NAME, or a weights file"},
    "weights": {"help": "a file with the values for the model"},
    "data": {
        "help": "a data set's name, package.module:factory, an .npz, a .csv, or a folder of images; default: the "
        "sample's own"
    },
    "preprocess": {
        "nargs": "+",
        "metavar": "key=value",
        "help": "how data are prepared: mean, std; size, channels (images); target, targets (CSV)",
    },
    "device": {"help": f"where images are run to be measured: {', '.join(DEVICES)}; default: cpu"},
    "metric": {"help": f"what is measured: {', '.join(METRICS)}, or module:function; default: by what the targets are"},
    "calibration": {"help": "images to calibrate on; default: the first of the data"},
}
