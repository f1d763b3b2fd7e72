"""The whole way: a recipe applied, measured and written to a folder; a folder read back and held to its report."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core import calibration, evaluation, exporting, report
from core.compress import compress, needs_images, weights
from core.encoding import Encoded
from core.evaluation import Bench, Change
from core.layer import Layer, layers, place
from core.loading import Data, Loaded
from core.recipe import Recipe, from_json, to_json
from core.seen import Calibration, Seen
from core.statistics import Tally

SEED = 0  # of every random choice made here; none is made yet
FILES = ("report.json", "model.safetensors", "recipe.json")


@dataclass(frozen=True, eq=False)
class Study:
    """A model on its data. calibration: images (C, ...) that no accuracy is measured on, and `seen` what the layers
    see of them; none where none are needed."""

    loaded: Loaded
    known: tuple[Layer, ...]
    bench: Bench
    data: str
    calibration: Tensor
    uses: Mapping[str, int | None]
    seen: Calibration | None = None

    def at(self, layer: str) -> Seen | None:
        """What one layer sees of the calibration images."""
        return None if self.seen is None else self.seen.at(layer)


def study(loaded: Loaded, data: Data, recipe: Recipe, calibration_data: Data | None = None) -> Study:
    """What measuring a recipe needs. Without `calibration_data` the first images of `data` calibrate, if any do."""
    needs = calibrates(recipe)
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
        _check_calibration(loaded, calibration_data)
    known = layers(loaded.model)
    _check_model(loaded, known)
    bench = evaluation.bench(loaded.model, data.inputs[left_out:], data.targets[left_out:])
    sample = bench.inputs[:1].clone()
    uses = calibration.positions(loaded.model, {layer.name: layer.parameter for layer in known}, sample)
    seen = Calibration(loaded.model, known, *map(torch.from_numpy, (images, labels)), SEED) if needs else None
    return Study(loaded, known, bench, data.name, torch.from_numpy(images), uses, seen)


def _check_calibration(loaded: Loaded, data: Data) -> None:
    try:
        evaluation.check(loaded.model, torch.from_numpy(data.inputs), torch.from_numpy(data.targets))
    except ValueError as error:
        raise ValueError(f"calibration '{data.name}': {error}") from None


def calibrates(recipe: Recipe) -> bool:
    """Whether a recipe rests on images that its accuracy is then not measured on."""
    settings = (recipe.default, *map(recipe.settings, recipe.layers))
    return (recipe.batchnorm, recipe.bias) != ("keep", "keep") or any(map(needs_images, settings))


def encoded_by(study: Study, recipe: Recipe) -> dict[str, Encoded]:
    """Every layer's encoded form by layer name."""
    seen = {layer.name: study.at(layer.name) for layer in study.known}
    return compress(study.known, recipe, seen)


def _check_model(loaded: Loaded, known: tuple[Layer, ...]) -> None:
    if not known:
        raise ValueError(f"model '{loaded.name}' has no Linear, Conv or Embedding layer, expected at least one")
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
    """A recipe carried out: the encoded layers, and the biases and batch-norm statistics put right afterwards."""

    encoded: Mapping[str, Encoded]
    buffers: Mapping[str, Tensor]
    change: Change


def apply(study: Study, recipe: Recipe) -> Applied:
    """Encode every layer, then correct biases and recalibrate the batch norms where the recipe says so."""
    encoded = encoded_by(study, recipe)
    changed = weights(study.known, encoded)
    buffers = corrected_biases(study, changed) if recipe.bias == "correct" else {}
    if recipe.batchnorm == "recalibrate":
        buffers |= calibration.recalibrated(study.loaded.model, changed | buffers, study.calibration)
    keys = {layer.parameter: recipe.settings(layer.name) for layer in study.known if layer.parameter in changed}
    return Applied(encoded, buffers, Change(changed | buffers, keys | dict.fromkeys(buffers, to_json(recipe))))


