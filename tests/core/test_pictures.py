"""Inputs as pictures, where they are pictures."""

import numpy as np
import pytest

from core.pictures import pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 12, 10), np.uint8)


@pytest.mark.parametrize("axis", [1, 3])
def test_grey_bytes_come_back_wherever_their_channel_is(axis: int) -> None:
    inputs = (PIXELS / np.float32(255)).astype(np.float32)
    for laid in (inputs, np.expand_dims(inputs, axis)):
        before = laid.copy()
        assert np.array_equal(pictures(laid, [4, 0]), PIXELS[[4, 0]])
        assert np.array_equal(laid, before)


def test_colours_come_back_wherever_their_channels_are() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 9, 11, 3), np.uint8)
    inputs = (pixels / np.float32(255)).astype(np.float32)
    assert np.array_equal(pictures(inputs, [1]), pixels[[1]])
    assert np.array_equal(pictures(np.moveaxis(inputs, 3, 1), [1]), pixels[[1]])


def test_other_ranges_are_stretched_over_all_inputs_not_over_the_shown() -> None:
    inputs = np.zeros((3, 8, 8), np.float32)
    inputs[0], inputs[1] = -2.0, 2.0
    assert [int(picture.mean()) for picture in pictures(inputs, [0, 2, 1])] == [0, 128, 255]
    assert pictures(np.full((2, 8, 8), 5.0, np.float32), [0]).max() == 0


@pytest.mark.parametrize("shape", [(4, 16), (4, 784), (4, 3, 7, 9), (4, 20, 4), (4, 2, 9, 9), (4, 1, 3, 9, 9)])
def test_what_is_no_picture_is_none(shape: tuple[int, ...]) -> None:
    assert pictures(np.zeros(shape, np.float32), [0]) is None
