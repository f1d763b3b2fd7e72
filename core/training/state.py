"""Where a training stands: the network, its optimizer's memory, and the best that it has been."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from core import pipeline
from core.encoding import Encoded
from core.pipeline import Applied
from core.recipe import Recipe
from core.training import adam, trainee
from core.training.adam import Moments
from core.training.leaves import Leaf, leaf, settled
from core.training.moving import Ground
from core.training.task import Task
from core.training.trainee import Trainee


@dataclass(frozen=True)
class Step:
    """A look at a training. step, steps: made of how many at most. loss: mean since the last look, nats.

    accuracy: share of the held-out images answered as their labels say, or without labels as the teacher does. entropy:
    bits a weight. share: done, (0, 1]. seconds: since the training began or was taken up. left: about how many more.
    """

    doing: str
    step: int
    steps: int
    loss: float
    accuracy: float
    sparsity: float
    entropy: float
    share: float
    seconds: float
    left: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """A recovered network: encoded layers by name and tensors beside them by parameter, which satisfy the recipe."""

    recipe: Recipe
    encoded: Mapping[str, Encoded]
    beside: Mapping[str, Tensor]
    accuracy: float
    phase: int
    step: int


@dataclass(frozen=True, eq=False)
class Kept:
    """The best outcome so far, alone in a list, once there is one; read it from any thread."""

    best: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class State:
    """phase: which one of the plan. step: made in it. stale: looks since the last gain."""

    phase: int
    step: int
    net: Trainee
    memory: Moments
    ground: Ground | None
    best: Outcome | None
    stale: int


def opened(phase: int, net: Trainee, ground: Ground | None, best: Outcome | None) -> State:
    """The state at the beginning of a phase."""
    return State(phase, 0, net, adam.moments(trainee.learning(net)), ground, best, 0)


def sized(state: State, before: State) -> State:
    """The same, which steps in shares of the sizes that tensors had when the phase before began."""
    kept = {name: size for name, size in before.memory.sizes.items() if name in state.memory.sizes}
    return replace(state, memory=replace(state.memory, sizes=state.memory.sizes | kept))


def renewed(net: Trainee) -> Trainee:
    """The same network as its encoded forms say it: scales and levels as they are now, codes looked up anew."""
    leaves = {name: tuple(leaf(settled(one), _values(one)) for one in held) for name, held in net.leaves.items()}
    fresh = replace(net, leaves=leaves)
    return replace(fresh, forms=trainee.encoded(fresh))


def _values(one: Leaf) -> Tensor:
    """The values before they are coded, (out, in)."""
    return one.place.scattered(one.parts["values"])


def applied(task: Task, outcome: Outcome) -> Applied:
    """An outcome as a recipe carried out: to be measured, written and verified."""
    return pipeline.trained(task.study, outcome.recipe, outcome.encoded, outcome.beside)
