import pytest
import torch

from core.decoding import from_tensors
from core.encoding import Codebook, Sparse, bits
from core.training.short import short

CODES = torch.tensor([[0, 1, 2], [2, 1, 0]], dtype=torch.uint8)


def book(*levels: float) -> Codebook:
    return Codebook(CODES, torch.tensor([levels]), None, 2, 3)


@pytest.mark.parametrize("wrap", [lambda form: form, lambda form: Sparse(CODES > 0, form)])
def test_learned_levels_take_half_the_bytes_and_move_by_half_a_step_of_float16(wrap):
    form = wrap(book(-0.1, 0.3, 0.7))
    shorter = short(form)
    assert bits(form) - bits(shorter) == 3 * 16
    assert torch.allclose(shorter.decode(), form.decode(), rtol=2.0**-11, atol=0)
    assert torch.equal(from_tensors(shorter.form(), shorter.tensors()).decode(), shorter.decode())
    assert bits(short(shorter)) == bits(shorter)


@pytest.mark.parametrize("levels", [(0.1, 0.1 + 2e-8, 0.7), (-0.1, 1e-9, 0.7), (-0.1, 0.3, 7e4)])
def test_levels_that_float16_would_merge_or_move_far_stay(levels):
    form = book(*levels)
    assert torch.equal(short(form).decode(), form.decode())


def test_a_level_that_stands_twice_stays_so():
    assert torch.equal(short(book(-0.1, 0.3, 0.3)).levels.diff() > 0, torch.tensor([[True, False]]))


def test_published_levels_stay():
    form = Codebook(CODES, torch.tensor([[-0.1, 0.3, 0.7]]), torch.ones(1, 1), 2, 3)
    assert short(form) is form
