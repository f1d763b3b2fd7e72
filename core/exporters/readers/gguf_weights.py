"""Decodes a GGUF file with gguf alone: python gguf_weights.py FILE WEIGHTS.npz"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize

WHOLE = (GGMLQuantizationType.I64, GGMLQuantizationType.F64)


class Reader(GGUFReader):
    """One that refuses a file which ends early, of which the other would make empty values without end."""

    def _get(self, offset: int, dtype: type, count: int = 1, override_order: str | None = None) -> np.ndarray:
        values = GGUFReader._get(self, offset, dtype, count, override_order)
        if len(values) != int(count):
            raise ValueError(f"it ends before its byte {offset + int(count)}")
        return values


found = Reader(sys.argv[1]).tensors
arrays = {
    each.name: each.data if each.tensor_type in WHOLE else dequantize(each.data, each.tensor_type) for each in found
}
np.savez(sys.argv[2], **arrays)
