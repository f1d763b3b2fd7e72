"""Disjoint images: to calibrate on, to search with, and to confirm what was found."""

from dataclasses import replace

import numpy as np

from core import evaluation, pipeline
from core.calibration import calibration_images
from core.loading import Data, Loaded
from core.pipeline import Study

FEWEST = 20  # images that each part needs


def parts(loaded: Loaded, data: Data, calibration_data: Data | None = None, seed: int = 0) -> tuple[Study, Study]:
    """The study to search with, and the same model on the images that nothing was chosen by; half of the rest each.

    Without `calibration_data` the first images of `data` calibrate, as everywhere; a seeded shuffle divides the others.
    ValueError where there are too few.
    """
    left_out = calibration_images(len(data.targets)) if calibration_data is None else 0
    others = left_out + np.random.default_rng(seed).permutation(len(data.targets) - left_out)
    if len(others) < 2 * FEWEST or (calibration_data is None and left_out < 2):
        raise ValueError(
            f"data '{data.name}': {len(data.targets)} images, expected {3 * FEWEST} at least: some to calibrate on, "
            "some to search with, and others to confirm the result on"
        )
    seen = calibration_data or _of(data, np.arange(left_out))
    searched, confirmed = (_of(data, np.sort(part)) for part in np.array_split(others, 2))
    study = pipeline.study(loaded, searched, pipeline.CALIBRATED, seen)
    return study, replace(study, bench=evaluation.bench(loaded.model, confirmed.inputs, confirmed.targets))


def _of(data: Data, chosen: np.ndarray) -> Data:
    return replace(data, inputs=data.inputs[chosen], targets=data.targets[chosen])
