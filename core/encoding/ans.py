"""A lossless entropy coder: interleaved range asymmetric numeral systems.

Duda 2013, arXiv:1311.2540; Giesen 2014, arXiv:1402.3392.

A state x of [2^32, 2^48) takes in a symbol of frequency f of 2^14 as x // f * 2^14 + x % f + (what lies below it), and
gives out 16 bits beforehand where it would not fit. Why the size is known beforehand: what a symbol adds to log2 x is
at most its cost, 14 - log2 f, plus log2(1 + f / x); x is at least f * 2^18 there, so that the excess is below 2^-17
bits; 16 bits given out lower log2 x by at least 16; and it never falls below the 32 that it starts from. So there are
at most (sum of costs + 2^-17 a symbol) / 16 words, and the rest of the room that `words_of` states is zeros.
"""

from dataclasses import dataclass

import numpy as np

SCALE = 14  # log2 of the sum of a table's frequencies
SLOTS = 1 << SCALE
LEAST, WORD = 32, 16  # log2 of the least state; bits given out at a time
STATE_WORDS = 3  # words of a final state
EXCESS = 2.0**-17
LANE_WORDS = 1024  # a lane's own state is then 0.3 % of it
DENSEST = 512  # symbols for each bit of a stream at most: a small file does not keep a reader for long
AT_ONCE = 1 << 21  # symbols looked up at a time
FEW_LANES = 32  # below, plain whole numbers are faster than arrays


