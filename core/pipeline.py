"""The whole way: a recipe applied, measured and written to a folder; a folder read back and held to its report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core import biases, calibration, evaluation, exporting, narrowing, report, resting
from core.compress import compress, grids, needs_images, weights
from core.encoding import Encoded
from core.equalizing import Equalized, equalized
from core.evaluation import Bench, Change
from core.granting import notes
from core.layer import Layer, layers
from core.loading import Data, Loaded
from core.parting import check_alike, check_images, of, parted
from core.promises import FILES as FILES
from core.promises import as_promised, read, require, require_forms
from core.recipe import Recipe, to_json
from core.seen import Calibration, Seen
from core.shrinking import Shrunk, shrunk
from core.statistics import Tally
from core.trained import Trained
from core.trained import trained as trained_model

SEED = 0  # of every random choice made here; none is made yet


@dataclass(frozen=True, eq=False)
class Study:
    """A model on its data. calibration: images (C, ...) that no accuracy is measured on, and `seen` what the layers
    see of them; none where none are needed. equalized, trained: the model that is compressed instead of the loaded
    one. classes: what each label is called, () where they have numbers alone."""

    loaded: Loaded
    known: tuple[Layer, ...]
    bench: Bench
    data: str
    calibration: Tensor
    uses: Mapping[str, int | None]
    seen: Calibration | None = None
    equalized: Equalized | None = None
    trained: Trained | None = None
    classes: tuple[str, ...] = ()

    @property
    def model(self) -> nn.Module:
        """The model that is compressed: the loaded one, one of the same outputs with equalized weights, or trained."""
        instead = self.trained or self.equalized
        return self.loaded.model if instead is None else instead.module

    @property
    def moved(self) -> dict[str, Tensor]:
        """What that model has otherwise than the loaded one, by name."""
        instead = self.trained or self.equalized
        return {} if instead is None else dict(instead.tensors)

    def at(self, layer: str) -> Seen | None:
        """What one layer sees of the calibration images."""
        return None if self.seen is None else self.seen.at(layer)


def study(loaded: Loaded, data: Data, recipe: Recipe, calibration_data: Data | None = None) -> Study:
    """What measuring a recipe needs. Without `calibration_data` the first images of `data` calibrate, if any do, or of
    those that a recovered model learned from; they are not measured on."""
    needs = calibrates(recipe)
    data, learned = parted(data, recipe.recovered)
    if needs and calibration_data is None and len(learned.targets):
        calibration_data = of(learned, np.arange(min(calibration.MOST, len(learned.targets))))
    left_out = calibration.calibration_images(len(data.targets)) if needs and calibration_data is None else 0
    images, labels = data.inputs[:left_out], data.targets[:left_out]
    if calibration_data is not None:
        images, labels = calibration_data.inputs, calibration_data.targets
    if needs and len(images) < 2:
        named = data.name if calibration_data is None else calibration_data.name
        raise ValueError(
            f"data '{named}': {len(images)} images to calibrate on, expected 2 at least; name others with --calibration"
        )
    if needs and calibration_data is not None:
        check_images(loaded, calibration_data, "calibration")
        check_alike(data, calibration_data)
    _check_model(loaded, layers(loaded.model))
    bench = evaluation.bench(loaded.model, data.inputs[left_out:], data.targets[left_out:], data.metric)
    even = equalized(loaded.model, bench.inputs[:2].clone()) if recipe.equalize == "ranges" else None
    model = loaded.model if even is None else even.module
    known, sample = layers(model), bench.inputs[:1].clone()
    uses = calibration.positions(model, {layer.name: layer.parameter for layer in known}, sample)
    looked, targets = torch.from_numpy(images).to(bench.inputs.dtype), torch.from_numpy(labels)
    seen = Calibration(model, known, looked, targets, SEED) if needs else None
    bench = evaluation.on(bench, loaded.device)
    return Study(loaded, known, bench, data.name, looked, uses, seen, even, classes=data.classes)


def after_training(study: Study, recipe: Recipe, data: bytes) -> Study:
    """The study with what training made of its model for a recipe in the model's place. data: see `trained.trained`."""
    made = trained_model(study.model, study.known, recipe, data)
    known = layers(made.module)
    seen = study.seen and replace(study.seen, model=made.module, known=known)
    return replace(study, known=known, seen=seen, trained=made)


CALIBRATED = Recipe(batchnorm="recalibrate")  # stands for every recipe that rests on images


def calibrates(recipe: Recipe) -> bool:
    """Whether a recipe rests on images that its accuracy is then not measured on."""
    settings = (recipe.default, *map(recipe.settings, recipe.layers))
    return (recipe.batchnorm, recipe.bias) != ("keep", "keep") or any(map(needs_images, settings))


