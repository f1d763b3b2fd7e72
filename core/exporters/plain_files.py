"""The encoded layers as plain safetensors tensors, without an entropy coder: a page of numpy reads them."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from core.encoding import (
    Affine,
    Codebook,
    Dense,
    Encoded,
    Factored,
    Gridded,
    Kept,
    Rounded,
    Sparse,
    Stored,
    bare,
    shape_of,
)
from core.exporters import child
from core.exporters.format import Exporter, Keep
from core.exporters.read_plain import PRODUCTS
from core.exporters.states import OWN, on_grids, state
from core.exporters.subject import Subject
from core.exporting import SEPARATOR, changed, untied
from core.layer import Layer

READER = Path(__file__).with_name("read_plain.py")
Part = tuple[dict[str, object], dict[str, Tensor]]  # what is said of a stored matrix, and its tensors


def plain_file(subject: Subject) -> dict[str, bytes]:
    """plain.safetensors, and a reader that needs numpy alone."""
    once = untied(subject.study.loaded.model)
    tensors = {name: tensor.clone() for name, tensor in state(subject).items() if name in once}
    data = written(tensors, subject.study.known, subject.applied.encoded)
    return {"plain.safetensors": data, READER.name: READER.read_bytes()}


def written(tensors: Mapping[str, Tensor], known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> bytes:
    """A safetensors file whose metadata say how each compressed weight is stored; the other `tensors` as they are."""
    layers, left, forms = {layer.parameter: layer for layer in known}, dict(tensors), {}
    for name, form in changed(known, encoded).items():
        forms[name], parts = _stored(form, (name, left.pop(name).shape), layers.get(name))
        left |= parts
    whole = {name: tensor.contiguous() for name, tensor in left.items()}
    return safetensors.torch.save(whole, {"prunescope": json.dumps(forms, separators=(",", ":"))})


def _stored(encoded: Encoded, told: tuple[str, torch.Size], layer: Layer | None) -> Part:
    """A weight of that name and shape. layer: None of what lies beside the layers, as biases."""
    name, shape = told
    groups, kernel = (1, 1) if layer is None else (layer.groups, layer.kernel)
    held = bare(encoded)
    factors = list(held.factors.values()) if isinstance(held, Factored) else [held]
    rows, columns = shape_of(held)
    ranks = {"a": shape_of(factors[0])[1], "b": shape_of(factors[-1])[0] // groups}
    sizes = {"g": groups, "o": rows // groups, "i": columns // kernel, "k": kernel} | ranks
    order = "giok" if layer is not None and layer.turned else "goik"
    form = {"whole": list(shape), "shape": [sizes[axis] for axis in order], "order": order, "parts": []}
    if isinstance(encoded, Gridded):
        form["inputs"] = encoded.inputs._asdict()
    tensors = {}
    for i, (factor, axes) in enumerate(zip(factors, PRODUCTS[len(factors)].split(","), strict=True)):
        said, own = _matrix(factor)
        named = {part: f"{name}{SEPARATOR}{i}.{part}" for part in own}
        sides = [named.get(side) for side in ("rows", "columns")]
        form["parts"].append(said | named | {"sides": sides, "axes": [sizes[axis] for axis in axes]})
        tensors |= {named[part]: tensor for part, tensor in own.items()}
    return form, tensors


def _matrix(stored: Stored | Kept) -> Part:
    """Which rows and columns stay, a bit for each weight of them that is gone, and what stays."""
    shape, tensors = list(shape_of(stored)), {}
    if isinstance(stored, Kept):
        tensors = {name: _places(side) for name, side in stored.sides.items()}
        stored = stored.values
    mask = torch.ones(shape_of(stored), dtype=torch.bool)
    gone = torch.zeros(1, dtype=torch.uint8)  # read as of any length
    if isinstance(stored, Sparse):
        mask, stored = stored.mask, stored.values
        gone = _packed(~mask.flatten(), 1)
    said, own = PARTS[type(stored)](stored, mask)
    scale, offset = (getattr(stored, end, None) for end in ("scale", "offset"))
    scale = torch.ones(1, 1) if scale is None else scale
    blocks = scale.shape[1]
    said |= {"shape": shape, "block": stored.block if blocks > 1 else max(1, mask.shape[1])}
    said |= {"row_scales": blocks if len(scale) > 1 else 0}
    ends = {"scale": scale, "offset": torch.zeros_like(scale) if offset is None else offset}
    return said, tensors | {"gone": gone} | ends | own


def _places(side: Tensor) -> Tensor:
    """The rows or columns that stay, in as few bytes as hold the last."""
    return side.nonzero()[:, 0].to(torch.uint16 if len(side) <= 2**16 else torch.int32)


def _packed(codes: Tensor, width: int) -> Tensor:
    """Codes one after another, the lowest bit of each first, in bytes that fill from the highest bit."""
    planes = np.unpackbits(codes.to(torch.uint8).numpy()[:, None], axis=1, bitorder="little", count=width)
    return torch.from_numpy(np.packbits(planes))


def _floats(values: Dense, mask: Tensor) -> Part:
    return {"bits": 0}, {"stored": values.values[mask]}


def _coded(codes: Tensor, width: int, levels: Tensor) -> Part:
    said = {"bits": width, "row_levels": levels.shape[1] if len(levels) > 1 else 0}
    return said, {"stored": _packed(codes, width), "levels": levels}


def _even(values: Affine, mask: Tensor) -> Part:
    levels = torch.arange(2**values.width)[None].float() - values.zero
    return _coded(values.codes[mask], values.width, levels)


def _shared(values: Codebook, mask: Tensor) -> Part:
    return _coded(values.codes[mask], values.width, values.levels)


def _small(values: Rounded, mask: Tensor) -> Part:
    if values.codes.itemsize > 1:
        return {"bits": 0}, {"stored": values.codes[mask]}
    every = torch.arange(256, dtype=torch.uint8).view(values.codes.dtype).float()[None]
    return _coded(values.codes.view(torch.uint8)[mask], 8, every)


def _answers(subject: Subject, path: Path) -> Tensor:
    """What the weights say that the short reader decodes."""
    found = child.decoded(path / READER.name, path / "plain.safetensors")
    return on_grids(subject, {name: torch.from_numpy(array) for name, array in found.items()})


PARTS = {Dense: _floats, Affine: _even, Codebook: _shared, Rounded: _small}
PLAIN_FILES = {
    "safetensors_plain": Exporter(
        "the encoded layers without an entropy coder, with a numpy reader of one page",
        "plain",
        dict.fromkeys(OWN, Keep(True, "in bits, as tensors of their own"))
        | {"inputs": Keep(True, "as scale, zero and bits in the metadata")},
        plain_file,
        _answers,
    )
}
