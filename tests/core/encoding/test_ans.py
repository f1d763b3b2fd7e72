"""The entropy coder: lossless, as small as entropy allows, its size known beforehand, and never fooled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoding import ans
from core.entropy import bits_of

KINDS = {
    "one symbol": lambda rng, n: np.zeros(n, np.uint8),
    "one seen once": lambda rng, n: (np.arange(n) == n // 2).astype(np.uint8),
    "256 uniform": lambda rng, n: rng.integers(0, 256, n).astype(np.uint8),
    "fair bits": lambda rng, n: rng.integers(0, 2, n).astype(np.uint8),
    "rare bits": lambda rng, n: (rng.random(n) < 0.01).astype(np.uint8),
    "geometric": lambda rng, n: np.minimum(rng.geometric(0.2, n) - 1, 255).astype(np.uint8),
    "bell": lambda rng, n: np.clip(rng.normal(128, 20, n), 0, 255).astype(np.uint8),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def modelled(symbols: np.ndarray, segment: int, distances: tuple[int, ...] = ()) -> tuple[ans.Model, np.ndarray]:
    """A model of these symbols, in contexts by which of the symbols before is odd, and their counts by hand."""
    near = tuple((distance, (np.arange(256) & 1) << place) for place, distance in enumerate(distances))
    counts = np.zeros((1 << len(distances), 256), np.int64)
    for i, symbol in enumerate(symbols):
        before = [symbols[i - d] & 1 if i % segment >= d else 0 for d in distances]
        counts[sum(int(bit) << place for place, bit in enumerate(before)), symbol] += 1
    base = np.zeros(len(symbols), np.uint16)
    return ans.Model(len(symbols), segment, base, near, ans.quantized(counts)), counts


@every_kind
@pytest.mark.parametrize("lanes", [1, 32, 50])
def test_what_is_coded_comes_back_in_the_room_that_was_stated(kind: str, lanes: int) -> None:
    symbols = KINDS[kind](np.random.default_rng(0), 9001)
    model, counts = modelled(symbols, 97, (1, 5))
    stream = ans.encode(model, symbols, lanes, ans.words_of(counts, model.table))
    assert np.array_equal(ans.decode(model, stream, lanes), symbols)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=300),
    st.integers(1, 40),
    st.sampled_from([(), (1,), (2, 3)]),
    st.sampled_from([1, 32]),
)
def test_anything_comes_back(symbols: list[int], segment: int, distances: tuple[int, ...], lanes: int) -> None:
    found = np.array(symbols, np.uint8)
    model, counts = modelled(found, segment, distances)
    lanes = lanes if model.segments >= lanes else 1
    stream = ans.encode(model, found, lanes, ans.words_of(counts, model.table))
    assert np.array_equal(ans.decode(model, stream, lanes), found)


@every_kind
@pytest.mark.parametrize("count", [1, 1000, 300_000, 3_000_000])
def test_the_size_is_within_half_a_percent_of_entropy_and_a_state(kind: str, count: int) -> None:
    symbols = KINDS[kind](np.random.default_rng(1), count)
    counts = np.bincount(symbols, minlength=256)[None]
    words = ans.words_of(counts, ans.quantized(counts))
    lanes = ans.lanes_of(words, -(-count // 2048))
    least = float(bits_of(counts)[0])
    stored = ans.WORD * (words + ans.STATE_WORDS * lanes)
    resolution = 1.45 * count / ans.SLOTS if counts.max() > count - 2 else 0  # no frequency is below 1
    room = max(1.005 * least + resolution, count / ans.DENSEST)
    assert least <= stored <= room + ans.EXCESS * count + 48


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 10**9) | st.integers(0, 3), min_size=1, max_size=256))
def test_frequencies_fill_their_sum_and_no_symbol_that_is_met_has_none(counts: list[int]) -> None:
    found = ans.quantized(np.array([counts, [0] * len(counts)]))
    assert found[0].sum() == (ans.SLOTS if any(counts) else 0)
    assert not found[1].any()
    assert np.array_equal(found[0] > 0, np.array(counts) > 0)


@pytest.mark.parametrize("kept", [1, 127, 128, 129, 255])
def test_many_rare_symbols_leave_the_frequent_ones_their_places(kept: int) -> None:
    counts = np.where(np.arange(256) < kept, 10**6, 1)[None]
    assert ans.quantized(counts).sum() == ans.SLOTS
    assert ans.quantized(counts).min() == 1


def stream_of(count: int = 4000, lanes: int = 1) -> tuple[ans.Model, np.ndarray]:
    symbols = KINDS["geometric"](np.random.default_rng(2), count)
    model, counts = modelled(symbols, 50, (1,))
    return model, ans.encode(model, symbols, lanes, ans.words_of(counts, model.table))


@pytest.mark.parametrize("lanes", [1, 40])
def test_symbols_looked_up_some_at_a_time_make_the_same_stream(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = stream_of(count=4010, lanes=lanes)
    monkeypatch.setattr(ans, "AT_ONCE", 120)
    assert np.array_equal(stream_of(count=4010, lanes=lanes)[1], whole)


@pytest.mark.parametrize("lanes", [1, 40])
def test_a_changed_stream_is_refused_or_decodes_to_other_symbols_of_the_alphabet(lanes: int) -> None:
    model, stream = stream_of(lanes=lanes)
    rng, refused = np.random.default_rng(3), 0
    for _ in range(60):
        forged = stream.copy()
        forged[rng.integers(len(forged))] ^= 1 << rng.integers(16)
        try:
            assert len(ans.decode(model, forged, lanes)) == model.count
        except ValueError:
            refused += 1
    assert refused == 60  # a wrong state ends at the right one once in 2^32


@pytest.mark.parametrize("lanes", [1, 40])
def test_a_stream_that_is_too_short_or_too_long_is_refused(lanes: int) -> None:
    model, stream = stream_of(lanes=lanes)
    for forged in (stream[:-20], stream[:10], stream[:0], np.append(stream, np.uint16(7))):
        with pytest.raises(ValueError, match="a coded stream"):
            ans.decode(model, forged, lanes)


@pytest.mark.parametrize("lanes", [0, 2, 31, 81, 65535])
def test_a_number_of_lanes_that_no_writer_takes_is_refused(lanes: int) -> None:
    model, stream = stream_of()
    with pytest.raises(ValueError, match=f"{lanes} lanes"):
        ans.decode(model, stream, lanes)


@pytest.mark.parametrize("change", [1, -1, 60_000, -20_000])
def test_frequencies_with_another_sum_are_refused(change: int) -> None:
    model, stream = stream_of()
    table = model.table.copy()
    table[0, 0] += change
    forged = ans.Model(model.count, model.segment, model.base, model.neighbours, table)
    with pytest.raises(ValueError, match="frequencies"):
        ans.decode(forged, stream, 1)
