"""What a page asks at every position of a slider: one recipe, compressed and measured within a time."""

import copy
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from core import compensation, compress, evaluation, exporting, index, pipeline, planning, report
from core.encoding import Encoded
from core.evaluation import BATCH, Change, tallies
from core.fitting import require_classes
from core.granting import told
from core.layer import Layer, layers
from core.pipeline import Study, dense_bytes
from core.recipe import BESIDE, Recipe, Settings, to_json
from core.report import Row
from core.seen import Seen
from core.statistics import Estimate, Tally, estimate

KEPT_TALLIES = 4096
MOST_OPERATIONS = 2.5e11  # of one refit on a page: under a minute
HASTE = {4: 0.008, 2: 0.035}  # batches a moving hand waits for, where one takes so many seconds at most; else one


def _leave_one_processor() -> None:
    """The browser draws while we compute: with all processors taken both would wait for each other."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


@dataclass(frozen=True, eq=False)
class Studio:
    """A study with what earlier looks left: each layer's last two encoded forms, and every tally.

    pace: the seconds that a batch takes, as a running mean. told: the share done of a running calibration pass.
    righted: the last two looks' recipes that put something right beside their layers, carried out, by their JSON: every
    look asks anew. worker: the one thread that computes.
    """

    study: Study
    measured: OrderedDict[Hashable, Tally] = field(default_factory=OrderedDict)
    pace: dict[str, float] = field(default_factory=lambda: {"batch": 0.02})
    told: dict[str, float] = field(default_factory=lambda: {"share": 0.0})
    righted: OrderedDict[str, "Done"] = field(default_factory=OrderedDict)
    worker: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "prunescope", _leave_one_processor)
    )

    @cached_property
    def encoders(self) -> dict:
        """Layer name -> its encoder, which remembers its last two results."""
        return {
            layer.name: lru_cache(maxsize=2)(partial(_coded, self.study, layer, self.study.at(layer.name)))
            for layer in self.study.known
        }

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Layer name -> the name of its parameter."""
        return {layer.name: layer.parameter for layer in self.study.known}

    @cached_property
    def pool(self) -> index.Index:
        """The weights of all layers, sorted."""
        return planning.pooled(self.study.known)

    @cached_property
    def dense_bytes(self) -> int:
        """Bytes of the dense model's file."""
        return dense_bytes(self.study)


def opened(study: Study) -> Studio:
    """A studio that is told how far a running calibration pass is. ValueError where no answer is right or wrong."""
    require_classes(study.bench.targets, "this page")
    told = {"share": 0.0}
    seen = study.seen and replace(study.seen, tell=lambda share: told.update(share=share))
    return Studio(replace(study, seen=seen), told=told)


@dataclass(frozen=True, eq=False)
class Look:
    """A recipe's figures, compressed and being measured: what needs the tally waits for it.

    rows: of `report.layer_row`, a layer each. total: images there are. stays: sentences about what could not be done.
    """

    recipe: Recipe
    encoded: dict[str, Encoded]
    rows: list[Row]
    measuring: Future[Tally]
    total: int
    written: int
    dense: int
    stays: tuple[str, ...] = ()

    def row(self, layer: str) -> Row:
        """The row of one layer."""
        return next(row for row in self.rows if row["layer"] == layer)

    @property
    def unchanged(self) -> bool:
        """Whether every layer is the dense model's own."""
        return self.written == self.dense and not any(row["removed"] for row in self.rows)

    @property
    def tally(self) -> Tally:
        """What has been measured, once it has."""
        return self.measuring.result()

    @cached_property
    def estimate(self) -> Estimate:
        """The accuracies with their intervals."""
        return estimate(self.tally, self.total)


def apart(studio: Studio) -> Study:
    """The studio's study with a model and memories of its own, for another thread to measure.

    The model is copied by the studio's worker: while that runs the model, other tensors stand in for its own.
    """
    study = studio.study
    model = studio.worker.submit(copy.deepcopy, study.loaded.model).result()
    bench = evaluation.bench(model, study.bench.inputs.numpy(), study.bench.targets.numpy())
    bench = evaluation.on(bench, study.bench.device)
    looked = model if study.trained is None else copy.deepcopy(study.trained.module)
    seen = study.seen and replace(study.seen, model=looked, known=layers(looked))
    return replace(study, loaded=replace(study.loaded, model=model), bench=bench, seen=seen)


def look(studio: Studio, recipe: Recipe, seconds: float | None) -> Look:
    """Compress, and go on to measure further images: for `seconds`, or (None) as many as a moving hand waits for."""
    return finished(studio, recipe, seconds, compressing(studio, recipe))


def compressing(studio: Studio, recipe: Recipe) -> Future:
    """The work that `finished` waits for: what a calibrated recipe asks for first takes seconds."""
    return studio.worker.submit(_compressed, studio, _as_trained(studio, recipe))


def _as_trained(studio: Studio, recipe: Recipe) -> Recipe:
    """The recipe, which says how the studio's model was trained where it was."""
    trained = studio.study.trained
    return recipe if trained is None else replace(recipe, recovered=trained.recipe.recovered)


def finished(studio: Studio, recipe: Recipe, seconds: float | None, compressed: Future) -> Look:
    """The look, once its layers are compressed, while images are being measured."""
    done = compressed.result()
    measuring = studio.worker.submit(_tally, studio, done, seconds)
    total, dense = len(studio.study.bench.targets), studio.dense_bytes
    return Look(_as_trained(studio, recipe), done.encoded, done.rows, measuring, total, done.written, dense, done.stays)


