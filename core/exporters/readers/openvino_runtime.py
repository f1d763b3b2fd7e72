"""Answers images with OpenVINO alone: python openvino_runtime.py model.xml IMAGES.npy LOGITS.npy

First with products in float32, then as OpenVINO computes unless told: it may round inputs where weights are codes.
"""

import sys

import numpy as np
import openvino


def answered(path: str, images: np.ndarray, settings: dict[str, object]) -> np.ndarray:
    """The logits, (N, classes)."""
    model = openvino.compile_model(path, "CPU", settings)
    shape = model.input(0).partial_shape[0]
    size = shape.get_length() if shape.is_static else len(images)
    padded = np.concatenate([images, np.repeat(images[-1:], -len(images) % size, 0)])
    batches = [padded[begin : begin + size] for begin in range(0, len(padded), size)]
    return np.concatenate([model(batch)[0].copy() for batch in batches])[: len(images)]


FLOAT = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
given = sys.argv[1], np.load(sys.argv[2])
np.save(sys.argv[3], np.stack([answered(*given, settings) for settings in (FLOAT, {})]))
