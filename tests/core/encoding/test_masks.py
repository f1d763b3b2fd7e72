"""Masks as streams: lossless, as small as their structure allows, counted exactly, never fooled."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoding import masks
from core.encoding.masks import plan_mask, read_mask, write_mask
from core.entropy import bits_of

SHAPES = [(1, 1), (1, 5), (3, 5), (40, 3), (700, 17), (2300, 40), (1, 5000), (4096, 1)]


def drawn(shape: tuple[int, int], share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def edged(rows: int = 300) -> np.ndarray:
    """Images of 28 x 28 whose edges are never kept, and strokes of several pixels that are."""
    strokes = np.random.default_rng(1).random((rows, 28, 28)) < 0.05
    strokes |= np.roll(strokes, 1, 2) | np.roll(strokes, 1, 1)
    strokes[:, :4], strokes[:, -4:], strokes[:, :, :4], strokes[:, :, -4:] = 0, 0, 0, 0
    return strokes.reshape(rows, -1)


def back(mask: np.ndarray) -> np.ndarray:
    plan = plan_mask(mask)
    stream = write_mask(plan, mask)
    assert stream.numel() == plan.size
    return read_mask(stream, mask.shape).numpy().reshape(mask.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.97, 1.0])
def test_a_mask_comes_back_from_a_stream_of_the_stated_size(shape: tuple[int, int], share: float) -> None:
    mask = drawn(shape, share)
    assert np.array_equal(back(mask), mask)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.02, 0.3, 0.8]), st.integers(0, 9))
def test_any_mask_comes_back(rows: int, columns: int, share: float, seed: int) -> None:
    by_place = np.random.default_rng(seed).random((rows, 1)) * np.random.default_rng(seed + 1).random(columns)
    mask = drawn((rows, columns), share, seed) & (by_place > 0.2)
    assert np.array_equal(back(mask), mask)


def test_a_mask_in_lanes_comes_back() -> None:
    mask = drawn((900, 800), 0.4)
    assert plan_mask(mask).lanes > 1
    assert np.array_equal(back(mask), mask)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_mask_without_structure_is_within_half_a_percent_of_its_entropy(share: float) -> None:
    mask = drawn((600, 900), share)
    least = float(bits_of(np.array([mask.size - mask.sum(), mask.sum()])))
    assert 8 * plan_mask(mask).size <= 1.005 * least + 2**-17 * mask.size + 8 * 16  # head, lanes, a state


def test_columns_and_rows_that_keep_little_and_lines_of_an_image_make_it_smaller() -> None:
    mask = edged()
    least = float(bits_of(np.array([mask.size - mask.sum(), mask.sum()])))
    assert plan_mask(mask).head[:2] == bytes([masks.COLUMNS | masks.LEFT | masks.FAR, 28])
    assert 8 * plan_mask(mask).size < 0.75 * least
    assert np.array_equal(back(mask), mask)
    across = np.ascontiguousarray(drawn((700, 900), 0.5) & (np.arange(700) % 4 == 0)[:, None])
    assert plan_mask(across).head[0] == masks.ROWS


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 7), (600, 40)])
@pytest.mark.parametrize("far", [0, 2, 3])
def test_contexts_are_counted_as_one_counts_them_by_hand(shape: tuple[int, int], far: int) -> None:
    mask = drawn(shape, 0.3)
    bits = mask.view(np.uint8)
    rows, columns = masks._classes(mask.sum(1)), masks._classes(mask.sum(0))
    expected = np.zeros((8, 8, 2, 2, 2), int)
    for i, j in np.ndindex(shape):
        away = bits[i, j - far] if 0 < far <= j else 0
        expected[rows[i], columns[j], bits[i, j - 1] if j else 0, away, bits[i, j]] += 1
    if far < shape[1]:
        assert np.array_equal(masks._mask_counts(bits, rows, columns, far), expected)


def test_the_contexts_that_are_taken_are_the_smallest_of_all_sixteen() -> None:
    mask = edged()
    bits = mask.view(np.uint8)
    counts = masks._mask_counts(bits, masks._classes(mask.sum(1)), masks._classes(mask.sum(0)), 28)
    sizes = []
    for flags in range(16):
        used = masks._chosen(counts, flags)
        classes = 3 * (300 * (flags & 1) + 784 * (flags >> 1 & 1))
        sizes.append(float(bits_of(used).sum()) + 16 * len(used) + classes)
    assert masks._smallest(counts, mask.shape) == int(np.argmin(sizes))


def outcome(stream: torch.Tensor, mask: np.ndarray) -> int | str:
    """How many weights a stream's mask has, or why it is refused."""
    try:
        return read_mask(stream, mask.shape).numel()
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    ("mask", "tries"),
    [(edged(40), 40), (drawn((40, 30), 0.3), 40), (drawn((900, 800), 0.4), 4)],
    ids=["image", "plain", "lanes"],
)
def test_a_changed_stream_is_refused_in_a_sentence_or_is_another_mask(mask: np.ndarray, tries: int) -> None:
    stream = write_mask(plan_mask(mask), mask)
    rng = np.random.default_rng(5)
    for place in [0, 1, 2, 3, *rng.integers(0, min(400, stream.numel()), tries)]:
        forged = stream.clone()
        forged[place] ^= 1 << int(rng.integers(8))
        found = outcome(forged, mask)
        assert found == mask.size or len(str(found)) > 15


@pytest.mark.parametrize(
    "change", [lambda s: s[:1], lambda s: s[:5], lambda s: s[:-1], lambda s: s.float(), lambda s: s[None]]
)
def test_a_stream_that_is_none_is_refused(change) -> None:
    mask = edged(40)
    stream = write_mask(plan_mask(mask), mask)
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        read_mask(change(stream), mask.shape)
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        read_mask(stream, (40, 783))
    assert torch.equal(read_mask(stream, mask.shape), torch.from_numpy(mask.ravel()))


@pytest.mark.parametrize("kept", [0, 1])
def test_a_mask_that_tells_nothing_has_a_bit_for_512_weights_and_one_with_fewer_is_refused(kept: int) -> None:
    mask = np.full((500, 700), bool(kept))
    stream = write_mask(plan_mask(mask), mask)
    assert 512 * 8 * stream.numel() >= mask.size
    assert torch.equal(read_mask(stream, mask.shape), torch.from_numpy(mask.ravel()))
    with pytest.raises(ValueError, match=f"bytes for {2**28} symbols, expected"):
        read_mask(stream, (2**14, 2**14))
