"""GGUF, the weights file of llama.cpp and ggml, by ggml-org's own package: codes in its blocks, where they fit."""

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core.encoding import Affine, Codebook, Coded, Encoded, Rounded, Sparse, bare, spread
from core.exporters import child
from core.exporters.coded import Whole, whole
from core.exporters.format import Exporter, Keep
from core.exporters.states import PLAIN, run, state
from core.exporters.subject import Subject
from core.exporting import untied
from core.layer import Layer
from core.recipe import to_json

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

Typed = tuple[np.ndarray, "GGMLQuantizationType"]
BLOCK = 32  # weights that share a scale
DIMENSIONS, LETTERS = 4, 63  # that ggml reads of a tensor and of its name


def gguf_file(subject: Subject) -> dict[str, bytes]:
    """One .gguf file: each tensor under the model's own name, the recipe among the metadata."""
    from gguf import GGUFWriter

    done = {layer.parameter: layer for layer in subject.study.known}
    writer = GGUFWriter(None, ARCHITECTURE)
    writer.add_name(subject.study.loaded.name)
    writer.add_string("prunescope.recipe", to_json(subject.recipe, indent=None))
    for name, tensor in _tensors(subject).items():
        if name in done:
            data, kind = fitted(subject.applied.encoded[done[name].name], done[name], tensor)
            writer.add_tensor(name, data, raw_dtype=kind)
        else:
            writer.add_tensor(name, _flat(tensor).numpy())
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.gguf"
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return {path.name: path.read_bytes()}


def _tensors(subject: Subject) -> dict[str, Tensor]:
    """The decoded state dict, each shared tensor once, in types that GGUF has."""
    once = untied(subject.study.loaded.model)
    found = {name: tensor for name, tensor in state(subject).items() if name in once and tensor.numel()}
    odd = next((name for name, tensor in found.items() if tensor.is_complex()), None)
    if odd:
        raise ValueError(f"{odd} holds complex numbers, which GGUF lacks; export as torch or safetensors")
    return {name: _plain(tensor) for name, tensor in found.items()}


def _plain(tensor: Tensor) -> Tensor:
    if tensor.dtype == torch.float64:
        return tensor
    return tensor.float() if tensor.is_floating_point() else tensor.long()


def _flat(tensor: Tensor) -> Tensor:
    """In as many dimensions as ggml reads: at least one, and kernels of three in one row."""
    return tensor.flatten(1).contiguous() if tensor.dim() > DIMENSIONS else torch.atleast_1d(tensor).contiguous()


def fitted(encoded: Encoded, layer: Layer, weight: Tensor) -> Typed:
    """A weight in the smallest type that keeps each value within half a step of the recipe's; F32 keeps all."""
    from gguf.quants import dequantize

    flat = _flat(weight).numpy()
    room = _flat(layer.parameter_of(half_step(encoded))).numpy()
    fits = []
    for data, kind in _candidates(encoded, layer, flat):
        with np.errstate(invalid="ignore"):  # a scale that float16 cannot hold is infinite
            off = np.abs(dequantize(data, kind) - flat)
        if (off <= room).all():
            fits.append((data.nbytes, float(off.max()), (data, kind)))
    return min(fits, key=lambda fit: fit[:2])[2]


def half_step(encoded: Encoded) -> Tensor:
    """How far each value, (out, in), may be from the recipe's: half of the way to the next code, 0 where none is."""
    stored = bare(encoded)
    values = stored.values if isinstance(stored, Sparse) else stored
    room = ROOMS[type(values)](values) if isinstance(values, Coded) else torch.zeros(1, 1)
    return room.expand_as(encoded.decode()).contiguous()


def _of_grid(values: Affine) -> Tensor:
    return spread(values.scale, values.codes.shape[1], values.block) / 2


def _of_book(values: Codebook) -> Tensor:
    """Half of the least gap of two levels."""
    gaps = values.levels.diff(dim=1)
    least = torch.where(gaps > 0, gaps, torch.inf).amin(1, keepdim=True) if gaps.numel() else gaps.sum(1, keepdim=True)
    room = torch.where(least.isfinite(), least, 0.0) / 2
    return room if values.scale is None else room * spread(values.scale, values.codes.shape[1], values.block)


def _of_floats(values: Rounded) -> Tensor:
    """Half of the last bit, or less."""
    return values.decode().abs() * torch.finfo(values.codes.dtype).eps / 4


def _candidates(encoded: Encoded, layer: Layer, weight: np.ndarray) -> Iterator[Typed]:
    from gguf import GGMLQuantizationType as Kinds
    from gguf import QuantError
    from gguf.quants import quantize

    held = whole(bare(encoded))
    if held is not None and not layer.turned and tuple(held.codes.shape) == weight.shape and _blocks_fit(held):
        for bits, name in (EVEN if held.offset is None else WITH_OFFSET).items():
            if held.bits <= bits:
                yield packed(held, bits), Kinds[name]
    for name in ("TQ1_0", "TQ2_0", "Q8_0", "BF16", "F16", "F32"):
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                yield quantize(weight, Kinds[name]), Kinds[name]
        except QuantError:
            continue  # rows that are no multiple of its block


