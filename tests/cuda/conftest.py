"""Absence is a failure: these tests are for a machine with a CUDA device, and say nothing on any other."""

import pytest
import torch


def pytest_collection_modifyitems() -> None:
    if not torch.cuda.is_available():
        pytest.exit("torch sees no CUDA device: nothing here can be held to", returncode=1)


@pytest.fixture(autouse=True)
def _measured_there():
    """Each test must have used the device's memory."""
    torch.cuda.reset_peak_memory_stats()
    yield
    assert torch.cuda.max_memory_allocated() > 0
