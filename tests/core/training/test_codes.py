import pytest
import torch
from torch import Tensor

from core.coding import CODERS, WIDTHS
from core.compress import encode
from core.encoding import Affine, Codebook, Sparse, spread
from core.recipe import Settings
from core.training.leaves import Leaf, forward, leaf, matrix, pulled_back, seek, settled
from tests.core import zoo

CASES = [(coder, bits) for coder, widths in WIDTHS.items() for bits in widths[:3]]
GROUPS = ("tensor", "channel", "4")


def coded(coder: str, bits: int, group: str, sparsity: float = 0.5) -> Sparse:
    settings = Settings(sparsity=sparsity, coder=coder, bits=bits, group=group)
    return encode(zoo.linear(zoo.random(6, 10)), settings)


def values_of(stored: Sparse, seed: int = 5) -> Tensor:
    """Other values than it stores, near them."""
    return stored.decode() + 0.05 * zoo.random(6, 10, seed=seed)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("coder", "bits"), CASES)
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_what_is_settled_decodes_to_what_the_network_ran_with(coder, bits, group, sparsity):
    stored = coded(coder, bits, group, sparsity)
    one = leaf(stored, values_of(stored))
    for part in one.parts.values():
        part.add_(0.1 * zoo.random(*part.shape, seed=7))
    for state in (one, seek(one)):
        assert torch.equal(settled(state).decode(), matrix(state))
        assert settled(state).form() == stored.form()


@pytest.mark.parametrize(("coder", "bits"), CASES)
def test_a_leaf_begins_as_it_was_encoded(coder, bits):
    stored = coded(coder, bits, "channel")
    assert torch.equal(matrix(leaf(stored)), stored.decode())


@pytest.mark.parametrize("coder", CODERS)
def test_a_removed_weight_is_zero_and_has_nothing_to_learn(coder):
    stored = coded(coder, WIDTHS[coder][0], "channel") if WIDTHS[coder] else coded("symmetric", 32, "channel")
    one = leaf(stored, values_of(stored))
    assert len(one.parts["values"]) == stored.survivors
    assert (matrix(one)[~stored.mask] == 0).all()
    assert len(back(one, zoo.random(6, 10))["values"]) == stored.survivors


def back(one: Leaf, gradient: Tensor) -> dict[str, Tensor]:
    """The gradients of what learns."""
    return pulled_back(one, forward(one)[1], gradient)


def straight(values: Tensor, rounded: Tensor) -> Tensor:
    """`rounded` on the way forward, `values` on the way back: the paper's stop-gradient, for autograd."""
    return values + (rounded - values).detach()


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("coder", ["symmetric", "affine"])
def test_even_grids_learn_by_the_gradients_of_learned_step_sizes(coder, bits, group):
    stored = coded(coder, bits, group)
    form: Affine = stored.values
    start, given = 1.3 * values_of(stored), zoo.random(6, 10, seed=8)
    found = back(leaf(stored, start), given)
    values = start.clone().requires_grad_()
    growth = torch.zeros_like(form.scale, requires_grad=True)
    offset = None if form.offset is None else form.offset.clone().requires_grad_()
    own = spread(form.scale * growth.exp(), 10, form.block)
    near = (values - (0 if offset is None else spread(offset, 10, form.block))) / own
    low = -form.zero
    inside = near.clamp(low - 0.5, low + (2 * form.zero or 2**form.width - 1) + 0.5)
    steps = straight(inside, near.round().clamp(low, low + (2 * form.zero or 2**form.width - 1)))
    oracle = steps * own + (0 if offset is None else spread(offset, 10, form.block))
    (oracle * given * stored.mask).sum().backward()
    assert torch.allclose(found["values"], values.grad[stored.mask], atol=1e-6)  # float32
    assert torch.allclose(found["growth"], growth.grad, atol=1e-5)  # sums of up to 60 products
    if offset is not None:
        assert torch.allclose(found["offset"], offset.grad, atol=1e-5)


@pytest.mark.parametrize("group", GROUPS)
def test_a_centroid_learns_by_the_sum_over_what_shares_it(group):
    stored = coded("kmeans", 2, group)
    form: Codebook = stored.values
    given = zoo.random(6, 10, seed=8)
    found = back(leaf(stored), given)["levels"]
    rows = len(form.levels)
    for row in range(rows):
        mine = stored.mask if rows == 1 else stored.mask & (torch.arange(6) == row)[:, None]
        for code in range(form.levels.shape[1]):
            assert found[row, code] == pytest.approx(float(given[mine & (form.codes == code)].sum()), abs=1e-5)


@pytest.mark.parametrize("coder", ["nf4", "power_of_two", "ternary"])
def test_published_levels_stay_and_their_scale_learns(coder):
    stored = coded(coder, WIDTHS[coder][0], "channel")
    given, nudge = zoo.random(6, 10, seed=8).double(), 1e-4
    found = back(leaf(stored), given.float())["growth"]
    form: Codebook = stored.values
    for row in range(6):
        plain = (form.decode().double() * stored.mask * given)[row].sum()
        assert float(found[row]) == pytest.approx(float(plain * (torch.tensor(nudge).exp() - 1) / nudge), abs=1e-3)
