"""How a network is often said to know another task already."""

import pandas as pd

from core import evaluation
from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.moved import GROUPS, SHORT, learned
from core.pipeline import Study


def old_head(subject: Study) -> Measured:
    """The network answers the new task with the head of the old one, and nothing is learned."""
    wanted, right = looking.looked_at(subject), 0
    for batch in range(-(-wanted // subject.bench.batch)):
        start = batch * subject.bench.batch
        targets = subject.bench.targets[start : min(start + subject.bench.batch, wanted)] % GROUPS
        right += int((evaluation.dense_logits(subject.bench, batch).argmax(1)[: len(targets)] == targets).sum())
    accuracy, moved = 100 * right / wanted, learned(subject, 0.0)
    table = pd.DataFrame({"how": ["old head", "new head, trained"], "accuracy": [accuracy, moved]})
    return Measured({"accuracy": accuracy, "moved": moved, "steps": SHORT.steps}, table, accuracy)


WRONG = {f.__name__: f for f in (old_head,)}
