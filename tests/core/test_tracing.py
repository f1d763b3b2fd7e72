import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from core import tracing


def _net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 3)).eval()


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
def test_models_run_and_are_traced_in_other_threads_while_one_is_traced():
    call, attribute = nn.Module.__call__, nn.Module.__getattr__
    images, ended, trouble = torch.randn(5, 4), threading.Event(), []

    def runs(seed: int) -> None:
        net = _net(seed)
        with torch.no_grad():
            wanted = net(images)
            while not ended.is_set():
                if not torch.equal(net(images), wanted):
                    trouble.append("another answer")

    def traces(seed: int) -> None:
        net = _net(seed)
        for _ in range(60):
            steps = tracing.trace(net, images)
            if steps is None or len(steps.nodes) != 7:
                trouble.append("another trace")

    def noting(work, seed: int) -> None:
        try:
            work(seed)
        except Exception as error:
            trouble.append(repr(error))

    running = [threading.Thread(target=noting, args=(runs, seed)) for seed in (1, 2)]
    tracers = [threading.Thread(target=noting, args=(traces, seed)) for seed in (3, 4)]
    for thread in (*running, *tracers):
        thread.start()
    for thread in tracers:
        thread.join(60)
    ended.set()
    for thread in running:
        thread.join(60)
    assert not trouble
    assert (nn.Module.__call__, nn.Module.__getattr__) == (call, attribute)
