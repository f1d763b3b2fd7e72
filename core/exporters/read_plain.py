"""Reads a plain.safetensors of Prunescope with numpy alone: python read_plain.py plain.safetensors weights.npz"""

import json
import math
import sys

import numpy as np

PRODUCTS = {1: "goik->goik", 2: "goa,gaik->goik", 3: "goa,gabk,gbi->goik"}  # groups, out, in, kernel; ranks a and b
MOST, EACH = 2**28, 64  # sizes of all matrices together, and more for each byte: a small file fills no memory


def load(path):
    """Name -> array in the model's own shape; ValueError where the file is damaged."""
    try:
        with open(path, "rb") as file, np.errstate(all="ignore"):
            data = memoryview(file.read())
            begin = 8 + int.from_bytes(data[:8], "little")
            header = json.loads(bytes(data[8:begin]))
            forms = json.loads(header.pop("__metadata__")["prunescope"])
            sizes = [each["shape"] for form in forms.values() for each in form["parts"]]
            sizes += [form["blocks"] for form in forms.values()] + [entry["shape"] for entry in header.values()]
            if sum(math.prod(1 + abs(side) for side in size) for size in sizes) > MOST + EACH * len(data):
                raise ValueError("its sizes are too large for so small a file")
            found = {name: _array(data[begin:], **entry) for name, entry in header.items()}
            whole = {name: tensor for name, tensor in found.items() if ":" not in name}
            return whole | {name: _weight(form, found, name) for name, form in forms.items()}
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged, or no plain file of Prunescope ({error})") from None


def _array(data, dtype, shape, data_offsets):
    held = np.frombuffer(data[slice(*data_offsets)], TYPES[dtype]).reshape(shape)
    return (held.astype("<u4") << 16).view("<f4") if dtype == "BF16" else held


def _weight(form, found, name):
    parts = [_matrix(part, found, f"{name}:{i}.").reshape(part["axes"]) for i, part in enumerate(form["parts"])]
    blocks = np.einsum(PRODUCTS[len(parts)], *parts, out=np.empty(form["blocks"], np.float32), optimize=True)
    return (blocks.swapaxes(1, 2) if form["inputs_first"] else blocks).reshape(form["shape"])


def _matrix(form, found, name):
    part = {key.removeprefix(name): tensor for key, tensor in found.items() if key.startswith(name)}
    rows, columns = (_kept(part, *side) for side in zip(("rows", "columns"), form["shape"], strict=True))
    mask = _kept(part, "mask", rows.sum() * columns.sum()).reshape(rows.sum(), columns.sum())
    stored = _unpacked(part["codes"], form["width"], mask.sum()) if "codes" in part else part["values"]
    values = np.zeros(mask.shape, stored.dtype)
    values[mask] = stored
    if "levels" in part:
        values = part["levels"][np.arange(len(mask))[:, None] * (len(part["levels"]) > 1), values]
    block = np.arange(columns.sum()) // max(1, form["block"])
    values = values * part["scale"][: len(mask), block] + part["offset"][: len(mask), block]
    whole = np.zeros(form["shape"], np.float32)
    whole[np.ix_(rows, columns)] = np.where(mask, values, 0)
    return whole


def _kept(part, name, count):
    return _unpacked(part[name], 1, count) > 0 if name in part else np.ones(count, bool)


def _unpacked(packed, width, count):
    bits = np.unpackbits(packed, bitorder="little")[: count * width].reshape(count, width)
    return np.packbits(bits, axis=1, bitorder="little")[:, 0]


TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"}
TYPES |= {"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8"}
DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)

if __name__ == "__main__":
    try:
        np.savez(sys.argv[2], **load(sys.argv[1]))
    except (OSError, ValueError) as error:
        sys.exit(f"{error}")
