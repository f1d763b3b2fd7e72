"""A run: what was measured, on what, by which recipe; and the key under which it is found again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import torch

from core import behaviour, calibration, exporting, pipeline, report
from core.behaviour import Answered
from core.fitting import check, fitted
from core.loading import Data, Loaded, data_fingerprint
from core.pipeline import Study
from core.recipe import BESIDE, Recipe, Settings, Value, from_json, to_json

MEASURED = "measured"
PROBED = 100  # images whose dense answers tell apart models that share names and values
VERSIONS = ("torch", "report", "weights")  # those that a figure is held to depend on


@dataclass(frozen=True)
class Subject:
    """A model on its data. answers: a hash of the dense model's first answers. calibration: 'first N' images of the
    data, or the sha256 of other data."""

    model: str
    model_sha256: str
    answers: str
    data: str
    data_sha256: str
    calibration: str
    seed: int
    versions: Mapping[str, str]

    @property
    def held(self) -> dict[str, object]:
        """What figures depend on and any machine must find alike."""
        versions = {name: self.versions[name] for name in VERSIONS}
        return asdict(self) | {"versions": versions, "answers": None, "data": None}


def subject(loaded: Loaded, data: Data, calibration_data: Data | None = None) -> Subject:
    """What runs of a model on its data share; ValueError where the data does not fit the model."""
    inputs, targets = fitted(loaded.model, torch.from_numpy(data.inputs)), torch.from_numpy(data.targets)
    check(loaded.model, inputs, targets)
    with torch.no_grad():
        first = loaded.model(inputs[:PROBED].clone()).argmax(1)
    formats = {"report": report.FORMAT, "weights": exporting.FORMAT}
    return Subject(
        loaded.name,
        loaded.sha256,
        hashlib.sha256(first.numpy().tobytes()).hexdigest(),
        data.name,
        data_fingerprint(data),
        data_fingerprint(calibration_data)
        if calibration_data
        else f"first {calibration.calibration_images(len(targets))}",
        pipeline.SEED,
        report.versions() | formats,
    )


@dataclass(frozen=True)
class Run:
    """One recipe on one subject and, once measured, its figures.

    written: the recipe as JSON. report: as report.json of `apply`. kind: what made the run; settings: what beside the
    recipe went into it, and extra: what beside the report came out. number: 0 until kept. at: UTC, ISO 8601.
    """

    subject: Subject
    written: str
    report: Mapping[str, object] = field(default_factory=dict)
    kind: str = MEASURED
    settings: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    note: str = ""
    number: int = 0
    at: str = ""

    @property
    def recipe(self) -> Recipe:
        """The recipe; ValueError where it was written by a program that knows more."""
        try:
            return from_json(self.written)
        except ValueError as error:
            raise ValueError(f"run {self.number}: {error}") from None

    @property
    def key(self) -> str:
        """sha256 of all that its figures depend on: equal keys, equal figures."""
        asked = {"recipe": _canonical(self.recipe), "kind": self.kind, "settings": dict(self.settings)}
        held = self.subject.held | {"answers": self.subject.answers} | asked
        return hashlib.sha256(json.dumps(held, sort_keys=True, allow_nan=False).encode()).hexdigest()

    @property
    def first_image(self) -> int:
        """Which image of the data is the first that was measured on."""
        return int(self.report["calibration_images"]) if self.subject.calibration.startswith("first ") else 0


def asked(subject: Subject, recipe: Recipe, kind: str = MEASURED, settings: Mapping[str, object] | None = None) -> Run:
    """The run of a recipe before it is measured; its key says whether it has been."""
    made_for = {"name": subject.model, "sha256": subject.model_sha256}
    return Run(subject, to_json(replace(recipe, model=made_for)), kind=kind, settings=settings or {})


def measured(study: Study, run: Run) -> tuple[Run, Answered]:
    """The run with its report, measured on all images of its study, and the compressed model's answers to them."""
    applied = pipeline.apply(study, run.recipe)
    tally, answers = behaviour.answered(study.bench, applied.change)
    files = pipeline.files(study, run.recipe, applied, tally)
    return replace(run, report=json.loads(files["report.json"])), answers


def _canonical(recipe: Recipe) -> dict[str, object]:
    """The same for all recipes that say the same; without the model they were made for."""
    default = asdict(recipe.default)
    layers = {name: _differing(asdict(recipe.settings(name)), default) for name in recipe.layers}
    return {
        "default": _differing(default, asdict(Settings())),
        "layers": {name: changes for name, changes in layers.items() if changes},
        **{name: value for name in BESIDE if (value := getattr(recipe, name)) != "keep"},
        **({"recovered": dict(recipe.recovered)} if recipe.recovered else {}),
    }


def _differing(settings: Mapping[str, Value], from_: Mapping[str, Value]) -> dict[str, Value]:
    """Fields that differ, whole numbers as fractions: 1 and 1.0 are one setting."""
    changes = {key: value for key, value in settings.items() if value != from_[key]}
    return {key: float(value) if isinstance(value, int) else value for key, value in changes.items()}


def described(run: Run) -> str:
    """A line that says what the recipe does, such as 'sparsity=0.8 bits=4; conv1 bits=8'; 'nothing' for the dense."""
    document = json.loads(run.written)
    parts = [_words(document.get("default", {}))]
    parts += [f"{name} {_words(changes)}" for name, changes in document.get("layers", {}).items()]
    beside = {key: document[key] for key in BESIDE if document.get(key, "keep") != "keep"}
    beside |= {"recovered": "trained"} if "recovered" in document else {}
    return "; ".join(part for part in (*parts, _words(beside)) if part) or "nothing"


def _words(changes: Mapping[str, Value]) -> str:
    return " ".join(f"{key}={value}" for key, value in changes.items())
