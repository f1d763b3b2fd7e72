import pytest
import torch
from torch import nn

from core.compress import encode, layers, run, unchanged, weights
from core.encoding import LowRank
from core.factoring import kept_rank
from core.recipe import Settings
from tests.core import zoo
from tests.core.test_compress import AWKWARD


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


def test_every_group_of_a_convolution_keeps_the_rank():
    layer = AWKWARD["grouped"]
    encoded = encode(layer, Settings(rank=0.5))
    assert isinstance(encoded, LowRank)
    for block, whole in zip(encoded.decode().view(2, 2, -1), layer.matrix.view(2, 2, -1), strict=True):
        assert torch.linalg.matrix_rank(block) == 1
        best = torch.linalg.svdvals(whole.double())[1]
        assert torch.linalg.matrix_norm(block - whole) == pytest.approx(float(best), rel=1e-4)


def test_a_depthwise_convolution_has_no_rank_to_cut():
    layer = AWKWARD["depthwise"]
    assert layer.full_rank == 1
    assert unchanged(layer, encode(layer, Settings(rank=0.1)))


def test_the_low_rank_convolution_is_two_real_convolutions():
    convolution = nn.Conv2d(6, 8, 3, padding=1, bias=False)
    layer = layers(convolution)[0]
    encoded = encode(layer, Settings(rank=0.5))
    left, right = encoded.left.decode(), encoded.right.decode()
    rank = kept_rank(8, 0.5)
    x = zoo.random(2, 6, 9, 9)
    narrow = nn.functional.conv2d(x, right.view(rank, 6, 3, 3), padding=1)
    two = nn.functional.conv2d(narrow, left.view(8, rank, 1, 1))
    one = run(convolution, weights((layer,), {layer.name: encoded}), x)
    assert torch.allclose(one, two, atol=1e-5)
