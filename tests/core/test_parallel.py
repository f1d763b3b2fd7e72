"""Threads change how long a thing takes, never what comes back."""

import os

import numpy as np
import pytest
import torch

from core.coding import CODERS
from core.encoding.packing import passed, taken
from core.index import build
from core.parallel import LEAST, ascending, each, spans
from core.recipe import Settings

THREADS = (1, 2, 3, 4)
MANY = 4 * LEAST + 37  # enough for four threads, and no multiple of a block
VALUES = {
    "normal": lambda rng: rng.normal(size=MANY),
    "ties": lambda rng: rng.integers(-3, 4, MANY),
    "equal": lambda rng: np.full(MANY, 0.5),
    "ascending": lambda rng: np.arange(MANY),
    "zeros of both signs": lambda rng: np.copysign(0.0, rng.normal(size=MANY)),
}


@pytest.fixture
def threads():
    """Sets torch's threads, and puts them back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def values(shape):
    return VALUES[shape](np.random.default_rng(0)).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 7, 100, 101])
@pytest.mark.parametrize("number", THREADS)
@pytest.mark.parametrize("least", [0, 1, 30, 1000])
def test_spans_are_every_place_once_in_order(count, number, least, threads):
    threads(number)
    parts = spans(count, least)
    assert [place for part in parts for place in range(count)[part]] == list(range(count))
    assert 1 <= len(parts) <= number
    assert len(parts) == 1 or min(part.stop - part.start for part in parts) >= least


@pytest.mark.parametrize("number", THREADS)
def test_each_answers_in_order(number, threads):
    threads(number)
    assert each(lambda item: item**2, range(1, 10)) == [item**2 for item in range(1, 10)]


def test_an_error_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 / item, [1, 0])


def test_a_forked_process_has_threads_of_its_own(threads):
    threads(2)
    each(str, [1, 2])
    child = os.fork()
    if not child:
        os._exit(each(int, ["1", "2"]) != [1, 2])
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("shape", VALUES)
@pytest.mark.parametrize("number", THREADS)
def test_sorting_is_numpys(shape, number, threads):
    threads(number)
    given = values(shape)
    kept = given.copy()
    assert np.array_equal(ascending(given), np.sort(kept))
    assert np.array_equal(given, kept)
    rows = given[: MANY // 8 * 8].reshape(8, -1)
    assert np.array_equal(ascending(rows), np.sort(rows, axis=1))


def test_sorting_puts_nan_last(threads):
    threads(2)
    given = values("normal")
    given[::5] = np.nan
    assert np.array_equal(ascending(given), np.sort(given), equal_nan=True)


@pytest.mark.parametrize("given", [np.zeros(0), np.zeros((1, 0)), np.zeros((0, 3)), np.ones((3, 1))], ids=str)
def test_sorting_takes_what_is_empty_or_short(given):
    assert np.array_equal(ascending(given), given)


@pytest.mark.parametrize("edges", [1, 15, 127, 128, 255])
@pytest.mark.parametrize("rows", [1, 5])
def test_codes_are_the_edges_that_a_value_lies_above(edges, rows, threads):
    threads(3)
    table = np.sort(np.random.default_rng(1).normal(size=(rows, edges)), axis=1).astype(np.float32)
    given = np.tile(values("normal"), rows).reshape(rows, -1)
    for row, own, codes in zip(given, table, passed(given, table), strict=True):
        assert np.array_equal(codes, np.searchsorted(own, row))


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 256])
@pytest.mark.parametrize("count", [0, 5, MANY])
def test_levels_taken_are_those_that_the_codes_name(size, count, threads):
    threads(3)
    rng = np.random.default_rng(size)
    levels, codes = rng.normal(size=size).astype(np.float32), rng.integers(0, size, count).astype(np.uint8)
    assert np.array_equal(taken(levels, codes), levels[codes])
    assert np.array_equal(taken(levels, codes[::-1]), levels[codes[::-1]])


@pytest.mark.parametrize("shape", VALUES)
@pytest.mark.parametrize("coder", ["kmeans", "kmeans_linear"])
def test_clusters_and_codes_do_not_depend_on_the_threads(shape, coder, threads):
    weight, found = torch.from_numpy(values(shape))[None], []
    for number in THREADS:
        threads(number)
        form = CODERS[coder](weight, None, Settings(coder=coder, bits=4, group="tensor"))
        found.append((form.levels.numpy().tobytes(), form.codes.numpy().tobytes(), form.decode().numpy().tobytes()))
    assert len(set(found)) == 1


def test_an_index_does_not_depend_on_the_threads(threads):
    found = []
    for number in THREADS:
        threads(number)
        found.append(tuple(part.tobytes() for part in vars(build(values("normal"))).values()))
    assert len(set(found)) == 1