def basis(recipe: Recipe) -> Recipe:
    """What of a recipe its study rests on: recipes of equal bases can share one."""
    parts = {name: recipe.recovered[name] for name in ("images", "seed") if name in recipe.recovered}
    return replace(CALIBRATED if calibrates(recipe) else Recipe(), equalize=recipe.equalize, recovered=parts)


def encoded_by(study: Study, recipe: Recipe) -> dict[str, Encoded]:
    """Every layer's encoded form by layer name."""
    seen = {layer.name: study.at(layer.name) for layer in study.known}
    return compress(study.known, recipe, seen) | ({} if study.trained is None else study.trained.forms(recipe))


def _check_model(loaded: Loaded, known: tuple[Layer, ...]) -> None:
    if not known:
        raise ValueError(
            f"model '{loaded.name}' has no layer with a weight that can be compressed, expected at least one"
        )
    for layer in known:
        if layer.weight.dtype != torch.float32:
            kind = str(layer.weight.dtype).removeprefix("torch.")
            raise ValueError(f"layer '{layer.name}' is {kind}, expected float32: convert the model with .float()")
    for name, tensor in loaded.model.state_dict().items():
        if tensor.dtype not in exporting.TYPE_NAMES or tensor.is_meta:
            raise ValueError(
                f"model '{loaded.name}': {name} is {tensor.dtype} on {tensor.device}, which no file here holds"
            )


@dataclass(frozen=True, eq=False)
class Applied:
    """A recipe carried out: the encoded layers, and the biases and batch-norm statistics put right afterwards.

    small: the smaller model that is measured, where channels that are removed everywhere are stored no more.
    """

    encoded: Mapping[str, Encoded]
    buffers: Mapping[str, Tensor]
    change: Change
    small: Shrunk | None = None


def apply(study: Study, recipe: Recipe) -> Applied:
    """Encode every layer, then correct biases, recalibrate batch norms and shrink layers where the recipe says so."""
    if recipe.recovered.get("by") and study.trained is None:
        raise ValueError("recipe: it was recovered by training; run 'recover', or take 'recovered' out of it")
    return put_right(study, recipe, encoded_by(study, recipe))


def put_right(study: Study, recipe: Recipe, encoded: Mapping[str, Encoded]) -> Applied:
    """Encoded layers with the biases, batch norms and shapes that the recipe puts right after them."""
    if study.trained is not None:
        study.trained.check(recipe)
        if study.trained.whole(recipe):
            return trained(study, recipe, encoded, study.trained.beside)
    if (recipe.equalize == "ranges") != (study.equalized is not None):
        raise ValueError(
            f"equalize is {recipe.equalize!r}, but this study was not made for it; make it with the recipe"
        )
    changed, inputs = weights(study.known, encoded), grids(study.known, encoded)
    buffers: dict[str, Tensor] = {}
    if recipe.bias == "correct":
        buffers = biases.corrected(study.known, study.model.state_dict(), (changed, study.seen))
    if recipe.batchnorm == "recalibrate":
        images = study.calibration
        buffers |= calibration.recalibrated(study.model, changed | buffers, images, inputs)
    if recipe.shrink == "remove":
        return _smaller(study, recipe, (encoded, buffers))
    encoded, buffers = _rested(study, recipe, (encoded, buffers))
    keys = {layer.parameter: recipe.settings(layer.name) for layer in study.known if layer.parameter in changed}
    keys = dict.fromkeys(study.moved, recipe.equalize) | keys | dict.fromkeys(buffers, to_json(recipe))
    return Applied(encoded, buffers, Change(study.moved | changed | buffers, keys, inputs))


def trained(study: Study, recipe: Recipe, encoded: Mapping[str, Encoded], beside: Mapping[str, Tensor]) -> Applied:
    """Encoded layers and the tensors beside them, by parameter, as a training left them; shrunk where asked."""
    if recipe.shrink == "remove":
        return _smaller(study, recipe, (encoded, beside))
    encoded, beside = _rested(study, recipe, (encoded, beside))
    tensors = study.moved | weights(study.known, encoded) | dict(beside)
    key = object()  # as no other training's
    return Applied(encoded, beside, Change(tensors, dict.fromkeys(tensors, key), grids(study.known, encoded)))


Whole = tuple[Mapping[str, Encoded], Mapping[str, Tensor]]  # encoded layers by name, tensors beside them by parameter


def _smaller(study: Study, recipe: Recipe, whole: Whole) -> Applied:
    model, known, sample = study.model, study.known, study.bench.inputs[:2]
    made = narrowing.narrow(model, known, whole, sample)
    encoded, buffers = _rested(study, recipe, (made.encoded, made.buffers), made.small)
    tensors = study.moved | weights(known, encoded) | dict(buffers)
    small = made.small if recipe.rest == "keep" else shrunk(model, tensors, sample)  # has them as they are stored
    return Applied(encoded, buffers, Change(tensors, {}, grids(known, encoded), small.module), small)


