"""Arrays as bytes and back, without pickle."""

import math
import zlib
from collections.abc import Mapping

import numpy as np

Stored = tuple[str, str, bytes]  # dtype, shape such as "5000x10", the compressed little-endian bytes


def packed(array: np.ndarray) -> Stored:
    """An array as it is stored; ValueError where its type is not one of TYPES."""
    if array.dtype.name not in TYPES:
        raise ValueError(f"array: its type is {array.dtype.name}, expected one of {', '.join(TYPES)}")
    plain = np.ascontiguousarray(array, TYPES[array.dtype.name])
    return array.dtype.name, "x".join(map(str, array.shape)), zlib.compress(plain.tobytes())


def unpacked(stored: Stored) -> np.ndarray:
    """The array again, read-only; ValueError where the bytes are not those of its type and shape."""
    name, written, data = stored
    try:
        shape = tuple(map(int, written.split("x"))) if written else ()
        kind = np.dtype(TYPES[name])
        expected = math.prod(shape) * kind.itemsize
        reader = zlib.decompressobj()
        plain = reader.decompress(data, expected + 1)
        if len(plain) != expected or not reader.eof:
            raise ValueError(f"its bytes are not {expected}")
        return np.frombuffer(plain, kind).reshape(shape).astype(name, copy=False)
    except (KeyError, ValueError, zlib.error) as error:
        raise ValueError(
            f"array of {name!r} and shape {written!r} is damaged ({error}); measure the run again"
        ) from None


def unpacked_all(rows: Mapping[str, Stored]) -> dict[str, np.ndarray]:
    """Every array by its name; ValueError names the one that is damaged."""
    found = {}
    for name, stored in rows.items():
        try:
            found[name] = unpacked(stored)
        except ValueError as error:
            raise ValueError(f"'{name}': {error}") from None
    return found


TYPES = {
    "bool": "?",
    "uint8": "u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "int32": "<i4",
    "int64": "<i8",
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
}
