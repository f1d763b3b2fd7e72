"""Tensors and the forms they belong to as one safetensors file of a single tensor, whose index is deflated."""

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

Entry = tuple[str, str, tuple[int, ...]]  # name, type as safetensors names it, shape
Index = Mapping[str, object]
Alike = Mapping[str, object]  # by name, for some tensors: those with the same are the same

NAME = "prunescope"  # of the one tensor
NOTHING: Alike = {}
SEPARATOR = ":"  # between a parameter's name and the part of its encoded form; no parameter name holds one
USUAL = "U8"  # type of a tensor that names none
COMMON = (
    b'.running_mean","F32",.running_var","F32","layers.downsample.norm.attention.qkv.proj.head.block.conv.fc.bias","F32"'
    b',"kind":"low_rank","groups":1,"left":{"right":{"kind":"gridded","inputs_bits":"zero":"kind":"dense","kind":"affine'
    b'","kind":"rounded","block":"kind":"codebook",{"kind":"kept","rows":,"columns":,"run":1,"values":{"kind":"sparse",'
    b'"survivors":,"values":{"kind":"affine","rows":1,"columns":,"zero":127,"width":8}}},{"kind":"codebook","rows":,'
    b'"columns":,"width":3}}},"tensors":[["fc1.weight:rows",],[":columns",],[":scale","F32",1,1],[":levels","F16",1,8],'
    b'["conv1.bias:mask_ans",],[":mask",],[":codes_ans",],[":codes",],["conv1.weight:mask_ans",'
    b'{"format":"prunescope/weights/3","forms":{"conv1.weight":{"kind":"sparse","survivors":'
)  # what an index begins deflated with
MOST = 2**24  # bytes of an index, so that a small file asks for no large memory


def framed(entries: Sequence[Entry], index: Index, alike: Alike = NOTHING) -> int:
    """Length of the file that `packed` makes of tensors with these entries."""
    told = _repeats([name for name, *_ in entries], alike)
    sizes = (TYPE_BYTES[kind] * math.prod(shape) for name, kind, shape in entries if name not in told)
    size = 4 + len(_deflated(entries, index, told)) + sum(sizes)
    return len(_header(size)) + size


def packed(tensors: Mapping[str, Tensor], index: Index, alike: Alike = NOTHING) -> bytes:
    """A safetensors file of one tensor of bytes: the length of the deflated index, that, and the tensors in turn.

    A tensor that an earlier one tells is not written again.
    """
    told = _repeats(tensors, alike)
    entries = [(name, TYPE_NAMES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()]
    text = _deflated(entries, index, told)
    parts = [_bytes(tensor) for name, tensor in tensors.items() if name not in told]
    data = b"".join((len(text).to_bytes(4, "little"), text, *parts))
    return _header(len(data)) + data


def _repeats(names: Iterable[str], alike: Alike) -> dict[str, int]:
    """By name, the place of the first tensor that is the same, of those that an earlier one tells."""
    first: dict[object, int] = {}
    placed = [(name, first.setdefault(alike.get(name, name), place), place) for place, name in enumerate(names)]
    return {name: found for name, found, place in placed if found < place}


def _bytes(tensor: Tensor) -> bytes:
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))  # strides of one number may be any
    return flat.view(torch.uint8).numpy().tobytes()


def _header(size: int) -> bytes:
    """What safetensors writes before one tensor of so many bytes."""
    entry = {NAME: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(entry, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _deflated(entries: Sequence[Entry], index: Index, told: Mapping[str, int]) -> bytes:
    listed = {**index, "tensors": _listed(entries, told)}
    text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, COMMON)
    return deflate.compress(text) + deflate.flush()


def _listed(entries: Sequence[Entry], told: Mapping[str, int]) -> list[list[str | int]]:
    """Name, type where it is not the usual one, and shape of each; the parameter's name only where it changes.

    Of one that an earlier tensor tells name and -1 less the place of that one.
    """
    found, before = [], ""
    for name, kind, shape in entries:
        owner, separator, part = name.partition(SEPARATOR)
        short = separator + part if separator and owner == before else name
        found.append([short, -1 - told[name]] if name in told else [short, *([] if kind == USUAL else [kind]), *shape])
        before = owner
    return found


def _entries(listed: Sequence[Sequence[str | int]]) -> Iterator[Entry]:
    """The entries of a list of tensors."""
    before = ""
    for short, *rest in listed:
        name = before + short if short.startswith(SEPARATOR) else short
        before = name.partition(SEPARATOR)[0]
        kind = rest.pop(0) if rest and isinstance(rest[0], str) else USUAL
        yield name, kind, tuple(rest)


def opened(data: bytes) -> tuple[dict[str, Tensor], Index]:
    """The tensors by name, and the index without their list, of a packed file or of a plain one that has an index.

    Many errors where the bytes are neither; nothing in them is executed.
    """
    tensors = safetensors.torch.load(data)
    if tensors.keys() != {NAME}:
        length = int.from_bytes(data[:8], "little")
        return tensors, dict(json.loads(json.loads(data[8 : 8 + length])["__metadata__"][NAME]))
    inner = tensors[NAME].numpy().tobytes()
    begin = 4 + int.from_bytes(inner[:4], "little")
    index = _inflated(inner[4:begin])
    names, held = [], []
    for name, kind, shape in _entries(index.pop("tensors")):
        names.append(name)
        if shape and shape[0] < 0:
            held.append(_earlier(held, -1 - shape[0]))
            continue
        end = begin + TYPE_BYTES[kind] * math.prod(shape)
        held.append(_tensor(inner[begin:end], kind, shape))
        begin = end
    if begin != len(inner):
        raise ValueError(f"its tensors take {begin} bytes of {len(inner)}")
    return dict(zip(names, held, strict=True)), index


def _earlier(held: Sequence[Tensor], place: int) -> Tensor:
    if place >= len(held):
        raise ValueError(f"a tensor is as number {place + 1}, expected one of the {len(held)} before it")
    return held[place]


def _inflated(text: bytes) -> dict[str, object]:
    inflate = zlib.decompressobj(-15, COMMON)
    read = inflate.decompress(text, MOST)
    if not inflate.eof or inflate.unused_data:
        raise ValueError("its index does not end where it should")
    return dict(json.loads(read))


def _tensor(data: bytes, kind: str, shape: tuple[int, ...]) -> Tensor:
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"a shape is {list(shape)}, expected whole numbers")
    held = torch.from_numpy(np.frombuffer(bytearray(data), np.uint8))
    return held.view(TYPES[kind]).reshape(shape)


TYPE_NAMES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
TYPE_BYTES = {name: kind.itemsize for kind, name in TYPE_NAMES.items()}  # in the order of a safetensors file
TYPES = {name: kind for kind, name in TYPE_NAMES.items()}
