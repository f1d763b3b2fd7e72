"""Predictive entropy and calibration error are those of the definition, and add up over batches."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from core.certainty import BINS, LEVELS, certainty, doubt

EVEN = torch.zeros(4, 10)


def some_answers(images: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, classes, generator=made)
    return logits, torch.randint(classes, (images,), generator=made)


def test_a_model_that_knows_nothing_has_all_the_entropy_there_is() -> None:
    found = doubt(certainty(EVEN, torch.tensor([0, 1, 2, 2])))
    assert found.entropy == pytest.approx(math.log2(10))
    assert found.loss == pytest.approx(math.log(10))


def test_a_model_that_is_sure_has_none() -> None:
    found = doubt(certainty(1e6 * torch.eye(10), torch.arange(10)))
    assert (found.entropy, found.error, found.loss) == (0.0, 0.0, 0.0)


def test_a_model_that_is_sure_and_wrong_is_off_by_all() -> None:
    assert doubt(certainty(1e6 * torch.eye(10), (torch.arange(10) + 1) % 10)).error == pytest.approx(1.0)


@given(images=some.integers(1, 60), classes=some.integers(2, 12), cut=some.integers(0, 60))
def test_batches_add_up(images: int, classes: int, cut: int) -> None:
    logits, targets = some_answers(images + 1, classes)
    first = min(max(1, cut), images)
    whole = certainty(logits, targets)
    parts = certainty(logits[:first], targets[:first]).plus(certainty(logits[first:], targets[first:]))
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one, other)


def test_the_figures_are_those_of_the_definition() -> None:
    logits, targets = some_answers(500, 7)
    shares = torch.softmax(logits.double(), 1).numpy()
    entropy = -(shares * np.log2(shares)).sum(1)
    confidence, right = shares.max(1), shares.argmax(1) == targets.numpy()
    error = 0.0
    for low in np.arange(LEVELS) / LEVELS:
        inside = (confidence > low) & (confidence <= low + 1 / LEVELS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    sums = certainty(logits, targets)
    found = doubt(sums)
    assert found.entropy == pytest.approx(entropy.mean())
    assert found.error == pytest.approx(error)
    assert found.loss == pytest.approx(-np.log(shares[np.arange(500), targets.numpy()]).mean())
    assert found.by_class[3] == pytest.approx(entropy[targets.numpy() == 3].mean())
    assert sums.entropy == tuple(np.histogram(entropy, BINS, (0, np.log2(7)))[0].tolist())


def test_a_label_without_images_has_no_entropy() -> None:
    assert math.isnan(doubt(certainty(EVEN, torch.tensor([0, 1, 2, 2]))).by_class[9])


@pytest.mark.parametrize(
    "logits",
    [
        torch.full((2, 3), -1e30),
        torch.full((2, 3), math.nan),
        torch.full((2, 3), math.inf),
        torch.tensor([[1e30, 0.0, -1e30]] * 2),
    ],
)
def test_extreme_logits_have_finite_figures(logits: torch.Tensor) -> None:
    found = doubt(certainty(logits, torch.tensor([0, 1])))
    assert math.isfinite(found.entropy)
    assert math.isfinite(found.error)
