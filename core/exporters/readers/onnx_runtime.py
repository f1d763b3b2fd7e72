"""Answers images with an ONNX file and onnxruntime alone: python onnx_runtime.py FILE IMAGES.npy LOGITS.npy

First with products in float32, then as onnxruntime computes unless told: it may round inputs where weights are codes.
"""

import sys

import numpy as np
import onnxruntime


def answered(path: str, images: np.ndarray, settings: dict[str, str]) -> np.ndarray:
    """The logits, (N, classes)."""
    options = onnxruntime.SessionOptions()
    for key, value in settings.items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    size = given.shape[0] if isinstance(given.shape[0], int) else len(images)
    padded = np.concatenate([images, np.repeat(images[-1:], -len(images) % size, 0)])
    batches = [padded[begin : begin + size] for begin in range(0, len(padded), size)]
    return np.concatenate([session.run(None, {given.name: batch})[0] for batch in batches])[: len(images)]


FLOAT = {"session.qdq_matmulnbits_accuracy_level": "1"}
given = sys.argv[1], np.load(sys.argv[2])
np.save(sys.argv[3], np.stack([answered(*given, settings) for settings in (FLOAT, {})]))
