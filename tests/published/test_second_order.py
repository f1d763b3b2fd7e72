"""Second-order pruning without training against the published single-stage figures, on the 10,000 test images."""

import pytest

from core.fisher import network_pruned
from core.joint import joint
from core.layer import layers
from core.patterns import removed_count
from tests.benchmarks.mlpnet import accuracy, drawn, load, per_sample, refitted
from tests.published.mlpnet import DATA

PUBLISHED = {0.9: 93.14, 0.95: 88.92, 0.98: 55.45}  # CBS, the best single-stage second-order figures
BOUNDS = {
    0.9: 0.2,
    0.95: 2.0,
    0.98: 17.0,
}  # points above; measured 0.42, 2.85 and 21.7, five seeds spread by 0.04, 0.25, 0.4


@pytest.fixture(scope="module")
def prepared():
    model, training, test = load(DATA)
    known = layers(model)
    images, labels = drawn(training, 2000, 0)
    return model, known, images, per_sample(model, known, (images[:300], labels[:300])), test


@pytest.mark.parametrize("sparsity", PUBLISHED)
def test_fisher_scores_with_both_refits_are_above_the_best_published_single_stage(prepared, sparsity):
    model, known, images, gradients, test = prepared
    weights = {layer.name: layer.matrix for layer in known}
    count = removed_count(sum(weight.numel() for weight in weights.values()), sparsity)
    masks, _ = network_pruned(weights, gradients, (count, 8))
    matrices = joint(model, known, refitted(model, known, masks, images[:1000]), images)
    assert sum(int((matrix != 0).sum()) for matrix in matrices.values()) <= 32_360 - count
    assert accuracy(model, known, matrices, test) > PUBLISHED[sparsity] + BOUNDS[sparsity]
