"""Absence is a failure: what is published must be there to be held to."""

import pytest

from tests.published.mlpnet import DATA


def pytest_collection_modifyitems() -> None:
    missing = [
        name for name in ("mlpnet.safetensors", "mnist_train.npz", "mnist_test.npz") if not (DATA / name).is_file()
    ]
    if missing:
        pytest.exit(f"{DATA} lacks {', '.join(missing)}: the published figures cannot be held", returncode=1)
