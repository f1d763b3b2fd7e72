"""Every test keeps its runs in a place of its own, never where the user's are."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def runs_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run store of what these tests start, processes of their own included, unless they name another."""
    path = tmp_path_factory.mktemp("runs") / "runs.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESCOPE_RUNS", str(path))
        yield path
