"""What a model makes of some images, and how a changed model's answers compare with it."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from core.certainty import Certainty, certainty
from core.metrics import Metric, checked, rows, task
from core.statistics import Paired, Tally


class Answers(NamedTuple):
    """Which answers of a batch are right, (answers,) bool; the logarithms of their probabilities, (answers, classes);
    and how sure the model is of them, where that is asked for: none where the targets are numbers.

    values: of each metric, (images,).
    """

    right: Tensor | None
    logs: Tensor | None
    sure: Certainty | None
    values: tuple[Tensor, ...]
    images: int


def answers(metrics: Sequence[Metric], targets: Tensor, outputs: Tensor, sure: bool = True) -> Answers:
    """What outputs for a batch, (images, ...), come to against its targets. sure: whether that is asked for."""
    values = tuple(checked(metric, outputs.nan_to_num(), targets) for metric in metrics)
    if task(targets) == "numbers":
        return Answers(None, None, None, values, len(targets))
    logits, labels = rows(outputs, targets)
    logs = torch.log_softmax(logits.nan_to_num(), 1)
    doubts = certainty(logits, labels) if sure else None
    return Answers(logits.argmax(1) == labels, logs, doubts, values, len(targets))


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of batches as those of one."""
    rights, logs, sures, values, images = zip(*parts, strict=True)
    together = tuple(torch.cat(own) for own in zip(*values, strict=True))
    if rights[0] is None:
        return Answers(None, None, None, together, sum(images))
    return Answers(torch.cat(rights), torch.cat(logs), reduce(Certainty.plus, sures), together, sum(images))


def compared(metrics: Sequence[Metric], before: Answers, after: Answers) -> Tally:
    """The tally of a batch: a changed model's answers beside the dense one's."""
    pairs = tuple(map(_paired, metrics, before.values, after.values))
    if after.right is None:
        return Tally(after.images, pairs=pairs)
    lost, gained = int((before.right & ~after.right).sum()), int((after.right & ~before.right).sum())
    divergence = float(functional.kl_div(after.logs, before.logs, reduction="sum", log_target=True))
    sure = None if after.sure is None else (before.sure, after.sure)
    return Tally(after.images, int(after.right.sum()), lost, gained, divergence, sure, pairs)


def _paired(metric: Metric, dense: Tensor, now: Tensor) -> Paired:
    sums = (dense.sum(), now.sum(), now.square().sum(), (now - dense).square().sum())
    return Paired(metric.name, *map(float, sums))
