"""Images divided: some to learn from, and others that nothing is learned or chosen by."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from core.fitting import check, fitted
from core.loading import Data, Loaded
from core.metrics import task
from core.recipe import Value


def parted(data: Data, learned: Mapping[str, Value]) -> tuple[Data, Data]:
    """The images that a recovered model is measured on, in their order, and those that it learned from, shuffled.

    learned: a recipe's `recovered`, whose `images` were learned from, chosen by its `seed`; none where it has none.
    """
    count = _learned(learned)
    if not 0 <= count < len(data.targets):
        raise ValueError(
            f"data '{data.name}': {len(data.targets)} images of which {count} were learned from, expected some more to "
            "measure on"
        )
    order = _order(len(data.targets), learned)
    return of(data, left_out(len(data.targets), learned)) if count else data, of(data, order[:count])


def left_out(total: int, learned: Mapping[str, Value]) -> np.ndarray:
    """The numbers of the images, of `total`, that a recovered model did not learn from, ascending; see `parted`."""
    return np.sort(_order(total, learned)[_learned(learned) :])


def _learned(learned: Mapping[str, Value]) -> int:
    return int(learned.get("images", 0))


def _order(total: int, learned: Mapping[str, Value]) -> np.ndarray:
    return np.random.RandomState(int(learned.get("seed", 0))).permutation(total)


def check_images(loaded: Loaded, data: Data, whose: str) -> None:
    """ValueError that calls the data `whose` where the model cannot take it."""
    try:
        check(loaded.model, fitted(loaded.model, torch.from_numpy(data.inputs)), torch.from_numpy(data.targets))
    except ValueError as error:
        raise ValueError(f"{whose} '{data.name}': {error}") from None


def of(data: Data, chosen: np.ndarray) -> Data:
    """Some of the images, by their numbers."""
    return replace(data, inputs=data.inputs[chosen], targets=data.targets[chosen])


def check_alike(data: Data, calibration_data: Data) -> None:
    """ValueError where the targets of two data sets ask for something different."""
    asked, given = (task(torch.from_numpy(each.targets)) for each in (data, calibration_data))
    if asked != given:
        raise ValueError(f"calibration '{calibration_data.name}' holds {given}, the data hold {asked}")
