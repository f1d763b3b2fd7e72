"""Decodes a folder with compressed-tensors alone: python compressed_tensors_weights.py FOLDER WEIGHTS.npz"""

import json
import sys
from pathlib import Path

import numpy as np
from compressed_tensors.compressors import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationConfig
from safetensors.torch import load_file

folder = Path(sys.argv[1])
tensors = load_file(folder / "model.safetensors")
config = QuantizationConfig.model_validate(json.loads((folder / "config.json").read_text())["quantization_config"])
for scheme in config.config_groups.values():
    for name in scheme.targets:
        prefix = f"{name}." if name else ""
        own = {part: tensors.pop(prefix + part) for part in ("weight_packed", "weight_scale", "weight_shape")}
        tensors[f"{prefix}weight"] = PackedQuantizationCompressor.decompress(own, scheme)["weight"]
np.savez(sys.argv[2], **{name: tensor.numpy() for name, tensor in tensors.items()})
