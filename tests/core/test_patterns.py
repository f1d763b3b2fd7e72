"""A mask removes whole groups of its pattern, exactly as many as asked for, those with the smallest scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import Tensor

from core.compress import encode
from core.encoding import removed_values
from core.patterns import PATTERNS, Wanted, removed_count
from core.recipe import Settings
from tests.core import zoo

KERNEL = 3
SHARES = (0.0, 0.01, 0.25, 0.5, 0.77, 0.9, 0.999)
AWKWARD = zoo.awkward()
GROUPED = {  # pattern -> the group of each weight
    "element": lambda rows, columns: (rows, columns),
    "row": lambda rows, columns: (rows, 0 * columns),
    "column": lambda rows, columns: (0 * rows, columns // KERNEL),
    "block_1x8": lambda rows, columns: (rows, columns // 8),
    "block_4x4": lambda rows, columns: (rows // 4, columns // 4),
    "block_8x8": lambda rows, columns: (rows // 8, columns // 8),
}
OF = [name for name in PATTERNS if ":" in name]
grouped = pytest.mark.parametrize("pattern", GROUPED)


def labels(pattern: str, shape: tuple[int, int]) -> Tensor:
    """The number of each weight's group, (out, in)."""
    rows, columns = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    first, second = GROUPED[pattern](rows, columns)
    return (first * shape[1] + second).unique(return_inverse=True)[1]


def sums_of(scores: Tensor, groups: Tensor) -> Tensor:
    zeros = torch.zeros(int(groups.max()) + 1, dtype=torch.float64)
    return zeros.index_add_(0, groups.flatten(), scores.double().flatten())


def test_every_pattern_is_held_to_its_groups() -> None:
    assert GROUPED.keys() | set(OF) == PATTERNS.keys()


@grouped
@pytest.mark.parametrize("sparsity", SHARES)
@pytest.mark.parametrize("shape", [(1, 3), (20, 30), (9, 27), (5, 24)])
def test_whole_groups_go_and_their_count_is_exact(pattern: str, sparsity: float, shape: tuple[int, int]) -> None:
    scores = zoo.random(*shape).abs()
    mask, groups = PATTERNS[pattern](scores, Wanted(sparsity), KERNEL), labels(pattern, shape)
    many = int(groups.max()) + 1
    kept = torch.zeros(many).index_add_(0, groups.flatten(), mask.flatten().float())
    members = groups.flatten().bincount()
    assert set((kept / members).tolist()) <= {0.0, 1.0}
    assert int((kept == 0).sum()) == removed_count(many, sparsity)


@grouped
def test_the_groups_with_the_smallest_sums_go(pattern: str) -> None:
    scores = zoo.random(20, 30).abs()
    mask, groups = PATTERNS[pattern](scores, Wanted(0.4), KERNEL), labels(pattern, (20, 30))
    sums = torch.zeros(int(groups.max()) + 1, dtype=torch.float64).index_add_(
        0, groups.flatten(), scores.double().flatten()
    )
    stays = torch.zeros(len(sums)).index_add_(0, groups.flatten(), mask.flatten().float()) > 0
    assert sums[stays].min() >= sums[~stays].max()


@grouped
def test_what_is_gone_already_counts_for_nothing_and_groups_gone_as_a_whole_go_first(pattern: str) -> None:
    scores, groups = zoo.random(20, 30).abs(), labels(pattern, (20, 30))
    gone = ~PATTERNS[pattern](scores, Wanted(0.2), KERNEL)
    gone[:, ::7] = True  # columns that nobody reads any more
    mask = PATTERNS[pattern](scores.masked_fill(gone, -torch.inf), Wanted(0.4), KERNEL)
    sums, left = sums_of(scores.masked_fill(gone, 0), groups), sums_of((~gone).float(), groups)
    stays = sums_of(mask.float(), groups) > 0
    sums[left == 0] = -1.0
    assert sums[stays].min() >= sums[~stays].max()
    assert not stays[left == 0].any()


@grouped
def test_a_threshold_removes_the_groups_that_score_below_it(pattern: str) -> None:
    scores = zoo.random(20, 30).abs()
    groups = labels(pattern, (20, 30))
    sums = torch.zeros(int(groups.max()) + 1, dtype=torch.float64).index_add_(
        0, groups.flatten(), scores.double().flatten()
    )
    threshold = float(sums.median())
    mask = PATTERNS[pattern](scores, Wanted(0.0, threshold), KERNEL)
    assert torch.equal(mask, (sums >= threshold)[groups])


@pytest.mark.parametrize("pattern", OF)
@given(rows=some.integers(1, 6), columns=some.integers(1, 21), sparsity=some.floats(0, 0.999))
def test_n_of_every_m_stay_at_least_and_a_remainder_whole(
    pattern: str, rows: int, columns: int, sparsity: float
) -> None:
    n, m = map(int, pattern.split(":"))
    scores = zoo.random(rows, columns).abs()
    mask = PATTERNS[pattern](scores, Wanted(sparsity), 1)
    whole = columns // m * m
    tiles, kept = scores[:, :whole].reshape(-1, m), mask[:, :whole].reshape(-1, m)
    assert (kept.sum(1) >= n).all()
    assert mask[:, whole:].all()
    free = rows * (columns // m) * (m - n)
    assert int((~mask).sum()) == min(free, removed_count(scores.numel(), sparsity))
    for tile, stays in zip(tiles, kept, strict=True):
        if not stays.all() and stays.any():
            assert tile[stays].min() >= tile[~stays].max()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", AWKWARD)
def test_every_pattern_takes_every_layer(pattern: str, name: str) -> None:
    layer = AWKWARD[name]
    for settings in (
        Settings(sparsity=0.5, pattern=pattern),
        Settings(sparsity=0.5, pattern=pattern, rank=0.5, bits=3),
    ):
        encoded = encode(layer, settings)
        assert encoded.decode().shape == layer.matrix.shape
        assert 0 <= removed_values(encoded) <= layer.matrix.numel() + 100


def test_a_column_is_an_input_channel_of_a_convolution() -> None:
    layer = AWKWARD["grouped"]  # 4 channels of 9 columns
    mask = encode(layer, Settings(sparsity=0.5, pattern="column")).mask
    assert mask.view(4, 4, 9).float().mean((0, 2)).sort().values.tolist() == [0, 0, 1, 1]
