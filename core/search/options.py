"""The ways in which one layer can be stored, each measured alone, and the choice among those of all layers."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from core.coding import CODERS, SCALES
from core.pruning import CRITERIA
from core.recipe import Settings

Picks = Mapping[str, "Option"]  # by layer name


class Option(NamedTuple):
    """A layer's Settings, what they cost, and the divergence of the model in which this layer alone is so stored."""

    settings: Settings
    cost: float
    harm: float


def hull(options: Sequence[Option]) -> list[Option]:
    """The options that some price a unit of cost makes best, from the least harm to the least cost."""
    corners: list[Option] = []
    for option in sorted(options, key=lambda option: (option.harm, option.cost)):
        if corners and option.cost >= corners[-1].cost:
            continue
        while len(corners) > 1 and _slope(corners[-1], option) <= _slope(corners[-2], corners[-1]):
            corners.pop()
        corners.append(option)
    return corners


def fitted(options: Mapping[str, Sequence[Option]], harm: float) -> dict[str, Option]:
    """An option for each layer, cheap together, whose harms add up to at most `harm` where that can be.

    The step along a hull with the least harm for the cost that it saves comes first; a layer stops at a step that no
    longer fits. What is left then goes into options between the corners, of the most costly layer first.
    """
    hulls = {name: hull(found) for name, found in options.items()}
    picks = {name: corners[0] for name, corners in hulls.items()}
    left = harm - sum(option.harm for option in picks.values())
    stopped: set[str] = set()
    for name, before, after in steps(hulls):
        if name not in stopped and after.harm - before.harm <= left:
            picks[name], left = after, left - (after.harm - before.harm)
        else:
            stopped.add(name)
    return _spent(picks, options, left, (HARM, COST))


def afforded(options: Mapping[str, Sequence[Option]], cost: float) -> dict[str, Option]:
    """An option for each layer, of little harm together, whose costs add up to at most `cost` where that can be.

    What the last step along the hulls leaves of it goes into options between the corners, of the most harmed first.
    """
    hulls = {name: hull(found) for name, found in options.items()}
    picks = {name: corners[0] for name, corners in hulls.items()}
    spent = sum(option.cost for option in picks.values())
    for name, before, after in steps(hulls):
        if spent <= cost:
            break
        picks[name], spent = after, spent - (before.cost - after.cost)
    return _spent(picks, options, cost - spent, (COST, HARM))


def _spent(
    picks: Mapping[str, Option],
    options: Mapping[str, Sequence[Option]],
    left: float,
    axes: tuple[Callable[[Option], float], Callable[[Option], float]],
) -> dict[str, Option]:
    """The picks with what is `left` of the first axis spent on less of the second."""
    spend, save = axes
    found = dict(picks)
    for name in sorted(picks, key=lambda name: save(picks[name]), reverse=True):
        own = found[name]
        payable = [option for option in options[name] if spend(option) - spend(own) <= left]
        found[name] = min(payable, key=lambda option: (save(option), spend(option)), default=own)
        left -= spend(found[name]) - spend(own)
    return found


def steps(hulls: Mapping[str, Sequence[Option]]) -> list[tuple[str, Option, Option]]:
    """(layer, from, to) along all hulls, in the order of harm a unit of cost; within a layer in the hull's own."""
    found = [
        (_slope(a, b), name, i, a, b) for name, corners in hulls.items() for i, (a, b) in enumerate(pairwise(corners))
    ]
    return [(name, a, b) for _, name, _, a, b in sorted(found, key=lambda step: step[:3])]


def _slope(before: Option, after: Option) -> float:
    """Harm for each unit of cost saved."""
    return (after.harm - before.harm) / (before.cost - after.cost)


def first() -> Iterator[Settings]:
    """What every layer is tried with at first, the most telling first."""
    plain = Settings(group="tensor", compensate="columns")
    yield from (replace(plain, bits=bits) for bits in (4, 3, 2, 6))
    for criterion in ("wanda", "fisher", "magnitude"):
        for bits in (4, 3):
            for sparsity in (0.8, 0.9, 0.5, 0.95, 0.7):
                yield replace(plain, sparsity=sparsity, criterion=criterion, bits=bits)
    yield replace(plain, bits=8)


def neighbours(settings: Settings, chance: random.Random) -> list[Settings]:
    """Settings that differ in one thing, in a random order."""
    found = [replace(settings, **changes) for move in MOVES for changes in move(settings)]
    chance.shuffle(found)
    return found


def _sparser(settings: Settings) -> list[dict[str, object]]:
    if not settings.sparsity:
        return [{"sparsity": s, "criterion": "wanda"} for s in (0.2, 0.4, 0.6)]
    stays = 1 - settings.sparsity
    return [
        {"sparsity": round(1 - stays * ratio, 4)} for ratio in (0.6, 0.8, 0.9, 1.1, 1.25) if 0.002 < stays * ratio < 1
    ]


def _finer(settings: Settings) -> list[dict[str, object]]:
    return [{"bits": bits} for bits in (settings.bits - 1, settings.bits + 1) if 2 <= bits <= 8]


def _other_criterion(settings: Settings) -> list[dict[str, object]]:
    return [{"criterion": name} for name in TRIED if settings.prunes and name != settings.criterion]


def _other_grid(settings: Settings) -> list[dict[str, object]]:
    others = [("coder", name) for name in ("symmetric", "kmeans") if name in CODERS]
    others += [("scale", name) for name in SCALES if settings.coder == "symmetric"]
    others += [("group", name) for name in ("tensor", "channel")]
    others += [("compensate", name) for name in ("outputs", "columns", "none")]
    return [{field: name} for field, name in others if getattr(settings, field) != name]


def _lower_rank(settings: Settings) -> list[dict[str, object]]:
    ranks = [settings.rank * ratio for ratio in (0.7, 1.4)] if settings.rank < 1 else [0.5, 0.25]
    return [{"rank": round(rank, 4), "factorizer": "whitened_svd"} for rank in ranks if 0.01 < rank < 1]


HARM, COST = attrgetter("harm"), attrgetter("cost")
TRIED = tuple(name for name in ("wanda", "fisher", "woodfisher", "obs", "magnitude", "taylor") if name in CRITERIA)
MOVES = (_sparser, _finer, _other_criterion, _other_grid, _lower_rank)
