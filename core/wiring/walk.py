"""What is known of a model's channels: while its steps are followed one by one, and once they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import fx

from core.tracing import Trace
from core.wiring.wires import FIXED, Wire


@dataclass(frozen=True, eq=False)
class Point:
    """A call of a layer: the labels of its input channels, (in,), and of its output channels, (out,).

    depthwise: each output channel is one input channel's own. padded: zeros in space stand beside its inputs.
    """

    node: fx.Node
    name: str
    inputs: np.ndarray
    outputs: np.ndarray
    depthwise: bool = False
    padded: bool = False


@dataclass(frozen=True, eq=False)
class Wiring:
    """Where the channels of a model come from and go to.

    values: each step's result for the sample. wires: its channels, where they are followed. groups: label -> the group
    that goes or stays as one. stops: group -> why it stays. points: the layers' calls in order. sliced: the parameters
    that steps add or multiply, by node, with the channels along one of their dimensions. overwritten: results that a
    later step writes into. unfollowed: layer -> why its outputs are not followed.
    """

    trace: Trace
    values: Mapping[fx.Node, object]
    wires: Mapping[fx.Node, Wire]
    groups: np.ndarray
    stops: Mapping[int, str]
    points: tuple[Point, ...]
    sliced: Mapping[fx.Node, Wire]
    overwritten: frozenset[fx.Node]
    unfollowed: Mapping[str, str]

    def of(self, labels: np.ndarray) -> np.ndarray:
        """The groups of labels; FIXED where nobody may remove the channel."""
        return np.append(self.groups, FIXED)[labels]


@dataclass(frozen=True, eq=False)
class Walk:
    """The steps so far: what Wiring holds, and their real results, the coupled labels, (n, 2) each, and the stops."""

    trace: Trace
    values: dict[fx.Node, object] = field(default_factory=dict)
    wires: dict[fx.Node, Wire] = field(default_factory=dict)
    pairs: list[np.ndarray] = field(default_factory=list)
    stopped: list[tuple[np.ndarray, str]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    sliced: dict[fx.Node, Wire] = field(default_factory=dict)
    overwritten: set[fx.Node] = field(default_factory=set)
    unfollowed: dict[str, str] = field(default_factory=dict)
    made: list[int] = field(default_factory=lambda: [0])

    def labels(self, count: int) -> np.ndarray:
        """`count` new labels; a lone channel gets none, since a layer keeps one at least."""
        first = self.made[0]
        self.made[0] += count if count > 1 else 0
        return np.arange(first, first + count) if count > 1 else np.full(count, FIXED)

    def couple(self, one: np.ndarray, other: np.ndarray) -> None:
        """What goes in one goes in the other; what stays for good makes the other stay."""
        self.pairs.append(np.stack([one, other], 1)[(one != FIXED) & (other != FIXED)])
        fixed = (one == FIXED) | (other == FIXED)
        self.stopped.append((np.concatenate([one[fixed], other[fixed]]), "joined with channels that stay"))

    def stop(self, node: fx.Node, why: str) -> None:
        """Nobody may remove the channels of this step's result."""
        if node in self.wires:
            self.stopped.append((self.wires[node].labels, why))

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """The shape of a step's result."""
        return tuple(self.values[node].shape)

    def called_twice(self, node: fx.Node) -> bool:
        """Whether another step reads the same module or parameter."""
        alike = [each for each in self.trace.nodes if each.op == node.op and each.target == node.target]
        return len(alike) > 1
