from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core.compress import compress, encode, matrices, rank_of, run, unchanged, weights
from core.encoding import LowRank
from core.factoring import CALIBRATED, DAMPING, FACTORIZERS, Spectrum, kept_rank, least_rank, svd, whitened_svd
from core.layer import Layer, layers
from core.recipe import Recipe, Settings
from tests.core import zoo
from tests.core.test_compress import AWKWARD

TRUNCATED = ("svd", "whitened_svd")
RULES = ("fraction", "energy", "error")

all_layers = pytest.mark.parametrize("name", AWKWARD)
all_truncated = pytest.mark.parametrize("factorizer", TRUNCATED)


@dataclass(frozen=True, eq=False)
class Seen:
    """Stands for what calibration saw."""

    moments: Tensor

    def refused(self, *, multiplied: bool) -> None:
        """It has what it has."""


def inputs(columns: int, groups: int = 1, seed: int = 0) -> Tensor:
    """Correlated inputs, (groups, 3 * columns, columns) float64, whose directions differ a hundredfold in size."""
    mixed = zoo.random(groups, 3 * columns, columns, seed=seed).double() * torch.logspace(0, -2, columns).double()
    return mixed @ zoo.random(groups, columns, columns, seed=seed + 1).double()


def moments(seen: Tensor) -> Tensor:
    return seen.mT @ seen / seen.shape[1]


def damped(second: Tensor) -> Tensor:
    mean = second.diagonal(dim1=1, dim2=2).mean(1)
    return second + DAMPING * mean[:, None, None] * torch.eye(second.shape[1]).double()


def seen_by(layer: Layer) -> Seen:
    return Seen(moments(inputs(layer.matrix.shape[1], layer.groups)))


def output_error(change: Tensor, second: Tensor) -> float:
    """The mean squared output of the weights `change`, (groups, rows, columns), on inputs of these second moments."""
    return float(torch.einsum("gri,gij,grj->", change, second, change))


@pytest.mark.parametrize("rank", [1, 3, 7, 12])
@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_the_truncation_error_is_the_discarded_energy(shape, rank):
    matrix = zoo.random(*shape)
    encoded = encode(zoo.linear(matrix), Settings(rank=rank / 12))
    singular = torch.linalg.svdvals(matrix.double())
    error = (encoded.decode().double() - matrix.double()).square().sum()
    # float32 factors: relative error 1e-7 of the whole matrix
    assert float(error) == pytest.approx(float(singular[rank:].square().sum()), abs=1e-6 * float(matrix.square().sum()))


def test_singular_values_are_those_of_torch():
    layer = zoo.linear(zoo.random(20, 33))
    expected = torch.linalg.svdvals(layer.matrix.double())
    assert torch.allclose(layer.spectrum.values[0], expected, rtol=1e-6)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", range(1, 9))
@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_whitened_the_measured_output_error_is_the_predicted_one(shape, rank, groups):
    weight, seen = zoo.random(groups * shape[0], shape[1]), inputs(shape[1], groups)
    made = whitened_svd(weight, groups, moments(seen))
    change = product(made, rank) - weight.double().view(groups, *shape)
    noise = DAMPING * moments(seen).diagonal(dim1=1, dim2=2).mean(1)
    measured = (seen @ change.mT).square().sum((1, 2)) / seen.shape[1] + noise * change.square().sum((1, 2))
    whole = float(made.values.square().sum())
    assert float(measured.sum()) == pytest.approx(float(made.values[:, rank:].square().sum()), abs=1e-6 * whole)
    assert whole == pytest.approx(output_error(weight.double().view(groups, *shape), damped(moments(seen))), rel=1e-9)


def product(made: Spectrum, rank: int) -> Tensor:
    return made.left[:, :, :rank].double() @ made.right[:, :rank].double()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6), st.data())
def test_whitened_is_never_above_plain_on_what_the_layer_sees(rows, columns, seed, data):
    weight, second = zoo.random(rows, columns, seed=seed), moments(inputs(columns, seed=seed))
    rank = data.draw(st.integers(1, min(rows, columns)))
    plain, whitened = (
        output_error(product(method(weight, 1, second), rank) - weight.double(), damped(second))
        for method in (svd, whitened_svd)
    )
    # both are float32 factors: 1e-7 of a weight, squared, on the largest input direction
    assert whitened <= plain + 1e-12 * output_error(weight.double()[None], damped(second)) * columns


def test_whitened_halves_the_measured_error_of_plain_on_correlated_inputs():
    weight, seen = zoo.random(30, 40), inputs(40)
    errors = [
        float((seen @ (product(method(weight, 1, moments(seen)), 10) - weight.double()).mT).square().sum())
        for method in (whitened_svd, svd)
    ]
    assert errors[0] < errors[1] / 2


