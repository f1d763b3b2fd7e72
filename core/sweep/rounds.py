"""The sweep: nothing is measured twice, what is measured is kept as it arrives, a worker's death is survived."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import NamedTuple

from core import runs
from core.recipe import Recipe
from core.runs import Run, Store
from core.sweep.parcel import Measured, Parcel, asked
from core.sweep.workers import Submit, Workers

ALONE = 2  # times that a recipe whose worker died is tried with no other beside it


class Outcome(NamedTuple):
    """What became of a recipe: a kept run, `fresh` where it was measured now, or the sentence that says why not."""

    run: Run
    fresh: bool = True
    failed: str = ""


@dataclass(frozen=True)
class Place:
    """Where a sweep's recipes are measured and kept."""

    store: Store
    parcel: Parcel
    workers: Workers


def sweep(place: Place, recipes: Sequence[Recipe]) -> Iterator[Outcome]:
    """What becomes of each recipe, those kept from before first, then in the order in which they finish.

    A run is in the store when it is yielded; recipes that say the same are one. Those that were running when a worker
    died are tried again with no other beside them, so that none is taken for another: one whose worker dies at each
    of the ALONE times has failed, and the others go on.
    """
    wanted = (asked(place.parcel, recipe) for recipe in recipes)
    todo = []
    for run in {run.key: run for run in wanted}.values():
        kept = runs.find(place.store, run)
        if kept is None:
            todo.append(run)
        else:
            yield Outcome(kept, fresh=False)
    for at_once in (2 * place.workers.count, *(1,) * ALONE):  # twice the workers, so that none waits for us
        todo = yield from _tried(place, todo, at_once)
    for run in todo:
        yield Outcome(run, failed=f"recipe '{runs.described(run)}': its worker died each of {ALONE + 1} times")


def _tried(place: Place, todo: Sequence[Run], at_once: int) -> Generator[Outcome, None, list[Run]]:
    """Every run measured, or among those returned because a worker died while it was one of the running."""
    waiting, lost = deque(todo), []
    while waiting:
        with place.workers.opened(place.parcel) as submit:
            lost += yield from _until_a_death(place, submit, waiting, at_once)
    return lost


def _until_a_death(
    place: Place, submit: Submit, waiting: deque[Run], at_once: int
) -> Generator[Outcome, None, list[Run]]:
    running: dict[Future[Measured], Run] = {}
    lost: list[Run] = []
    while running or (waiting and not lost):
        while waiting and not lost and len(running) < at_once:
            run = waiting.popleft()
            try:
                running[submit(run.written)] = run
            except place.workers.deaths:
                lost.append(run)
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            run = running.pop(future)
            try:
                measured = future.result()
            except place.workers.deaths:
                lost.append(run)
            except Exception as error:  # the model's own code may raise anything
                yield Outcome(run, failed=f"recipe '{runs.described(run)}': {error}")
            else:
                yield Outcome(replace(measured.run, number=runs.record(place.store, *measured)))
    return lost
