from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sample_models import catalog, train
from sample_models.data import digit_bytes
from sample_models.networks import LeNet300100

STILL = train.Recipe(epochs=1, rate=1e-3, decay=0.0, tilt=0.0, zoom=0.0, shift=0.0)


def numbered(*values: int) -> np.ndarray:
    """Images whose pixels all hold one value, uint8 (N, 2, 2)."""
    return np.stack([np.full((2, 2), value, dtype=np.uint8) for value in values])


def test_held_out_images_are_dropped_wherever_they_are() -> None:
    kept = train.disjoint(numbered(1, 2, 3, 4), numbered(4, 2))
    assert kept.tolist() == [True, False, True, False]


def test_every_copy_of_a_held_out_image_is_dropped() -> None:
    kept = train.disjoint(numbered(1, 2, 1, 3, 1), numbered(1))
    assert kept.tolist() == [False, True, False, True, False]


def test_images_that_differ_in_one_pixel_are_kept() -> None:
    images = numbered(1, 1)
    images[1, 0, 0] = 2
    assert train.disjoint(images, numbered(1)).tolist() == [False, True]


def test_a_held_out_image_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 of 2 held-out images are not among the 3 given"):
        train.disjoint(numbered(1, 2, 3), numbered(2, 9))


def test_nothing_held_out_keeps_everything() -> None:
    assert train.disjoint(numbered(1, 2), numbered(1)[:0]).all()


def test_augmenting_by_nothing_changes_nothing() -> None:
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    # The sampling grid is exact to about 1e-7 of a width of 28 pixels.
    assert torch.allclose(train.augment(x, STILL, torch.Generator().manual_seed(0)), x, atol=1e-5)


def test_a_shift_stays_within_its_pixels() -> None:
    x = torch.zeros(64, 1, 28, 28)
    x[:, :, 14, 14] = 1
    moved = train.augment(x, replace(STILL, shift=2.0), torch.Generator().manual_seed(0))
    rows, columns = moved.amax(3).nonzero()[:, 2], moved.amax(2).nonzero()[:, 2]
    assert 12 <= rows.min() < 14 < rows.max() <= 16
    assert 12 <= columns.min() < 14 < columns.max() <= 16


def test_training_is_the_same_given_the_seed() -> None:
    images, labels = (part[::50] for part in digit_bytes())
    split = train.Split((images, labels), (images, labels), (images, labels))
    first, second = (_trained(split, seed=3) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_training_learns() -> None:
    images, labels = (part[::10] for part in digit_bytes())
    split = train.Split((images, labels), (images, labels), (images, labels))
    torch.manual_seed(0)
    net = LeNet300100()
    before = train.accuracy(net, images, labels)
    losses = list(train.fit(net, split, replace(STILL, epochs=5), seed=0))
    assert losses[-1] < losses[0]
    assert train.accuracy(net, images, labels) > before + 0.5


def test_saved_sample_loads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "HERE", tmp_path)
    monkeypatch.setattr(catalog, "CARDS", tmp_path / "cards.json")
    monkeypatch.setattr(train, "CARDS", tmp_path / "cards.json")
    net = LeNet300100()
    train.save("lenet_300_100", net, {"seed": 0})
    loaded = catalog.load("lenet_300_100").state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in net.state_dict().items())
    assert catalog.card("lenet_300_100") == {"seed": 0, "bytes": catalog.weights_path("lenet_300_100").stat().st_size}


def _trained(split: train.Split, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    net = LeNet300100()
    list(train.fit(net, split, train.RECIPES["lenet_300_100"], seed))
    return net.state_dict()
