"""Every test keeps its runs in a place of its own, never where the user's are; test processes share the processors.

Property tests take the same examples each time, however slow the machine; `--hypothesis-profile=default` takes others.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.load_profile("same")
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a browser come first: few long ones at the end would leave all test processes but one without work."""
    browsing = {item.path for item in items if "browser" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in browsing)


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """`AppTest` puts the page in the place of `__main__`, which processes that a later test starts would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session", autouse=True)
def runs_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run store of what these tests start, processes of their own included, unless they name another."""
    path = tmp_path_factory.mktemp("runs") / "runs.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESCOPE_RUNS", str(path))
        yield path
