"""Decodes a GGUF file with gguf alone: python gguf_weights.py FILE WEIGHTS.npz"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize

WHOLE = (GGMLQuantizationType.I64, GGMLQuantizationType.F64)
found = GGUFReader(sys.argv[1]).tensors
arrays = {
    each.name: each.data if each.tensor_type in WHOLE else dequantize(each.data, each.tensor_type) for each in found
}
np.savez(sys.argv[2], **arrays)
