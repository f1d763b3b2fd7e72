import sys
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import nn

from core import tracing
from core.pooling import halved
from core.tracing import advance, start


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


class Pooled(nn.Module):
    """A ReLU before a max-pooling in three ways of saying so, and where it must stay: another step takes it too."""

    def __init__(self, keeps: bool) -> None:
        super().__init__()
        self.keeps = keeps
        self.conv, self.relu, self.pool = nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv(x))
        small = self.pool(x)
        small = nn.functional.max_pool2d(torch.relu(small - 0.1), 2, padding=1)
        small = nn.functional.max_pool2d((small - 0.1).relu(), 2)
        return small.flatten(1) + x.mean((1, 2, 3))[:, None] if self.keeps else small.flatten(1)


@pytest.mark.parametrize(("keeps", "moved"), [(False, 3), (True, 2)])
def test_a_relu_runs_behind_the_pooling_that_alone_takes_it_to_the_same_numbers(keeps, moved):
    torch.manual_seed(0)
    model, images = Pooled(keeps).eval(), torch.randn(2, 1, 20, 20)
    with torch.no_grad():
        steps = tracing.trace(model, images)
        assert torch.equal(advance(steps, {}, start(steps, images), (0, len(steps.nodes))), model(images))
    names = [node.name for node in steps.nodes]
    behind = [one for one, two in pairwise(names) if "pool" in one and "relu" in two]
    together = [node for node in steps.nodes if node.target is halved and node.args[1]]
    assert len(behind) + len(together) == moved


@pytest.mark.parametrize("relu", [nn.ReLU(inplace=True), nn.LeakyReLU()])
def test_steps_with_other_activations_before_a_pooling_give_the_models_numbers(relu):
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Conv2d(1, 3, 3), relu, nn.MaxPool2d(2)).eval(), torch.randn(2, 1, 9, 9)
    with torch.no_grad():
        steps = tracing.trace(model, images)
        assert torch.equal(advance(steps, {}, start(steps, images), (0, len(steps.nodes))), model(images))


def test_what_else_uses_a_modules_weight_is_known():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(self.two(self.one(x)), self.one.weight)

    steps = tracing.trace(Tied().eval().requires_grad_(False), torch.randn(2, 4))
    assert (steps.calls_alone("one"), steps.calls_alone("two")) == (False, True)