def _blocks_fit(held: Whole) -> bool:
    """Whether each block of GGUF has one scale."""
    return held.codes.shape[1] % BLOCK == 0 and (held.scale.shape[1] == 1 or held.block % BLOCK == 0)


def packed(held: Whole, bits: int) -> np.ndarray:
    """Codes in blocks as ggml holds them, uint8 (out, bytes): scale, offset, fifth bits, halves of a block in turn."""
    rows, columns = held.codes.shape
    codes = held.codes.numpy().reshape(rows, -1, BLOCK)
    ends = [held.scale] if held.offset is None else [held.scale, held.offset]
    wide = [spread(end, columns, held.block).expand(rows, columns)[:, ::BLOCK].half() for end in ends]
    parts = [end.contiguous().numpy()[..., None].view(np.uint8) for end in wide]
    if bits == 8:
        parts.append(codes.view(np.uint8))
    else:
        codes = (codes + (0 if held.offset is not None else 1 << bits - 1)).astype(np.uint8)
        parts += [np.packbits(codes >> 4, axis=-1, bitorder="little")] if bits == 5 else []
        low = codes & 15
        parts.append(low[..., : BLOCK // 2] | low[..., BLOCK // 2 :] << 4)
    return np.concatenate(parts, -1).reshape(rows, -1)


def _answers(subject: Subject, path: Path) -> Tensor:
    """What the model says with the weights that gguf decodes; ValueError where one is off by more than half a step."""
    decoded = child.decoded(child.READERS / "gguf_weights.py", path)
    meant, found = _tensors(subject), {name: torch.from_numpy(array) for name, array in decoded.items()}
    rooms = {each.parameter: (each, subject.applied.encoded[each.name]) for each in subject.study.known}
    for name, tensor in meant.items():
        room = rooms[name][0].parameter_of(half_step(rooms[name][1])) if name in rooms else 0
        off = (found[name].view(tensor.shape) - tensor).abs()
        if not bool((off <= room).all()):
            raise ValueError(f"read back, {name} is off by {float(off.max()):.3g}, more than half a step")
    return _said(subject, {name: found[name].view(meant[name].shape) for name in meant})


def _rounded(subject: Subject) -> Tensor:
    """What the weights say once they are in GGUF's types, their scales in float16."""
    from gguf.quants import dequantize

    held = _tensors(subject)
    for layer in subject.study.known:
        data, kind = fitted(subject.applied.encoded[layer.name], layer, held[layer.parameter])
        held[layer.parameter] = torch.from_numpy(dequantize(data, kind)).view(held[layer.parameter].shape)
    return _said(subject, held)


def _said(subject: Subject, tensors: dict[str, Tensor]) -> Tensor:
    model = copy.deepcopy(subject.study.loaded.model)
    model.load_state_dict(tensors, strict=False)  # a weight with two names is stored once
    return run(subject, model)


def _limits(subject: Subject) -> tuple[str, ...]:
    named = _tensors(subject)
    long = sum(len(name.encode()) > LETTERS for name in named)
    wide = sum(tensor.dim() > DIMENSIONS for tensor in named.values())
    return (
        "a program runs the network from it only where it knows the architecture itself; a weight goes in the smallest "
        "type that keeps each value within half a step of the recipe's",
        *([f"{long} names have more than {LETTERS} letters, which ggml does not read"] if long else []),
        *([f"{wide} tensors of five dimensions stand in it in two, since it holds four at most"] if wide else []),
    )


ARCHITECTURE = "pytorch"  # what programs are to know the network by: none does
EVEN, WITH_OFFSET = {4: "Q4_0", 5: "Q5_0", 8: "Q8_0"}, {4: "Q4_1", 5: "Q5_1"}
ROOMS = {Affine: _of_grid, Codebook: _of_book, Rounded: _of_floats}
HALF = "decoded, as Q8_0, F16 or BF16 where that keeps it, else as F32"
GGUF_FILES = {
    "gguf": Exporter(
        "a GGUF file of weights, as ggml and llama.cpp hold them",
        "model.gguf",
        PLAIN
        | {
            "mask": Keep(False, "as zeros among its codes or weights"),
            "codes": Keep(
                True,
                "rows of a multiple of 32 as Q4_0, Q5_0 or Q8_0, with an offset Q4_1 or Q5_1, of three values TQ1_0, "
                "their scales in float16; others as F16, BF16 or F32",
            ),
            "codebook": Keep(False, HALF),
            "small floats": Keep(False, HALF),
            "low rank": Keep(False, "multiplied out, as F32"),
        },
        gguf_file,
        _answers,
        needs=("gguf",),
        limits=_limits,
        rounded=_rounded,
    )
}