def test_white_inputs_make_whitened_the_plain_one():
    weight = zoo.random(9, 14)
    plain, whitened = svd(weight, 1), whitened_svd(weight, 1, 3 * torch.eye(14).double()[None])
    for rank in range(1, 10):
        assert torch.allclose(product(plain, rank), product(whitened, rank), atol=1e-5)  # float32 factors
    assert torch.allclose(whitened.values, plain.values * (3 * (1 + DAMPING)) ** 0.5, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_unit_of_the_inputs_does_not_matter(scale):
    weight, second = zoo.random(6, 9), moments(inputs(9))
    one, other = (whitened_svd(weight, 1, factor * second) for factor in (1.0, scale))
    assert torch.allclose(product(one, 3), product(other, 3), atol=1e-6)  # float32 factors


@all_layers
@all_truncated
def test_a_prefix_of_the_factors_is_a_fresh_truncation(name, factorizer):
    layer = AWKWARD[name]
    seen = seen_by(layer)
    root = torch.linalg.cholesky(damped(seen.moments)) if factorizer in CALIBRATED else None
    blocks = layer.matrix.double().view(layer.groups, -1, layer.matrix.shape[1])
    made = layer.decompositions(factorizer, seen.moments)
    values, left, right = fresh(blocks, root)
    for rank in range(1, layer.full_rank + 1):
        if bool((values[:, rank - 1] - values[:, rank : rank + 1].sum(1) < 1e-3 * values[:, 0]).any()):
            continue  # equal singular values: which directions stay is anyone's choice
        truncated = left[:, :, :rank] * values[:, None, :rank] @ right[:, :rank]
        size = float(truncated.abs().max())
        assert torch.allclose(product(made, rank), truncated, rtol=0, atol=1e-5 * size)  # float32 factors


def fresh(blocks: Tensor, root: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """torch's own decomposition, of the whitened blocks where there is a root."""
    left, values, right = torch.linalg.svd(blocks if root is None else blocks @ root, full_matrices=False)
    return values, left, right if root is None else right @ torch.linalg.inv(root)


@all_truncated
@pytest.mark.parametrize("name", ["zeros", "tiny", "huge", "one value", "1x1", "3x5", "grouped", "depthwise", "wide"])
def test_awkward_layers_keep_all_of_themselves_at_full_rank(name, factorizer):
    layer = AWKWARD[name]
    made = layer.decompositions(factorizer, seen_by(layer).moments)
    size = float(layer.matrix.abs().max())
    whole = product(made, layer.full_rank).view(layer.matrix.shape)
    # float32 factors; the tiny ones are subnormal themselves
    assert torch.allclose(whole, layer.matrix.double(), rtol=0, atol=1e-5 * size)


def test_inputs_that_are_always_zero_leave_the_plain_factors_and_no_error():
    weight = zoo.random(5, 7)
    made = whitened_svd(weight, 1, torch.zeros(1, 7, 7).double())
    assert torch.allclose(product(made, 2), product(svd(weight, 1), 2), atol=1e-6)
    assert not made.values.any()


def test_an_input_that_is_always_zero_counts_for_little():
    second = moments(inputs(7))
    second[:, 2], second[:, :, 2] = 0, 0
    made = whitened_svd(zoo.random(5, 7), 1, second)
    assert torch.isfinite(made.left).all()
    assert torch.isfinite(made.right).all()


def test_whitening_needs_to_have_seen_images():
    layer = zoo.linear(zoo.random(6, 8))
    with pytest.raises(ValueError, match="layer '0': factorizer 'whitened_svd' needs calibration images"):
        encode(layer, Settings(rank=0.5, factorizer="whitened_svd"))
    assert unchanged(layer, encode(layer, Settings(factorizer="whitened_svd")))


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (torch.eye(7).double()[None], r"\(1, 7, 7\), expected \(1, 8, 8\)"),
        (torch.full((1, 8, 8), torch.nan).double(), "not all finite"),
    ],
)
def test_moments_of_another_layer_or_none_at_all_are_refused(second, why):
    with pytest.raises(ValueError, match=f"layer '0': its moments are {why}"):
        encode(zoo.linear(zoo.random(6, 8)), Settings(rank=0.5, factorizer="whitened_svd"), Seen(second))


def test_encoding_by_what_was_seen_is_pure():
    layer, wanted = zoo.linear(zoo.random(6, 8)), Settings(rank=0.5, factorizer="whitened_svd")
    one, other = Seen(moments(inputs(8))), Seen(moments(inputs(8, seed=5)))
    first = encode(layer, wanted, one).decode()
    assert not torch.equal(encode(layer, wanted, other).decode(), first)
    assert torch.equal(encode(layer, wanted, one).decode(), first)
    assert torch.equal(compress((layer,), Recipe(wanted), {"0": one})["0"].decode(), first)


@pytest.mark.parametrize("factorizer", FACTORIZERS)
def test_a_decomposition_serves_every_rank(factorizer):
    layer = layers(nn.Conv2d(6, 8, 3))[0]
    second = seen_by(layer).moments
    assert layer.decompositions(factorizer, second) is layer.decompositions(factorizer, second)


