"""What is exported: a recipe carried out on a model, and the files of its folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from core import encoding, evaluation, pipeline, promises
from core.encoding import Affine, Codebook, Factored, Gridded, Kept, Rounded, Sparse, bare
from core.loading import Data, Loaded
from core.pipeline import Applied, Study
from core.recipe import Recipe, from_json

IMAGES = 200  # that an export's answers are compared on


@dataclass(frozen=True, eq=False)
class Subject:
    """A compressed model to export. files: report.json, model.safetensors and recipe.json, as `apply` writes them."""

    study: Study
    applied: Applied
    recipe: Recipe
    files: Mapping[str, bytes]

    @property
    def images(self) -> Tensor:
        """The images that an export's answers are compared on, (N, ...)."""
        return self.study.bench.inputs[: min(IMAGES, 2 * self.study.bench.batch)]


def opened(folder: Path, loaded: Loaded, data: Data, calibration: Data | None = None) -> Subject:
    """The compressed model of a folder that `apply` wrote; ValueError where it is none, or of another model."""
    promises.read(folder, loaded)
    files = {name: (folder / name).read_bytes() for name in promises.FILES}
    return of_files(files, loaded, data, calibration)


def of_files(files: Mapping[str, bytes], loaded: Loaded, data: Data, calibration: Data | None = None) -> Subject:
    """The compressed model of the files that `apply` writes, made from this model. It shares nothing with others."""
    recipe = from_json(files["recipe.json"].decode())
    study = pipeline.study(loaded, data, recipe, calibration)
    applied = pipeline.written_applied(study, Path("files"), recipe, files["model.safetensors"])
    return Subject(study, applied, recipe, files)


def logits(subject: Subject, on_grids: bool = True) -> Tensor:
    """The compressed model's answers to the images, (N, classes). on_grids: whether inputs are rounded as measured."""
    change = subject.applied.change
    change = change if on_grids else replace(change, inputs={}, keys=dict.fromkeys(change.keys, "no grids"))
    bench = replace(subject.study.bench, activations=type(subject.study.bench.activations)(), latest={})
    batches = -(-len(subject.images) // bench.batch)
    return torch.cat(list(islice(evaluation.outputs(bench, change), batches)))[: len(subject.images)].float()


def facets(subject: Subject) -> dict[str, tuple[str, ...]]:
    """What the recipe did, of FACETS, and to which layers."""
    found: dict[str, list[str]] = {}
    for name, encoded in subject.applied.encoded.items():
        for facet in _facets(encoded):
            found.setdefault(facet, []).append(name)
    if subject.applied.small is not None and subject.applied.small.outputs:
        found["shrunk"] = list(subject.applied.small.outputs)
    return {facet: tuple(dict.fromkeys(found[facet])) for facet in FACETS if facet in found}


def _facets(encoded: encoding.Encoded) -> Iterator[str]:
    if isinstance(encoded, Gridded):
        yield "inputs"
    if isinstance(bare(encoded), Factored):
        yield "low rank"
    for leaf in encoding.leaves(encoded):
        whole = leaf.values if isinstance(leaf, Kept) else leaf
        if isinstance(whole, Sparse):
            yield "mask"
        values = whole.values if isinstance(whole, Sparse) else whole
        if type(values) in STORED_AS:
            yield STORED_AS[type(values)]


STORED_AS = {Affine: "codes", Codebook: "codebook", Rounded: "small floats"}
FACETS = ("mask", "codes", "codebook", "small floats", "low rank", "shrunk", "inputs")
