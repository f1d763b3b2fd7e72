"""Reads a model.safetensors that Prunescope wrote, with numpy alone.

`load(path)`: name -> array; a compressed weight is a float32 (out, in) matrix, a convolution's (out, in * kernel), to
be reshaped to the model's own, outputs first. `grids(path)`: weight -> (scale, zero, bits) of the inputs it multiplies.
On the command line: python read_prunescope.py model.safetensors weights.npz
"""

import json
import math
import sys
import zlib

import numpy as np

TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "BF16": "u2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1"}
TYPES |= {"U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "F8_E4M3": "u1", "BOOL": "?", "C64": "c8"}
COMMON = (
    b'.running_mean","F32",.running_var","F32","layers.downsample.norm.attention.qkv.proj.head.block.conv.fc.bias","F32"'
    b',"kind":"low_rank","groups":1,"left":{"right":{"kind":"gridded","inputs_bits":"zero":"kind":"dense","kind":"affine'
    b'","kind":"rounded","block":"kind":"codebook",{"kind":"kept","rows":,"columns":,"run":1,"values":{"kind":"sparse",'
    b'"survivors":,"values":{"kind":"affine","rows":1,"columns":,"zero":127,"width":8}}},{"kind":"codebook","rows":,'
    b'"columns":,"width":3}}},"tensors":[["fc1.weight:rows",],[":columns",],[":scale","F32",1,1],[":levels","F16",1,8],'
    b'["conv1.bias:mask_ans",],[":mask",],[":codes_ans",],[":codes",],["conv1.weight:mask_ans",'
    b'{"format":"prunescope/weights/3","forms":{"conv1.weight":{"kind":"sparse","survivors":'
)  # what an index begins deflated with
INDEX = 2**24  # bytes of an index; with these limits a small file asks for no large memory
MOST, EACH = 2**28, 64  # weights of all tensors together, and for each byte of the file so many more
DENSEST = 4096  # symbols for each byte of a coded stream: a small file does not keep the reader for long
BYTE = np.arange(256)  # every float of 8 bits: sign, exponent of 4, fraction of 3
SIGN, POWER, FRACTION = np.where(BYTE > 127, -1.0, 1.0), BYTE >> 3 & 15, BYTE & 7
FLOAT8 = SIGN * np.where(POWER, (8 + FRACTION) * 2.0 ** (POWER - 10), FRACTION * 2.0**-9)
FLOAT8[[127, 255]] = np.nan


def load(path: str) -> dict[str, np.ndarray]:
    """Name -> array of everything in the file; ValueError where it is damaged."""
    return _checked(_load, path)


def grids(path: str) -> dict[str, tuple[float, int, int]]:
    """Weight -> (scale, zero, bits): its inputs are at (code - zero) * scale, for codes of so many bits."""
    return _checked(_grids, path)


def _checked(read, path):
    try:
        with np.errstate(all="ignore"):
            return read(path)
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged, or no file that Prunescope wrote ({error})") from None


def _load(path):
    tensors, forms = _open(path)
    found = {name: tensor for name, tensor in tensors.items() if ":" not in name}
    return found | {name: _decode(form, _under(tensors, name + ":")) for name, form in forms.items()}


def _grids(path):
    tensors, forms = _open(path)
    on = {name: form["inputs_bits"] for name, form in forms.items() if form["kind"] == "gridded"}
    ends = {name: [tensors[f"{name}:inputs.{end}"].item() for end in ("scale", "zero")] for name in on}
    return {name: (*ends[name], bits) for name, bits in on.items()}


def _open(path):
    with open(path, "rb") as file:
        data = file.read()
    begin = 8 + int.from_bytes(data[:8], "little")
    header, data = json.loads(data[8:begin]), data[begin:]
    if "__metadata__" in header:
        index = json.loads(header.pop("__metadata__")["prunescope"])
        entries = [(name, *map(header[name].get, ("dtype", "shape"))) for name in header]
        entries.sort(key=lambda entry: header[entry[0]]["data_offsets"])
        at = 0
    else:  # one tensor, which begins with the deflated index of all
        at = 4 + int.from_bytes(data[:4], "little")
        index = json.loads(zlib.decompressobj(-15, COMMON).decompress(data[4:at], INDEX))
        entries = _entries(index["tensors"])
    if index["format"] != "prunescope/weights/3":
        raise ValueError(f"its format is {index['format']!r}, expected 'prunescope/weights/3'")
    size, most = sum(map(_size, index["forms"].values())), MOST + EACH * len(data)
    if size > most:
        raise ValueError(f"its matrices have {size} weights together, expected {most} at most")
    names, held = [], []
    for name, kind, shape in entries:
        if ":" in name and len(shape) > 2:
            raise ValueError(f"{name} has {len(shape)} dimensions, expected 2 at most")
        names.append(name)
        if shape and shape[0] < 0:  # the same as an earlier one
            held.append(held[-1 - shape[0]])
            continue
        end = at + np.dtype(TYPES[kind]).itemsize * math.prod(shape)
        held.append(_tensor(data[at:end], kind, shape))
        at = end
    return dict(zip(names, held, strict=True)), index["forms"]


def _entries(listed):
    """Name, type (of bytes where none is named) and shape; a name that begins with ':' is of the parameter before."""
    name = ""
    for short, *rest in listed:
        name = name.partition(":")[0] + short if short[0] == ":" else short
        yield name, rest.pop(0) if rest and isinstance(rest[0], str) else "U8", rest


def _tensor(data, kind, shape):
    held = np.frombuffer(data, "<" + TYPES[kind]).reshape(shape)
    if kind == "BF16":
        return (held.astype(np.uint32) << 16).view(np.float32)
    return FLOAT8.astype(np.float32)[held] if kind == "F8_E4M3" else held


def _size(form):
    """Weights of a form and of all that it is made of, at most."""
    rows, columns = _shape(form)
    inner = sum(_size(each) for each in form.values() if isinstance(each, dict))
    between = int(form["groups"]) * _shape(form["left"])[1] if "left" in form else 0
    return (1 + abs(rows) + abs(between)) * (1 + abs(columns)) + inner


def _shape(form):
    if "left" in form:  # of a product
        return _shape(form["left"])[0], _shape(form["right"])[1] * int(form.get("kernel", 1))
    inner = form.get("matrix", form["values"] if form["kind"] == "sparse" else None)
    return (int(form["rows"]), int(form["columns"])) if inner is None else _shape(inner)


def _under(tensors, prefix):
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _decode(form, parts, mask=None):
    """The float32 (out, in) matrix of a form and its stored parts."""
    if form["kind"] == "gridded":
        return _decode(form["matrix"], parts)
    if form["kind"] in ("low_rank", "tucker"):
        return _product(
            form, *(_decode(form[s], _under(parts, s + ".")) for s in ("left", "core", "right") if s in form)
        )
    if form["kind"] == "sparse":
        return _decode(form["values"], parts, _mask(form, parts))
    if form["kind"] == "kept":  # the other rows and columns are 0
        sides = [_side(parts, s, (form[s], run)) for s, run in (("rows", 1), ("columns", form["run"]))]
        whole = np.zeros((form["rows"], form["columns"]), np.float32)
        whole[np.ix_(*sides)] = _decode(form["values"], parts)
        return whole
    mask = np.ones((form["rows"], form["columns"]), bool) if mask is None else mask
    stored = _stored(form, parts, np.count_nonzero(mask))
    values = np.zeros(mask.shape, stored.dtype)
    values[mask] = stored.ravel()
    return np.where(mask, _values(form, parts, values), np.float32(0))


def _product(form, left, *rest):
    groups, (core, right) = form["groups"], (rest if len(rest) == 2 else (None, rest[0]))
    left = left.reshape(groups, -1, left.shape[1])
    core = None if core is None else core.reshape(groups, left.shape[2], -1, form["kernel"])
    inner = (left if core is None else core).shape[2]
    if len(right) != groups * inner:
        raise ValueError(f"{len(right)} rows of a factor, expected {groups * inner}")
    right = right.reshape(groups, inner, -1)
    if core is not None:  # (groups, rank out, rank in, kernel) times (groups, rank in, in)
        right = np.einsum("gabk,gbi->gaik", core, right)
    product = left @ right.reshape(groups, left.shape[2], -1)
    return product.reshape(product.shape[0] * product.shape[1], -1)


def _values(form, parts, stored):
    if form["kind"] == "affine":
        stored = stored.astype(np.float32) - np.float32(form["zero"])
    elif form["kind"] == "codebook":
        levels = parts["levels"]
        stored = levels[np.arange(len(stored))[:, None] * (len(levels) > 1), stored]
    values = stored.astype(np.float32)
    columns = values.shape[1]
    block = np.arange(columns) // max(1, form.get("block", columns))
    for part, step in (("scale", np.multiply), ("offset", np.add)):  # (1 or out, blocks of columns)
        if part in parts:
            ends = parts[part][: len(values)]
            values = step(values, ends[:, block] if ends.shape[1] > 1 else ends)
    return values


def _stored(form, parts, count):
    """The codes or floats that are stored, one after another."""
    if "codes" in parts:
        return _unpack(parts["codes"], form["width"], count)
    if "codes_ans" in parts:
        return _codes(_stream(parts["codes_ans"], count), count, 2 ** range(9).index(form["width"]))
    if "values_ans" in parts:
        return FLOAT8.astype(np.float32)[_codes(_stream(parts["values_ans"], count), count, 256)]
    return parts["values"]


def _unpack(packed, width, count):
    bits = np.unpackbits(packed, bitorder="little")[: count * width].reshape(count, width)
    return np.packbits(bits, axis=1, bitorder="little")[:, 0]


def _stream(part, count):
    if count > DENSEST * part.nbytes:
        raise ValueError(f"a coded stream of {part.nbytes} bytes for {count} symbols")
    return part.tobytes()


def _codes(data, count, size):
    """Codes of a stream: how often each is met depends on the group of the one before."""
    groups, cuts = data[0], np.frombuffer(data[1 : data[0]], np.uint8)
    table = np.frombuffer(data[groups:], "<u2", groups * size).reshape(groups, size)
    near = [(1, np.searchsorted(cuts, np.arange(size), side="right").tolist())] if groups > 1 else []
    return _symbols(data[groups + 2 * groups * size :], (count, 2048), np.zeros(count, np.int64), near, table)


def _side(parts, name, sizes):
    """Which rows or columns are kept: all, or those of a bit a run, which may lie in a stream."""
    size, run = sizes
    if name not in parts and name + "_ans" not in parts:
        return np.ones(size, bool)
    count = size // run
    bits = _unpack(parts[name], 1, count) > 0 if name in parts else _mask_of(parts[name + "_ans"], (1, count))[0]
    return np.repeat(bits, run)


def _mask(form, parts):
    """Which weights are stored, bool (out, in): from bits, positions of the rarer side, or a stream."""
    shape = form["values"]["rows"], form["values"]["columns"]
    count = shape[0] * shape[1]
    if "mask" in parts:
        return _unpack(parts["mask"], 1, count).reshape(shape) > 0
    if "positions" in parts:
        few = 2 * form["survivors"] <= count
        flat = np.full(count, not few)
        flat[parts["positions"]] = few
        return flat.reshape(shape)
    return _mask_of(parts["mask_ans"], shape)


def _mask_of(part, shape):
    count = shape[0] * shape[1]
    data = _stream(part, count)
    flags, far, data = data[0], data[1], data[2:]
    classes = []  # of rows and columns, by how many weights they keep
    for side, there in zip(shape, (flags & 1, flags & 2), strict=True):
        length = (3 * side + 7) // 8 if there else 0
        classes.append(_unpack(np.frombuffer(data[:length], np.uint8), 3, side) if there else np.zeros(side, np.uint8))
        data = data[length:]
    across, left, away = 8 if flags & 2 else 1, flags >> 2 & 1, flags >> 3 & 1
    contexts = (8 if flags & 1 else 1) * across << left + away
    base = (classes[0][:, None].astype(np.int64) * across + classes[1]) << left + away
    near = [(1, [0, 1 << away])] * left + [(far, [0, 1])] * away
    kept = np.frombuffer(data, "<u2", contexts).astype(np.int64)
    table = np.stack([16384 - kept, kept], 1)
    return _symbols(data[2 * contexts :], (count, shape[1]), base.ravel(), near, table).reshape(shape) > 0


def _symbols(data, sizes, base, near, table):
    """The symbols of interleaved range asymmetric numeral systems (Duda 2013), frequencies of 2^14, words of 16 bits.

    Lanes take turns: each holds a state of its own and goes through every lanes-th segment.
    """
    (count, segment), words = sizes, np.frombuffer(data, "<u2").tolist()
    if table.sum(1).max() > 16384:
        raise ValueError("its frequencies are over 16384 together")
    lanes, words = words[0], words[1:]
    states = [words[3 * i] | words[3 * i + 1] << 16 | words[3 * i + 2] << 32 for i in range(lanes)]
    used, found, base = 3 * lanes, bytearray(count), base.tolist()
    symbols = [np.repeat(np.arange(len(row), dtype=np.uint8), row).tobytes() for row in table]
    begins, often = (np.cumsum(table, 1) - table).tolist(), table.tolist()
    for turn in range(0, count, max(1, lanes * segment)):
        for step in range(segment):
            for lane, at in enumerate(range(turn + step, min(count, turn + lanes * segment), segment)):
                context = base[at]
                for distance, weights in near:
                    if step >= distance:
                        context += weights[found[at - distance]]
                state, slot = states[lane], states[lane] & 16383
                symbol = symbols[context][slot]
                state = often[context][symbol] * (state >> 14) + slot - begins[context][symbol]
                if state < 1 << 32:
                    state, used = state << 16 | words[used], used + 1
                states[lane], found[at] = state, symbol
    return np.frombuffer(found, np.uint8)


DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError, zlib.error)

if __name__ == "__main__":
    try:
        np.savez(sys.argv[2], **load(sys.argv[1]))
    except (OSError, ValueError) as error:
        sys.exit(f"{error}")