@dataclass(frozen=True, eq=False)
class Model:
    """What symbols are expected where. `count` of them in segments; the last may be shorter.

    segment: symbols of one; what is left of it is no neighbour. base: (count,) the context of a symbol, to which each
    of `neighbours` (distance, weights by symbol) adds its weight. table: (contexts, symbols) frequencies, each row
    summing to SLOTS, or to 0 where it is never met.
    """

    count: int
    segment: int
    base: np.ndarray
    neighbours: tuple[tuple[int, np.ndarray], ...]
    table: np.ndarray

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return -(-self.count // self.segment)


def quantized(counts: np.ndarray) -> np.ndarray:
    """Frequencies near `counts`, (contexts, symbols), at least 1 where a symbol is met; rows sum to SLOTS, or to 0."""
    totals = counts.sum(1, keepdims=True)
    met = counts > 0
    found = np.where(met, np.maximum(1, np.rint(counts * (SLOTS / np.maximum(1, totals)))), 0).astype(np.int64)
    for row in np.flatnonzero((found.sum(1) != SLOTS) & (totals[:, 0] > 0)):
        _balance(found[row])
    return found


def _balance(row: np.ndarray) -> None:
    """Bring a row's sum to SLOTS, a step each for its largest."""
    while left := SLOTS - int(row.sum()):
        largest = np.argsort(-row, kind="stable")[: abs(left)]
        row[largest[row[largest] > 1] if left < 0 else largest[row[largest] > 0]] += np.sign(left)


def words_of(counts: np.ndarray, table: np.ndarray) -> int:
    """Words that suffice for symbols of these counts beside the final states, both (contexts, symbols).

    Never fewer than for a bit of every DENSEST, as of equal symbols, which cost nothing.
    """
    cost, total = float((counts * (SCALE - np.log2(np.maximum(1, table)))).sum()), int(counts.sum())
    return int(max(cost + EXCESS * total, total / DENSEST) / WORD)


def lanes_of(words: int, segments: int) -> int:
    """How many states share the work: one, or so many that arrays of them pay."""
    lanes = min(words // LANE_WORDS, segments, 2**16 - 1)
    return lanes if lanes >= FEW_LANES else 1


def encode(model: Model, symbols: np.ndarray, lanes: int, words: int) -> np.ndarray:
    """The stream of symbols, (count,) uint8: final states, then words in the order in which they are read.

    Returns uint16 (STATE_WORDS * lanes + words,), zeros at the end.
    """
    frequencies, starts = _looked_up(model, symbols)
    states, given = (_encode_one if lanes == 1 else _encode_lanes)(model, frequencies, starts, lanes)
    stream = np.zeros(STATE_WORDS * lanes + words, np.uint16)
    stream[: STATE_WORDS * lanes] = (states[:, None] >> np.arange(0, 48, WORD, dtype=np.uint64)).astype("u2").ravel()
    stream[STATE_WORDS * lanes :][: len(given)] = given
    return stream


def _starts(table: np.ndarray) -> np.ndarray:
    """The sum of the frequencies below each symbol's."""
    return (np.cumsum(table, 1) - table).astype(np.uint32)


def _looked_up(model: Model, symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frequency of each symbol where it stands and the sum of those below it, (count,) uint16."""
    tables = model.table.astype(np.uint16).ravel(), _starts(model.table).astype(np.uint16).ravel()
    found = tuple(np.empty(model.count, np.uint16) for _ in tables)
    size = max(1, AT_ONCE // model.segment) * model.segment
    for part in (slice(begin, begin + size) for begin in range(0, model.count, size)):
        places = _contexts(model, model.base[part], symbols[part]) * model.table.shape[1] + symbols[part]
        for values, table in zip(found, tables, strict=True):
            values[part] = table[places]
    return found


def _contexts(model: Model, base: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """The contexts of symbols from the beginning of a segment on, int32."""
    shape = -(-len(symbols) // model.segment), model.segment
    contexts, held = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    contexts.ravel()[: len(symbols)], held.ravel()[: len(symbols)] = base, symbols
    for distance, weights in model.neighbours:
        contexts[:, distance:] += weights[held[:, :-distance]]
    return contexts.ravel()[: len(symbols)]


def _encode_one(model: Model, frequencies: np.ndarray, starts: np.ndarray, lanes: int) -> tuple[np.ndarray, list[int]]:
    state, given = 1 << LEAST, []
    for begin in reversed(range(0, model.count, model.segment)):
        part = slice(begin, begin + model.segment)
        for f, start in zip(frequencies[part][::-1].tolist(), starts[part][::-1].tolist(), strict=True):
            if state >> (LEAST - SCALE + WORD) >= f:
                given.append(state & 0xFFFF)
                state >>= WORD
            state = (state // f << SCALE) + state % f + start
    return np.array([state], np.uint64), given[::-1]


def _encode_lanes(
    model: Model, frequencies: np.ndarray, starts: np.ndarray, lanes: int
) -> tuple[np.ndarray, np.ndarray]:
    states = np.full(lanes, 1 << LEAST, np.uint64)
    given = [np.empty(0, np.uint16)]
    for step in reversed(_steps(model, lanes)):
        places = _places(model, lanes, step)
        x, f = states[: len(places)], frequencies[places]
        full = x >> np.uint64(LEAST - SCALE + WORD) >= f
        given.append(x[full].astype("u2")[::-1])
        x[full] >>= np.uint64(WORD)
        whole = x // f
        x[:] = (whole << np.uint64(SCALE)) + (x - whole * f) + starts[places]
    return states, np.concatenate(given)[::-1]


def _steps(model: Model, lanes: int) -> range:
    """The numbers of the steps that lanes take side by side, each through a segment of its own."""
    return range(-(-model.segments // lanes) * model.segment)


def _places(model: Model, lanes: int, step: int) -> np.ndarray:
    """The places in `symbols` of a step, a lane each; the last lanes may have none."""
    turn, place = divmod(step, model.segment)
    places = (np.arange(lanes) + turn * lanes) * model.segment + place
    return places[: np.searchsorted(places, model.count)]


def decode(model: Model, stream: np.ndarray, lanes: int) -> np.ndarray:
    """The symbols, (count,) uint8, of a stream that `encode` made; ValueError where it is none."""
    _check(model, stream, lanes)
    head = stream[: STATE_WORDS * lanes].reshape(lanes, STATE_WORDS).astype(np.uint64)
    states = (head << np.arange(0, 48, WORD, dtype=np.uint64)).sum(1, dtype=np.uint64)
    words = stream[STATE_WORDS * lanes :]
    try:
        symbols, states, used = (_decode_one if lanes == 1 else _decode_lanes)(model, states, words)
    except IndexError:
        raise ValueError("a coded stream ends before its symbols do") from None
    if (states != 1 << LEAST).any() or words[used:].any():
        raise ValueError("a coded stream does not end where it should")
    return symbols


def _check(model: Model, stream: np.ndarray, lanes: int) -> None:
    if lanes != 1 and not FEW_LANES <= lanes <= model.segments:
        raise ValueError(f"a coded stream has {lanes} lanes, expected 1, or {FEW_LANES} to {model.segments}")
    if len(stream) < STATE_WORDS * lanes:
        raise ValueError(f"a coded stream has {len(stream)} words, expected at least {STATE_WORDS * lanes}")
    sums = model.table.sum(1, dtype=np.int64)
    if model.table.min() < 0 or not np.isin(sums, (0, SLOTS)).all():
        raise ValueError(f"frequencies from {model.table.min()} sum to {sums.max()}, expected {SLOTS} of them")


def _slots(table: np.ndarray) -> np.ndarray:
    """The symbol of each slot, (contexts, SLOTS) uint8; 0 where a context is never met."""
    found = np.zeros((len(table), SLOTS), np.uint8)
    for row in np.flatnonzero(table.any(1)):
        found[row] = np.repeat(np.arange(table.shape[1], dtype=np.uint8), table[row])
    return found


def _decode_one(model: Model, states: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    slots = [row.tobytes() for row in _slots(model.table)]
    frequencies, starts = model.table.tolist(), _starts(model.table).tolist()
    neighbours = [(distance, weights.tolist()) for distance, weights in model.neighbours]
    state, used, words, found = int(states[0]), 0, words.tolist(), bytearray()
    for begin in range(0, model.count, model.segment):
        for place, context in enumerate(model.base[begin : begin + model.segment].tolist()):
            for distance, weights in neighbours:
                if place >= distance:
                    context += weights[found[-distance]]
            slot = state & (SLOTS - 1)
            symbol = slots[context][slot]
            state = frequencies[context][symbol] * (state >> SCALE) + slot - starts[context][symbol]
            if state < 1 << LEAST:
                state = state << WORD | words[used]
                used += 1
            found.append(symbol)
    return np.frombuffer(found, np.uint8), np.array([state], np.uint64), used


def _decode_lanes(model: Model, states: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    slots, width = _slots(model.table).ravel(), model.table.shape[1]
    frequencies, starts = model.table.astype(np.uint32).ravel(), _starts(model.table).ravel()
    found, used = np.zeros(model.count, np.uint8), 0
    for step in _steps(model, len(states)):
        places = _places(model, len(states), step)
        context = model.base[places].astype(np.int64)
        for distance, weights in model.neighbours:
            if step % model.segment >= distance:
                context += weights[found[places - distance]]
        x = states[: len(places)]
        slot = x & np.uint64(SLOTS - 1)
        symbol = slots.take(context * SLOTS + slot.astype(np.int64))
        found[places] = symbol
        entry = context * width + symbol
        x[:] = frequencies[entry] * (x >> np.uint64(SCALE)) + slot - starts[entry]
        low = np.flatnonzero(x < np.uint64(1 << LEAST))
        if len(low):
            x[low] = x[low] << np.uint64(WORD) | words[np.arange(used, used + len(low))]
            used += len(low)
    return found, states, used
