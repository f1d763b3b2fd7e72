"""Reads a plain.safetensors of Prunescope with numpy alone: python read_plain.py plain.safetensors weights.npz"""

import json
import sys

import numpy as np

TYPES = {f"{k.upper()}{8 * n}": f"<{k}{n}" for k in "fiuc" for n in (1, 2, 4, 8)} | {"BF16": "<u2", "BOOL": "?"}
PRODUCTS = {1: "goik", 2: "goa,gaik", 3: "goa,gabk,gbi"}  # groups, out, in, kernel; ranks a and b


def load(path):
    """Name -> array in the model's own shape; ValueError where the file is damaged, or small and asks for much."""
    try:
        data = np.fromfile(path, np.uint8)
        begin = 8 + int(data[:8].view("<u8")[0])
        header, data = json.loads(data[8:begin].tobytes()), data[begin:]
        forms = json.loads(header.pop("__metadata__")["prunescope"])
        sizes = [e["shape"] for e in (*header.values(), *(e for f in forms.values() for e in (f, *f["parts"])))]
        if not sum(np.prod(np.maximum(1, np.abs(size, dtype=float))) for size in sizes) <= 2**28 + 64 * len(data):
            raise ValueError("its sizes are too large for so small a file")
        held = {k: np.ndarray(e["shape"], TYPES[e["dtype"]], data, e["data_offsets"][0]) for k, e in header.items()}
        held |= {k: (held[k].astype("<u4") << 16).view("<f4") for k, e in header.items() if e["dtype"] == "BF16"}
        return {k: held[k] for k in held if ":" not in k} | {k: _weight(form, held) for k, form in forms.items()}
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, or no plain file of Prunescope ({error})") from None


def _weight(form, held):
    parts = [_matrix(part, held) for part in form["parts"]]
    product, blocks = f"{PRODUCTS[len(parts)]}->{form['order']}", np.empty(form["shape"], np.float32)
    return np.einsum(product, *parts, out=blocks, optimize=True).reshape(form["whole"])


def _matrix(part, held):
    rows, columns = map(lambda side, size: held.get(side, np.arange(size))[:size], part["sides"], part["shape"])
    kept = np.unpackbits(held[part["gone"]], count=len(rows) * len(columns)).reshape(len(rows), len(columns)) == 0
    stored = _stored(held[part["stored"]], part["bits"], kept.sum())
    row, column = np.nonzero(kept)
    stored = held[part["levels"]].take(row * part["row_levels"] + stored) if part["bits"] else stored
    at = row * part["row_scales"] + column // part["block"]
    whole = np.zeros(part["shape"], np.float32)
    whole[rows.take(row), columns.take(column)] = stored * held[part["scale"]].take(at) + held[part["offset"]].take(at)
    return whole.reshape(part["axes"])


def _stored(held, bits, n):  # floats, or codes of so many bits, the lowest bit of each first
    return np.unpackbits(held)[: n * bits].reshape(n, bits) @ 2 ** np.arange(8)[:bits] if bits else held.reshape(n)


if __name__ == "__main__":
    sys.tracebacklimit = 0  # what is wrong is a sentence
    np.savez(sys.argv[2], **load(sys.argv[1]))
