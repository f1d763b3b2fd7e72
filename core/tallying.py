"""Batches counted together, and run together where the model ends in small layers."""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.evaluation import NOTHING, NUMBERS, Bench, Change, counted, logits, ready, running, stepping
from core.statistics import Tally
from core.tracing import advance


def tallied(bench: Bench, change: Change, images: int) -> Tally:
    """The tally of the first images, whole batches of them: as `evaluation.tallies` comes to, in fewer steps.

    How sure the model is of its answers is left out where nothing but the answers themselves is counted.
    """
    tally = NOTHING
    for span, now in _together(bench, change, min(bench.batches, -(-images // bench.batch))):
        tally = tally.plus(counted(bench, span, now, sure=bool(bench.metrics)))
    return tally


def _together(bench: Bench, change: Change, count: int) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """The changed model's logits for spans of batches that hold no more than NUMBERS numbers where they meet."""
    change, resume = ready(bench, change)
    end = max(resume, bench.steps.joins) if bench.steps is not None and change.model is None else None
    held, first = [], 0
    for batch in range(count):
        with running(bench, change):
            held.append(logits(bench, change, batch, (resume,), end))
        if batch + 1 == count or sum(one.numel() for one in held) > NUMBERS:
            with running(bench, change):
                found = _ended(bench, change, torch.cat(held), end)
            yield (first, batch + 1), found.cpu()
            held, first = [], batch + 1


def _ended(bench: Bench, change: Change, taken: Tensor, end: int | None) -> Tensor:
    """The logits of what a step takes in, or those themselves."""
    if end is None:
        return taken
    steps = stepping(bench, change)
    return advance(steps, change.tensors, {steps.nodes[end].all_input_nodes[0]: taken}, (end, len(steps.nodes)))
