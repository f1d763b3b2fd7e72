"""Codes as streams: lossless, counted exactly, smaller where a code tells of the next, never fooled."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoding.streams import SEGMENT, plan_codes, read_codes, write_codes
from core.entropy import bits_of

COUNTS = [1, 2, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 50_000]


def codes_of(count: int, size: int) -> np.ndarray:
    return np.clip(np.random.default_rng(count).normal(size / 2, size / 6, count), 0, size - 1).astype(np.uint8)


def back(codes: np.ndarray, size: int) -> np.ndarray:
    plan, counts = plan_codes(codes, size)
    assert np.array_equal(counts, np.bincount(codes, minlength=size))
    stream = write_codes(plan, codes, size)
    assert stream.numel() == plan.size
    return read_codes(stream, len(codes), size).numpy()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("count", COUNTS)
def test_codes_come_back_from_a_stream_of_the_stated_size(bits: int, count: int) -> None:
    codes = codes_of(count, 2**bits)
    assert np.array_equal(back(codes, 2**bits), codes)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=100), st.integers(1, 60))
def test_any_codes_come_back(codes: list[int], repeated: int) -> None:
    found = np.array(codes * repeated, np.uint8)
    assert np.array_equal(back(found, 16), found)


def test_codes_in_lanes_come_back() -> None:
    codes = codes_of(400_000, 16)
    assert plan_codes(codes, 16)[0].lanes > 1
    assert np.array_equal(back(codes, 16), codes)


@pytest.mark.parametrize("bits", range(1, 9))
def test_codes_that_tell_nothing_of_the_next_are_within_half_a_percent_of_their_entropy(bits: int) -> None:
    codes = codes_of(200_000, 2**bits)
    plan, counts = plan_codes(codes, 2**bits)
    assert 8 * plan.size <= 1.005 * float(bits_of(counts)) + 2**-17 * len(codes) + 8 * len(plan.head) + 64


def test_codes_whose_signs_come_in_runs_take_fewer_bits_than_their_entropy() -> None:
    rng = np.random.default_rng(0)
    signs = np.repeat(rng.integers(0, 2, 5000), 10)
    codes = (signs * 4 + rng.integers(0, 4, 50_000)).astype(np.uint8)
    plan, counts = plan_codes(codes, 8)
    assert plan.head[0] > 1
    assert 8 * plan.size < 0.85 * float(bits_of(counts))


ALIKE = {
    "equal": lambda n: np.zeros(n, np.uint8),
    "all but one": lambda n: (np.arange(n) == n // 3).astype(np.uint8),
    "the first of each segment": lambda n: (np.arange(n) % SEGMENT == 0).astype(np.uint8),
}


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.parametrize("count", [1, 4096, 200_003])
def test_codes_that_cost_nothing_come_back_from_a_stream_with_a_bit_for_512_of_them(kind: str, count: int) -> None:
    codes = ALIKE[kind](count)
    assert np.array_equal(back(codes, 2), codes)
    assert 512 * 8 * plan_codes(codes, 2)[0].size >= count


@pytest.mark.parametrize("count", [2**20, 2**28, 2**40])
def test_a_short_stream_of_very_many_codes_is_refused_before_anything_of_their_number_is_made(count: int) -> None:
    codes = np.zeros(5000, np.uint8)
    stream = write_codes(plan_codes(codes, 2)[0], codes, 2)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"of {stream.numel()} bytes for {count} symbols, expected"):
        read_codes(stream, count, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**16


def outcome(stream: torch.Tensor, count: int, size: int) -> int | str:
    """The largest code of a stream, or why it is refused."""
    try:
        return int(read_codes(stream, count, size).max())
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("size", [2, 16, 256])
def test_a_changed_stream_is_refused_in_a_sentence_or_holds_other_codes(size: int) -> None:
    codes = codes_of(5000, size)
    stream = write_codes(plan_codes(codes, size)[0], codes, size)
    rng = np.random.default_rng(4)
    for place in [0, 1, 2, *rng.integers(0, stream.numel(), 40)]:
        forged = stream.clone()
        forged[place] ^= 1 << int(rng.integers(8))
        found = outcome(forged, len(codes), size)
        assert len(found) > 15 if isinstance(found, str) else found < size


@pytest.mark.parametrize("kept", [0, 1, 3, 40])
def test_a_stream_that_ends_early_is_refused(kept: int) -> None:
    codes = codes_of(5000, 16)
    stream = write_codes(plan_codes(codes, 16)[0], codes, 16)
    for forged in (stream[:kept], stream[: -kept or None][:-2]):
        with pytest.raises(ValueError, match="coded"):
            read_codes(forged, len(codes), 16)