def corrected_biases(study: Study, changed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The biases with which each changed layer's mean output on the calibration images is the dense layer's again.

    By parameter name; a layer without a bias, or that shares its bias or its weight with another, has none. For the
    dense layer's inputs: Nagel et al. 2019, arXiv:1906.04721.
    """
    found = {}
    state = study.loaded.model.state_dict()
    names = Counter(place(tensor) for tensor in state.values())
    for layer in study.known:
        name = layer.parameter.removesuffix("weight") + "bias"
        own = name in state and names[place(state[name])] == names[place(state[layer.parameter])] == 1
        if layer.parameter in changed and own and layer.kind != "Embedding":
            mean = study.at(layer.name).mean  # (groups, in)
            lost = (layer.matrix - changed[layer.parameter].reshape(layer.matrix.shape)).double()
            rows = lost.reshape(len(mean), -1, lost.shape[1])
            found[name] = (state[name].double() + (rows @ mean[:, :, None]).flatten()).to(state[name].dtype)
    return found


def files(study: Study, recipe: Recipe, applied: Applied, tally: Tally) -> dict[str, bytes]:
    """The three files of a compressed model; `tally` covers all images. The weights are read back and compared."""
    model, known = study.loaded.model, study.known
    data = exporting.serialize(model, known, applied.encoded, applied.buffers)
    _require_same(study, applied, data)
    text = json.dumps(reported(study, applied, tally, len(data)), indent=1, allow_nan=False)
    named = replace(recipe, model=made(study))
    return dict(zip(FILES, (text.encode(), data, to_json(named).encode()), strict=True))


def reported(study: Study, applied: Applied, tally: Tally, written: int) -> dict[str, object]:
    """The content of report.json for a model whose file has `written` bytes; `tally` covers all images."""
    model, images = made(study), len(study.calibration)
    head = {"format": report.FORMAT, "model": model, "data": study.data, "calibration_images": images}
    measured = report.Measured(study.known, applied.encoded, study.uses, tally, (written, dense_bytes(study)))
    figures = report.summary(measured, len(study.bench.targets))
    return head | figures | {"seed": SEED, "versions": report.versions()}


def made(study: Study) -> dict[str, str]:
    """Which model a recipe or a report is of: name and sha256."""
    return {"name": study.loaded.name, "sha256": study.loaded.sha256}


def _require_same(study: Study, applied: Applied, data: bytes) -> None:
    _, decoded = exporting.deserialize(data, study.loaded.model, study.known)
    for name, tensor in applied.change.tensors.items():
        if not torch.equal(decoded[name], tensor):
            raise RuntimeError(f"{name} reads back from the file with other values than were measured")


def dense_bytes(study: Study) -> int:
    """Bytes of the dense model's file, written the same way."""
    dense = compress(study.known, Recipe())
    return exporting.file_bytes(study.loaded.model, study.known, dense)


def measure(study: Study, applied: Applied) -> Tally:
    """The tally over all images."""
    *_, last = evaluation.tallies(study.bench, applied.change)
    return last


def verify(folder: Path, loaded: Loaded, data: Data, calibration_data: Data | None = None) -> dict[str, object]:
    """Decode a folder, measure it again and return its report; ValueError names the first figure that does not hold."""
    promised, recipe, written = _read(folder)
    if promised["model"]["sha256"] != loaded.sha256:
        raise ValueError(f"'{folder}' was made from another model, {promised['model']}, not from '{loaded.name}'")
    whole = study(loaded, data, recipe, calibration_data)
    encoded, decoded = exporting.deserialize(written, loaded.model, whole.known)
    _require_made_by(recipe, whole, encoded)
    tally = measure(whole, Applied(encoded, {}, Change(decoded, dict.fromkeys(decoded, str(folder)))))
    measured = report.Measured(whole.known, encoded, whole.uses, tally, (len(written), dense_bytes(whole)))
    figures = json.loads(json.dumps(report.summary(measured, len(whole.bench.targets))))
    figures["calibration_images"] = len(whole.calibration)
    _require(
        "its keys", sorted(promised.keys() - figures.keys()), sorted(("format", "model", "data", "seed", "versions"))
    )
    for name, value in figures.items():
        _require(name, promised.get(name), value)
    return promised


def _require_made_by(recipe: Recipe, whole: Study, encoded: Mapping[str, Encoded]) -> None:
    """The forms of the file must be those that the recipe asks for, to the number of survivors."""
    for name, made in encoded_by(whole, recipe).items():
        if made.form() != encoded[name].form():
            raise ValueError(f"layer '{name}': model.safetensors holds it in another form than recipe.json asks for")


def _read(folder: Path) -> tuple[dict[str, object], Recipe, bytes]:
    for name in FILES:
        if not (folder / name).is_file():
            raise ValueError(f"'{folder}' lacks {name}, expected a folder that 'apply' wrote")
    try:
        promised = json.loads((folder / "report.json").read_bytes())
        known = promised["format"] == report.FORMAT and isinstance(promised["model"]["sha256"], str)
        recipe = from_json((folder / "recipe.json").read_text("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"'{folder / 'recipe.json'}' is no text, expected a recipe") from None
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise ValueError(f"'{folder / 'report.json'}' is no report, expected one in format {report.FORMAT!r}")
    return promised, recipe, (folder / "model.safetensors").read_bytes()


def _require(name: str, promised: object, found: object) -> None:
    """Counts must agree to the digit, sums of logarithms to 12; what rests on logits as float32 sums can agree."""
    same = type(promised) is type(found)
    if same and isinstance(found, dict):
        _require(f"{name}'s keys", sorted(promised), sorted(found))
        for key in found:
            _require(f"{name}.{key}", promised[key], found[key])
    elif same and isinstance(found, list) and len(found) == len(promised):
        for i, (one, other) in enumerate(zip(promised, found, strict=True)):
            _require(f"{name}[{i}]", one, other)
    elif not same or (promised != found and not (isinstance(found, float) and _close(name, promised, found))):
        raise ValueError(f"report.json: {name} is {promised!r}, measured {found!r}")


def _close(name: str, promised: float, found: float) -> bool:
    """A calibration error moves by up to 2 / images for each image whose confidence crosses a level."""
    of_logits = name.removesuffix("_dense") in report.SURE
    return bool(
        np.isclose(promised, found, rtol=1e-4, atol=1e-3) if of_logits else np.isclose(promised, found, rtol=1e-12)
    )
