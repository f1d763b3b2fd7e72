"""What a page asks at every position of a slider: one recipe, compressed and measured within a time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

import pandas as pd
from torch import Tensor

from core import compress, exporting, index, planning, report
from core.encoding import Encoded
from core.evaluation import Change, tallies
from core.pipeline import Study, dense_bytes
from core.recipe import Recipe, Settings
from core.statistics import Estimate, Tally, estimate

FIRST_IMAGES = 200  # an estimate rests on at least this many
KEPT_TALLIES = 4096


@dataclass(frozen=True, eq=False)
class Studio:
    """A study with what earlier looks left: each layer's last two encoded forms, and every tally."""

    study: Study
    measured: OrderedDict[Hashable, Tally] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def encoders(self) -> dict:
        """Layer name -> its encoder, which remembers its last two results."""
        return {layer.name: lru_cache(maxsize=2)(partial(_coded, layer)) for layer in self.study.known}

    @cached_property
    def pool(self) -> index.Index:
        """The weights of all layers, sorted."""
        return planning.pooled(self.study.known)

    @cached_property
    def dense_bytes(self) -> int:
        """Bytes of the dense model's file."""
        return dense_bytes(self.study)


@dataclass(frozen=True, eq=False)
class Look:
    """A recipe's figures, measured. rows: the table `report.layers`. total: images there are."""

    recipe: Recipe
    encoded: dict[str, Encoded]
    rows: pd.DataFrame
    tally: Tally
    total: int
    written: int
    dense: int

    @property
    def unchanged(self) -> bool:
        """Whether every layer is the dense model's own."""
        return self.written == self.dense and not self.rows["removed"].any()

    @property
    def estimate(self) -> Estimate:
        """The accuracies with their intervals."""
        return estimate(self.tally, self.total)


def look(studio: Studio, recipe: Recipe, seconds: float) -> Look:
    """Compress, then measure further images until `seconds` have passed: at least the first few hundred."""
    study = studio.study
    compress.check(recipe, study.known)
    with studio.lock:
        coded = {layer.name: studio.encoders[layer.name](recipe.settings(layer.name)) for layer in study.known}
        encoded = {name: form for name, (form, _) in coded.items()}
        changed = {layer.parameter: coded[layer.name][1] for layer in study.known if coded[layer.name][1] is not None}
        keys = {layer.parameter: recipe.settings(layer.name) for layer in study.known if layer.parameter in changed}
        tally = _tally(studio, Change(changed, keys), seconds)
    rows = report.layers(study.known, encoded, study.uses)
    written = exporting.file_bytes(study.loaded.model, study.known, encoded)
    return Look(recipe, encoded, rows, tally, len(study.bench.targets), written, studio.dense_bytes)


def _coded(layer: compress.Layer, settings: Settings) -> tuple[Encoded, Tensor | None]:
    encoded = compress.encode(layer, settings)
    return encoded, compress.weights((layer,), {layer.name: encoded}).get(layer.parameter)


def _tally(studio: Studio, change: Change, seconds: float) -> Tally:
    key = frozenset(change.keys.items())
    before, start = studio.measured.get(key, Tally()), time.perf_counter()
    tally = before
    for tally in tallies(studio.study.bench, change, before):
        if tally.images >= FIRST_IMAGES and time.perf_counter() - start > seconds:
            break
    studio.measured[key] = tally
    if len(studio.measured) > KEPT_TALLIES:
        studio.measured.popitem(last=False)
    return tally
