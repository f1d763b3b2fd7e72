"""Stored matrices that learn: a form, what a mask keeps of it, and the numbers that move."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from core.encoding import Sparse, Stored
from core.training.codes import LEARNERS, Learner, Parts, Way, drifted
from core.training.places import Place

FEW = 2**13  # values whose codes are searched at every step
SELDOM = 4  # steps between two moves of the codes of more


@dataclass(frozen=True, eq=False)
class Leaf:
    """A stored matrix that learns. Only what its mask keeps is there to learn: a removed weight is 0 at every step.

    form: how its values are stored. parts: what learns: `values`, (k,) float32, and scales or levels beside them; the
    optimizer alone writes to them. found: what was last looked up for each value.
    """

    form: Stored
    mask: Tensor | None
    place: Place
    parts: Parts
    found: Parts

    @property
    def learner(self) -> Learner:
        """How its form learns."""
        return LEARNERS[type(self.form)]


def leaf(stored: Stored, values: Tensor | None = None) -> Leaf:
    """A stored matrix as one that learns, from its own values or from those of a matrix (out, in)."""
    mask, form = (stored.mask, stored.values) if isinstance(stored, Sparse) else (None, stored)
    start = stored.decode() if values is None else values
    place = Place(tuple(start.shape), None if mask is None else mask.flatten().nonzero().flatten())
    parts = {"values": place.gathered(start).detach().clone()} | LEARNERS[type(form)].start(form)
    made = Leaf(form, mask, place, parts, {})
    return seek(made)


def seek(leaf: Leaf) -> Leaf:
    """The same leaf with each value's code looked up anew."""
    found = leaf.learner.found(leaf.form, leaf.parts, leaf.place)
    return Leaf(leaf.form, leaf.mask, leaf.place, leaf.parts, found)


def drift(leaf: Leaf, step: int) -> Leaf:
    """The same leaf with its codes searched anew where there are few, else now and then moved to a nearer neighbour."""
    if len(leaf.parts["values"]) <= FEW:
        return seek(leaf)
    if step % SELDOM:
        return leaf
    return Leaf(leaf.form, leaf.mask, leaf.place, leaf.parts, drifted(leaf.form, leaf.parts, leaf.found))


def forward(leaf: Leaf) -> tuple[Tensor, Way]:
    """The (out, in) float32 matrix that the network runs with, and what the way back needs of the way there.

    Removed weights are exactly 0.
    """
    values, way = leaf.learner.at(leaf.form, leaf.parts, leaf.found)
    return leaf.place.scattered(values), way


def matrix(leaf: Leaf) -> Tensor:
    """The (out, in) float32 matrix that the network runs with."""
    return forward(leaf)[0]


def pulled_back(leaf: Leaf, way: Way, gradient: Tensor) -> Parts:
    """The gradients of the leaf's parts, from that of its matrix, (out, in)."""
    return leaf.learner.back(leaf.form, (leaf.parts, leaf.found, way), leaf.place.gathered(gradient))


def settled(leaf: Leaf) -> Stored:
    """The stored form of what the leaf has learned; it decodes to its `matrix`, bit by bit."""
    form = leaf.learner.settled(leaf.form, (leaf.parts, leaf.found), leaf.place)
    return form if leaf.mask is None else Sparse(leaf.mask, form)


def restored(leaf: Leaf, parts: Mapping[str, Tensor]) -> Leaf:
    """The leaf with other numbers, such as those of a checkpoint."""
    return seek(Leaf(leaf.form, leaf.mask, leaf.place, {name: parts[name].clone() for name in leaf.parts}, {}))
