"""Masks that move while a network learns: by where weights are heading, or by which absent ones the loss asks for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.encoding import Dense, Sparse
from core.patterns import removed_count, without_smallest
from core.recipe import Recipe
from core.training.adam import Moments, transplanted
from core.training.leaves import Leaf, leaf
from core.training.options import cubic
from core.training.trainee import Trainee

UPDATES = 50  # of the masks in a phase
SETTLED = 0.75  # part of a phase after which masks stay
DROPPED = 0.3  # share of the survivors that the first update of `regrow` exchanges


@dataclass(frozen=True, eq=False)
class Ground:
    """What stands behind moving masks, by 'layer:number': all values, (out, in), of removed weights as they were last;
    and a score of each. Both are written to."""

    values: dict[str, Tensor]
    scores: dict[str, Tensor]


def ground(net: Trainee) -> Ground:
    """The network's values, and scores of 0."""
    values = {name: _whole(one, one.parts["values"]) for name, one in _leaves(net).items()}
    return Ground(values, {name: torch.zeros_like(value) for name, value in values.items()})


def check(net: Trainee, recipe: Recipe) -> None:
    """ValueError where a layer's pattern is not one whose weights can move alone."""
    for layer in net.known:
        pattern = recipe.settings(layer.name).pattern
        if pattern != "element":
            raise ValueError(f"layer '{layer.name}': pattern is {pattern!r}, expected 'element' where masks move")


def watched(net: Trainee, under: Ground, gradients: Mapping[str, tuple[Tensor, ...]], how: str) -> None:
    """Take note of a step's gradients at the layers' matrices."""
    for name, one in _leaves(net).items():
        layer, _, number = name.rpartition(":")
        NOTED[how](under, name, (_current(one, under.values[name]), gradients[layer][int(number)]))


def moved(
    net: Trainee, held: tuple[Moments, Ground], recipe: Recipe, when: tuple[str, float]
) -> tuple[Trainee, Moments, Ground]:
    """The network with other survivors, its moments and its ground. when: how masks move, and the part of the phase."""
    memory, under = held
    made: dict[str, list[Leaf]] = {}
    values = {}
    for name, one in _leaves(net).items():
        layer = name.rpartition(":")[0]
        now = _current(one, under.values[name])
        mask, now = MASKS[when[0]]((now, under.scores[name], one.mask), recipe.settings(layer).sparsity, when[1])
        fresh = leaf(Sparse(mask, Dense(now)), now)
        memory = _followed(memory, name, one, fresh)
        made.setdefault(layer, []).append(fresh)
        values[name] = now
    scores = under.scores if when[0] == "movement" else {n: torch.zeros_like(s) for n, s in under.scores.items()}
    return replace(net, leaves={name: tuple(held) for name, held in made.items()}), memory, Ground(values, scores)


def _leaves(net: Trainee) -> dict[str, Leaf]:
    return {f"{name}:{i}": one for name, held in net.leaves.items() for i, one in enumerate(held)}


def _whole(one: Leaf, stored: Tensor) -> Tensor:
    return one.place.scattered(stored).clone()


def _current(one: Leaf, before: Tensor) -> Tensor:
    """All values: survivors as they are now, removed ones as they were last."""
    now = _whole(one, one.parts["values"])
    return now if one.mask is None else torch.where(one.mask, now, before)


def _followed(memory: Moments, name: str, old: Leaf, new: Leaf) -> Moments:
    """Survivors keep their moments; who comes back begins at 0."""
    return transplanted(memory, [f"{name}:values"], lambda held: new.place.gathered(old.place.scattered(held)))


def _head(under: Ground, name: str, held: tuple[Tensor, Tensor]) -> None:
    """Sum -g w: which way, and how far, weights head from 0."""
    values, gradient = held
    under.scores[name].addcmul_(values, gradient, value=-1)


def _asked(under: Ground, name: str, held: tuple[Tensor, Tensor]) -> None:
    """|g| of the last step: what the loss asks for."""
    under.scores[name] = held[1].abs()


Held = tuple[Tensor, Tensor, Tensor | None]


def movement(held: Held, sparsity: float, part: float) -> tuple[Tensor, Tensor]:
    """Weights that head towards 0 go, more and more of them by the cubic schedule; they may come back as they were.

    Sanh et al. 2020, arXiv:2005.07683.
    """
    values, scores, _ = held
    return without_smallest(scores, removed_count(scores.numel(), share_at(part) * sparsity)), values


def share_at(part: float) -> float:
    """The share of its sparsity that `movement` has removed at a part of its phase."""
    return cubic(min(1.0, part / SETTLED))


def regrow(held: Held, sparsity: float, part: float) -> tuple[Tensor, Tensor]:
    """The smallest survivors go and as many of the removed, those of the largest gradients, come as 0.

    RigL, Evci et al. 2020, arXiv:1911.11134: a share of the survivors that falls by a cosine.
    """
    values, scores, mask = held
    if mask is None:
        mask = torch.ones_like(values, dtype=torch.bool)
    share = DROPPED / 2 * (1 + math.cos(math.pi * min(1.0, part / SETTLED)))
    survivors = int(mask.sum())
    stay = survivors - round(share * min(survivors, mask.numel() - survivors))
    firm = without_smallest(torch.where(mask, values.abs(), -1.0), mask.numel() - stay)
    chosen = without_smallest(scores.masked_fill(firm, torch.inf), mask.numel() - survivors)
    return chosen, torch.where(firm, values, 0.0)


NOTED: dict[str, Callable[[Ground, str, tuple[Tensor, Tensor]], None]] = {"movement": _head, "regrow": _asked}
MASKS: dict[str, Callable[[Held, float, float], tuple[Tensor, Tensor]]] = {f.__name__: f for f in (movement, regrow)}
