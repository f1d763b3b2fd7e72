"""Figures of a report held against those that are measured again."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core import report
from core.loading import Data
from core.metrics import METRICS


def as_promised(data: Data, promised: Mapping[str, object]) -> Data:
    """The data with the metric that a report names, where none is given."""
    metric = promised.get("metric")
    name = metric.get("name") if isinstance(metric, Mapping) else None
    if data.metric is not None or name is None:
        return data
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(f"report.json: metric is {name!r}, name its module:function with --metric")
    return replace(data, metric=METRICS[name])


def require(name: str, promised: object, found: object) -> None:
    """ValueError where a figure is not the promised one.

    Counts must agree to the digit, sums of logarithms to 12; what rests on logits as float32 sums can agree.
    """
    same = type(promised) is type(found)
    if same and isinstance(found, dict):
        require(f"{name}'s keys", sorted(promised), sorted(found))
        for key in found:
            require(f"{name}.{key}", promised[key], found[key])
    elif same and isinstance(found, list) and len(found) == len(promised):
        for i, (one, other) in enumerate(zip(promised, found, strict=True)):
            require(f"{name}[{i}]", one, other)
    elif not same or (promised != found and not (isinstance(found, float) and _close(name, promised, found))):
        raise ValueError(f"report.json: {name} is {promised!r}, measured {found!r}")


def _close(name: str, promised: float, found: float) -> bool:
    """A calibration error moves by up to 2 / images for each image whose confidence crosses a level."""
    of_logits = name.removesuffix("_dense") in report.SURE or name.startswith("metric.")
    return bool(
        np.isclose(promised, found, rtol=1e-4, atol=1e-3) if of_logits else np.isclose(promised, found, rtol=1e-12)
    )