@all_layers
@pytest.mark.parametrize("factorizer", TRUNCATED)
@pytest.mark.parametrize("rank_by", RULES)
def test_the_rank_follows_its_rule(name, factorizer, rank_by):
    layer = AWKWARD[name]
    seen = seen_by(layer)
    errors = layer.decompositions(factorizer, seen.moments if factorizer in CALIBRATED else None).errors
    ranks = []
    for amount in (0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 1.0):
        rank = rank_of(layer, Settings(rank=amount, factorizer=factorizer, rank_by=rank_by), seen)
        ranks.append(rank)
        if rank_by == "fraction":
            assert rank == kept_rank(layer.full_rank, amount)
        elif amount < 1:
            fits = (1 - errors if rank_by == "energy" else -errors.sqrt()) >= (
                amount if rank_by == "energy" else -amount
            )
            assert rank == layer.full_rank or fits[rank - 1]
            assert rank == 1 or not fits[rank - 2]
    assert min(ranks) >= 1
    assert max(ranks) <= layer.full_rank
    assert ranks == sorted(ranks, reverse=rank_by == "error")


@pytest.mark.parametrize(("allowed", "rank"), [(1.0, 1), (0.5, 1), (0.4, 2), (0.25, 2), (0.1, 3), (0.0, 3)])
def test_the_least_rank_may_leave_exactly_what_is_allowed(allowed, rank):
    assert least_rank(torch.tensor([0.5, 0.25, 0.0]), allowed) == rank


@pytest.mark.parametrize("allowed", [0.05, 0.2, 0.5, 0.8])
def test_the_error_that_is_allowed_is_not_passed(allowed):
    layer = layers(nn.Conv2d(16, 24, 3, groups=2))[0]
    made = encode(layer, Settings(rank=allowed, rank_by="error")).decode()
    assert float((made - layer.matrix).norm() / layer.matrix.norm()) <= allowed + 1e-6  # float32 factors


@pytest.mark.parametrize("allowed", [0.05, 0.2, 0.5])
def test_whitened_the_error_allowed_is_that_of_the_output(allowed):
    layer = zoo.linear(zoo.random(20, 30))
    second = damped(moments(inputs(30)))
    wanted = Settings(rank=allowed, rank_by="error", factorizer="whitened_svd")
    found = encode(layer, wanted, Seen(moments(inputs(30)))).decode()
    relative = output_error((found - layer.matrix).double()[None], second) / output_error(
        layer.matrix.double()[None], second
    )
    assert relative**0.5 <= allowed + 1e-6  # float32 factors
    assert rank_of(layer, wanted, Seen(moments(inputs(30)))) < rank_of(layer, Settings(rank=allowed, rank_by="error"))


@all_layers
@pytest.mark.parametrize("rank_by", ["fraction", "energy"])
def test_a_whole_rank_leaves_the_matrix_itself(name, rank_by):
    layer = AWKWARD[name]
    assert unchanged(layer, encode(layer, Settings(rank=1.0, rank_by=rank_by)))


def test_the_rule_of_a_rank_is_one_of_three():
    with pytest.raises(ValueError, match="rank_by is 'size', expected one of fraction, energy, error"):
        Settings(rank_by="size")


def test_every_group_of_a_convolution_keeps_the_rank():
    layer = AWKWARD["grouped"]
    encoded = encode(layer, Settings(rank=0.5))
    assert isinstance(encoded, LowRank)
    for block, whole in zip(encoded.decode().view(2, 2, -1), layer.matrix.view(2, 2, -1), strict=True):
        assert torch.linalg.matrix_rank(block) == 1
        best = torch.linalg.svdvals(whole.double())[1]
        assert torch.linalg.matrix_norm(block - whole) == pytest.approx(float(best), rel=1e-4)


@pytest.mark.parametrize("factorizer", FACTORIZERS)
@pytest.mark.parametrize("rank_by", RULES)
def test_a_depthwise_convolution_has_no_rank_to_cut(factorizer, rank_by):
    layer = AWKWARD["depthwise"]
    assert layer.full_rank == 1
    assert unchanged(layer, encode(layer, Settings(rank=0.1, factorizer=factorizer, rank_by=rank_by)))


def test_the_low_rank_convolution_is_two_real_convolutions():
    convolution = nn.Conv2d(6, 8, 3, padding=1, bias=False)
    layer = layers(convolution)[0]
    encoded = encode(layer, Settings(rank=0.5))
    left, right = matrices(layer, Settings(rank=0.5))
    rank = kept_rank(8, 0.5)
    x = zoo.random(2, 6, 9, 9)
    narrow = nn.functional.conv2d(x, right.view(rank, 6, 3, 3), padding=1)
    two = nn.functional.conv2d(narrow, left.view(8, rank, 1, 1))
    one = run(convolution, weights((layer,), {layer.name: encoded}), x)
    assert torch.allclose(one, two, atol=1e-5)