def _rested(study: Study, recipe: Recipe, whole: Whole, small: Shrunk | None = None) -> Whole:
    """With what lies beside the layers in the numbers that the recipe names."""
    encoded, buffers = whole
    if recipe.rest == "keep":
        return whole
    sides = {} if small is None else {f"{layer.name}.bias": narrowing.stays(layer, small)[0] for layer in study.known}
    forms, tensors = resting.rested(study.model, study.known, (recipe.rest, buffers), sides)
    return {**encoded, **forms}, {**buffers, **tensors}


def files(study: Study, recipe: Recipe, applied: Applied, tally: Tally) -> dict[str, bytes]:
    """The three files of a compressed model; `tally` covers all images. The weights are read back and compared."""
    model, known = study.model, study.known
    data = exporting.serialize(model, known, applied.encoded, applied.buffers)
    _require_same(study, applied, data)
    made = {"name": study.loaded.name, "sha256": study.loaded.sha256}
    head = {"format": report.FORMAT, "model": made, "data": study.data, "calibration_images": len(study.calibration)}
    measured = _measured(study, (recipe, applied.encoded), tally, len(data))
    figures = report.summary(measured, len(study.bench.targets)) | _wiring_figures(study, applied)
    tail = {"seed": SEED, "versions": report.versions()}
    text = json.dumps(head | figures | tail, indent=1, allow_nan=False)
    named = replace(recipe, model=made)
    return dict(zip(FILES, (text.encode(), data, to_json(named).encode()), strict=True))


def _wiring_figures(study: Study, applied: Applied) -> dict[str, object]:
    """The report's `shrink` and `equalize`, where layers were to shrink or to share their scales."""
    found = {} if applied.small is None else {"shrink": narrowing.figures(study.known, applied.small, study.uses)}
    return found if study.equalized is None else found | {"equalize": study.equalized.figures()}


def _measured(
    study: Study, carried: tuple[Recipe, Mapping[str, Encoded]], tally: Tally, written: int
) -> report.Measured:
    recipe, encoded = carried
    sizes = (written, dense_bytes(study))
    return report.Measured(study.known, encoded, study.uses, tally, sizes, left(study, recipe, encoded))


def left(study: Study, recipe: Recipe, encoded: Mapping[str, Encoded]) -> dict[str, str]:
    """What `granting.notes` says of each layer, by its name; nothing of what training did to it."""
    seen = {layer.name: study.at(layer.name) for layer in study.known}
    return notes(study.known, recipe, seen, {} if study.trained or recipe.recovered else encoded)


def _require_same(study: Study, applied: Applied, data: bytes) -> None:
    encoded, decoded = exporting.deserialize(data, study.model, study.known)
    if grids(study.known, encoded) != applied.change.inputs:
        raise RuntimeError("the grids of inputs read back from the file as others than were measured")
    for name, tensor in applied.change.tensors.items():
        if not torch.equal(decoded[name], tensor):
            raise RuntimeError(f"{name} reads back from the file with other values than were measured")


def dense_bytes(study: Study) -> int:
    """Bytes of the dense model's file, written the same way."""
    dense = compress(study.known, Recipe())
    return exporting.file_bytes(study.model, study.known, dense)


def measure(study: Study, applied: Applied) -> Tally:
    """The tally over all images."""
    *_, last = evaluation.tallies(study.bench, applied.change)
    return last


def verify(folder: Path, loaded: Loaded, data: Data, calibration_data: Data | None = None) -> dict[str, object]:
    """Decode a folder, measure it again and return its report; ValueError names the first figure that does not hold."""
    promised, recipe, written = read(folder, loaded)
    whole = study(loaded, as_promised(data, promised), recipe, calibration_data)
    applied = written_applied(whole, folder, recipe, written)
    require_forms(recipe, (whole.known, encoded_by(whole, recipe)), applied.encoded, applied.small)
    measured = _measured(whole, (recipe, applied.encoded), measure(whole, applied), len(written))
    figures = report.summary(measured, len(whole.bench.targets)) | _wiring_figures(whole, applied)
    figures = json.loads(json.dumps(figures))
    figures["calibration_images"] = len(whole.calibration)
    require(
        "its keys", sorted(promised.keys() - figures.keys()), sorted(("format", "model", "data", "seed", "versions"))
    )
    for name, value in figures.items():
        require(name, promised.get(name), value)
    return promised


def written_applied(study: Study, folder: Path, recipe: Recipe, data: bytes) -> Applied:
    """What a folder holds of the model, ready to be measured. data: its `model.safetensors`."""
    encoded, decoded = exporting.deserialize(data, study.model, study.known)
    small = shrunk(study.model, decoded, study.bench.inputs[:2]) if recipe.shrink == "remove" else None
    keys, inputs = dict.fromkeys(decoded, str(folder)), grids(study.known, encoded)
    return Applied(encoded, {}, Change(decoded, keys, inputs, small and small.module), small)