def _check_patience(studio: Studio, recipe: Recipe) -> None:
    """ValueError where the exact refit of a layer would keep everyone else waiting for minutes."""
    for layer in studio.study.known:
        if compensation.operations(layer.matrix.shape, recipe.settings(layer.name)) > MOST_OPERATIONS:
            raise ValueError(
                f"layer '{layer.name}': the exact refit of its survivors takes minutes at this sparsity; sweep its "
                "columns instead, choose a sparsity nearer to 0 or 100 %, or run 'python -m core apply' with the recipe"
            )


class Done(NamedTuple):
    """A recipe carried out. encoded: each layer's own form, even where the file holds a smaller one; rows: the file's.

    key: equal for equal changes. written: bytes of the file. stays: sentences about what could not be done.
    """

    encoded: dict[str, Encoded]
    rows: list[Row]
    change: Change
    key: Hashable
    written: int
    stays: tuple[str, ...] = ()


def _compressed(studio: Studio, recipe: Recipe) -> Done:
    study = studio.study
    compress.check(recipe, study.known)
    if recipe.recovered.get("by") and study.trained is None:
        raise ValueError(
            "recipe: it was recovered by training, and the weights are not here; open its run in Compare, or take "
            "'recovered' out of it"
        )
    _check_patience(studio, recipe)
    coded = {layer.name: studio.encoders[layer.name](recipe.settings(layer.name)) for layer in study.known}
    encoded = {name: each.encoded for name, each in coded.items()}
    if study.trained is not None or any(getattr(recipe, name) != "keep" for name in BESIDE):
        key = to_json(recipe, indent=None)
        if key not in studio.righted:
            studio.righted[key] = _put_right(studio, recipe, encoded)
            while len(studio.righted) > 2:
                studio.righted.popitem(last=False)
        return studio.righted[key]
    changed = {p: coded[name].weight for name, p in studio.parameters.items() if coded[name].weight is not None}
    keys = {p: recipe.settings(name) for name, p in studio.parameters.items() if p in changed}
    change = Change(changed, keys, compress.grids(study.known, encoded))
    written = exporting.file_bytes(study.model, study.known, encoded)
    return Done(encoded, [each.row for each in coded.values()], change, frozenset(keys.items()), written)


def _put_right(studio: Studio, recipe: Recipe, encoded: dict[str, Encoded]) -> Done:
    """The same with what the recipe puts right beside its layers."""
    study = studio.study
    applied = pipeline.put_right(study, recipe, encoded)
    notes = pipeline.left(study, recipe, applied.encoded)
    rows = [
        report.layer_row(layer, applied.encoded[layer.name], study.uses[layer.name], notes[layer.name])
        for layer in study.known
    ]
    written = exporting.file_bytes(study.model, study.known, applied.encoded)
    stays = () if applied.small is None else applied.small.stayed
    stays += () if study.equalized is None else study.equalized.skipped
    return Done(encoded, rows, applied.change, to_json(recipe), written, stays)


class Coded(NamedTuple):
    """A layer's encoded form, the weight it decodes to where that is not the layer's own, and its row."""

    encoded: Encoded
    weight: Tensor | None
    row: Row


def _coded(study: Study, layer: Layer, seen: Seen | None, settings: Settings) -> Coded:
    kept = None if study.trained is None else study.trained.form(layer.name, settings)
    encoded = compress.encode(layer, settings, seen) if kept is None else kept
    weight = compress.weights((layer,), {layer.name: encoded}).get(layer.parameter)
    said = told(layer, settings, seen, encoded if kept is None else None)
    return Coded(encoded, weight, report.layer_row(layer, encoded, study.uses[layer.name], said))


def _tally(studio: Studio, done: Done, seconds: float | None) -> Tally:
    key = done.key
    tally = studio.measured.get(key, Tally())
    measuring = tallies(studio.study.bench, done.change, tally)
    tally = _hastily(studio, measuring, tally) if seconds is None else _for(seconds, measuring, tally)
    studio.measured[key] = tally
    if len(studio.measured) > KEPT_TALLIES:
        studio.measured.popitem(last=False)
    return tally


def _hastily(studio: Studio, measuring: Iterator[Tally], tally: Tally) -> Tally:
    """As many batches as HASTE allows."""
    while tally.images < BATCH * next((n for n, most in HASTE.items() if studio.pace["batch"] <= most), 1):
        start = time.perf_counter()
        further = next(measuring, None)
        if further is None:
            break
        tally = further
        studio.pace["batch"] += 0.2 * (time.perf_counter() - start - studio.pace["batch"])
    return tally


def _for(seconds: float, measuring: Iterator[Tally], tally: Tally) -> Tally:
    start = time.perf_counter()
    for further in measuring:
        tally = further
        if time.perf_counter() - start > seconds:
            break
    return tally


def files(studio: Studio, recipe: Recipe, progress: Callable[[float], None]) -> dict[str, bytes]:
    """The files of `pipeline.files` for a recipe, measured on every image; `progress` is told the share done."""
    recipe = _as_trained(studio, recipe)
    applied = studio.worker.submit(pipeline.apply, studio.study, recipe).result()
    total, tally = len(studio.study.bench.targets), Tally()
    measuring = tallies(studio.study.bench, applied.change)
    while tally.images < total:
        tally = studio.worker.submit(next, measuring).result()
        progress(tally.images / total)
    return studio.worker.submit(pipeline.files, studio.study, recipe, applied, tally).result()
