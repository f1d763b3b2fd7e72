import pytest
import torch

from core.training.images import AUGMENTATIONS, SHIFT, chance

SIDE, MANY = 28, 64


def blobs(*shape: int) -> torch.Tensor:
    """A bright square in the middle of each picture, (*shape, SIDE, SIDE)."""
    x = torch.zeros(*shape, SIDE, SIDE)
    x[..., 12:16, 12:16] = 1.0
    return x


def middles(x: torch.Tensor) -> torch.Tensor:
    """Where the brightness of each picture lies on average, rows and columns, (pictures, 2)."""
    flat, places = x.reshape(-1, SIDE, SIDE), torch.arange(SIDE, dtype=torch.float32)
    whole = flat.sum((1, 2))
    return torch.stack([(flat.sum(2) @ places) / whole, (flat.sum(1) @ places) / whole], 1)


@pytest.mark.parametrize("shape", [(MANY,), (MANY, 1)], ids=["flat", "planes"])
@pytest.mark.parametrize(("name", "share"), [("move", 1.0), ("sway", 2 / 3), ("nudge", 1 / 3)])
def test_pictures_move_by_their_share_of_the_most(name, share, shape):
    x = blobs(*shape)
    moved = AUGMENTATIONS[name](x, chance(0))
    assert moved.shape == x.shape
    far = (middles(moved) - middles(x)).abs()
    most = share * SHIFT * SIDE
    assert 0.7 * most < float(far.max()) < 1.15 * most  # zooming stretches a shift by a tenth
    assert float(far.min()) < 0.3 * most


def test_the_same_chance_moves_pictures_alike_and_none_leaves_them():
    x = blobs(MANY)
    assert AUGMENTATIONS["none"](x, chance(0)) is x
    one, same, other = (AUGMENTATIONS["sway"](x, chance(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
