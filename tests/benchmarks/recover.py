"""What training gives back, and what a step of it costs.

python -m tests.benchmarks.recover steps [--rounds 30]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch.nn import functional

from core import training
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from core.training import Options, Task, course
from core.training.images import chance
from sample_models import SAMPLES

RECIPES = {
    "pruned 0.9": Settings(sparsity=0.9),
    "pruned 0.9, 4 bits": Settings(sparsity=0.9, bits=4),
    "2 bits": Settings(bits=2),
    "4 bits": Settings(bits=4),
    "kmeans, 4 bits": Settings(bits=4, coder="kmeans"),
    "pruned 0.5, kmeans": Settings(sparsity=0.5, bits=4, coder="kmeans"),
}


def steps(options: argparse.Namespace) -> None:
    """Median time of a fine-tuning step, times that of a plain step of the same network; both in turns."""
    print(f"{'sample':<16}{'recipe':<22}{'plain ms':>10}{'times plain':>13}   quartiles")
    for name in SAMPLES:
        data, loaded = load_data(SAMPLES[name].data), load_model(name)
        for what, settings in RECIPES.items():
            chosen = Options(augment="none")
            task = training.task(loaded, data, Recipe(settings), chosen)
            ratios, plain = _ratios(task, chosen, options.turns)
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"{name:<16}{what:<22}{1000 * plain:>10.2f}{middle:>13.2f}   {low:.2f} to {high:.2f}", flush=True)


def _ratios(task: Task, options: Options, turns: int) -> tuple[list[float], float]:
    mine, plain = _ours(task, options), _plain(task, options)
    pairs = [(_timed(mine), _timed(plain)) for _ in range(turns + 2)][2:]
    return [one / other for one, other in pairs], statistics.median(other for _, other in pairs)


def _timed(block: Callable[[], None]) -> float:
    started = time.thread_time()
    block()
    return time.thread_time() - started


TOGETHER = 10  # steps: codes are looked up once in as many


def _ours(task: Task, options: Options) -> Callable[[], None]:
    way = course.Course(task, options)
    held = [course._begun(way)]

    def block() -> None:
        for _ in range(TOGETHER):
            held[0], _ = course._stepped(way, replace(held[0], step=held[0].step % options.steps), way.plan[0])

    return block


def _plain(task: Task, options: Options) -> Callable[[], None]:
    """AdamW of torch, as anyone would write it."""
    net = SAMPLES[task.study.loaded.name].build()
    net.load_state_dict(task.study.loaded.model.state_dict())
    optimizer = torch.optim.AdamW(net.train().parameters(), lr=1e-3)
    random = chance(0)

    def block() -> None:
        for _ in range(TOGETHER):
            rows = torch.randint(len(task.learn.y), (options.batch,), generator=random)
            loss = functional.cross_entropy(net(task.learn.x[rows]), task.learn.y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return block


def main() -> None:
    """Runs the part that is named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--turns", type=int, default=10)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    PARTS[chosen.part](chosen)


PARTS = {"steps": steps}

if __name__ == "__main__":
    main()
