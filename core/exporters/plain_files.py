"""The encoded layers as plain safetensors tensors, without an entropy coder: a page of numpy reads them."""

import json
from collections.abc import Mapping
from pathlib import Path

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
    pack,
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
        forms[name], parts = _stored(form, layers.get(name), left.pop(name).shape)
        left |= {f"{name}{SEPARATOR}{part}": tensor for part, tensor in parts.items()}
    whole = {name: tensor.contiguous() for name, tensor in left.items()}
    return safetensors.torch.save(whole, {"prunescope": json.dumps(forms, separators=(",", ":"))})


def _stored(encoded: Encoded, layer: Layer | None, shape: torch.Size) -> Part:
    """A weight of that shape. layer: None of what lies beside the layers, as biases."""
    groups, kernel = (1, 1) if layer is None else (layer.groups, layer.kernel)
    held = bare(encoded)
    factors = list(held.factors.values()) if isinstance(held, Factored) else [held]
    rows, columns = shape_of(held)
    ranks = {"a": shape_of(factors[0])[1], "b": shape_of(factors[-1])[0] // groups}
    sizes = {"g": groups, "o": rows // groups, "i": columns // kernel, "k": kernel} | ranks
    axes, whole = PRODUCTS[len(factors)].split("->")
    form = {"shape": list(shape), "blocks": [sizes[axis] for axis in whole]}
    form["inputs_first"] = layer is not None and layer.turned
    if isinstance(encoded, Gridded):
        form["inputs"] = encoded.inputs._asdict()
    made = [_matrix(factor) for factor in factors]
    own = [[sizes[axis] for axis in each] for each in axes.split(",")]
    form["parts"] = [said | {"axes": axes} for (said, _), axes in zip(made, own, strict=True)]
    return form, {f"{i}.{name}": tensor for i, (_, parts) in enumerate(made) for name, tensor in parts.items()}


def _matrix(stored: Stored | Kept) -> Part:
    """A bit a row, a column or a weight where some are gone, and what stays."""
    shape, tensors = list(shape_of(stored)), {}
    if isinstance(stored, Kept):
        tensors = {name: pack(side.to(torch.uint8), 1) for name, side in stored.sides.items()}
        stored = stored.values
    mask = torch.ones(shape_of(stored), dtype=torch.bool)
    if isinstance(stored, Sparse):
        mask, stored = stored.mask, stored.values
        tensors["mask"] = pack(mask.flatten().to(torch.uint8), 1)
    said, own = PARTS[type(stored)](stored, mask)
    scale, offset = (getattr(stored, end, None) for end in ("scale", "offset"))
    scale = torch.ones(1, 1) if scale is None else scale
    ends = {"scale": scale, "offset": torch.zeros(1, scale.shape[1]) if offset is None else offset}
    block = stored.block if scale.shape[1] > 1 else max(1, mask.shape[1])
    return {"shape": shape, "block": block} | said, tensors | ends | own


def _floats(values: Dense, mask: Tensor) -> Part:
    return {}, {"values": values.values[mask]}


def _coded(codes: Tensor, width: int, levels: Tensor) -> Part:
    return {"width": width}, {"codes": pack(codes, width), "levels": levels}


def _even(values: Affine, mask: Tensor) -> Part:
    levels = torch.arange(2**values.width)[None].float() - values.zero
    return _coded(values.codes[mask], values.width, levels)


def _shared(values: Codebook, mask: Tensor) -> Part:
    return _coded(values.codes[mask], values.width, values.levels)


def _small(values: Rounded, mask: Tensor) -> Part:
    if values.codes.itemsize > 1:
        return {}, {"values": values.codes[mask]}
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
