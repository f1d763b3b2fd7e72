"""How each operation hands channels on: RULES, from a step with channels among its inputs to those of its result.

A rule gives None where the channels cannot be followed.
"""

import operator

import numpy as np
import torch
from torch import Tensor, fx

from core.tracing import STEPS, operation
from core.wiring import operations
from core.wiring.operations import spatial_dims
from core.wiring.walk import Walk
from core.wiring.wires import FIXED, Wire, filled, found


def carried(walk: Walk, node: fx.Node, values: dict[fx.Node, Tensor]) -> Tensor:
    """What the step makes of other values for some of its inputs."""
    known = {**walk.values, **values}
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
    return STEPS[node.op](walk.trace.model, {}, (node, args, kwargs))


def each(walk: Walk, node: fx.Node) -> Wire | None:
    """Every number by itself."""
    wire = _wire(walk, node)
    return wire if walk.shape(node) == wire.shape and len(_tensors(walk, node)) == 1 else None


def paired(walk: Walk, node: fx.Node) -> Wire | None:
    """Two tensors number by number: their channels are coupled, a parameter's entries go with them."""
    sides = _tensors(walk, node)
    if len(sides) == 1:
        return each(walk, node)
    one, other = sides if sides[0] in walk.wires else sides[::-1]
    wire, shape = walk.wires[one], walk.shape(node)
    dim = wire.dim + len(shape) - len(wire.shape)
    if shape[dim] != wire.shape[wire.dim]:
        return None
    if other not in walk.wires:
        return _with_parameter(walk, wire.moved(dim, shape), other)
    second = walk.wires[other]
    if second.dim + len(shape) - len(second.shape) != dim or len(second.labels) != len(wire.labels):
        return None
    walk.couple(wire.labels, second.labels)
    return wire.moved(dim, shape)


def _with_parameter(walk: Walk, wire: Wire, other: fx.Node) -> Wire | None:
    size, back = walk.shape(other), len(wire.shape) - wire.dim
    if other.op != "get_attr":
        return None
    if len(size) < back or size[-back] == 1:
        return wire
    if walk.called_twice(other) or len(other.users) > 1:
        return None
    walk.sliced[other] = Wire(len(size) - back, wire.labels, size)
    return wire


def pooled(walk: Walk, node: fx.Node) -> Wire | None:
    """Positions in space are put together, channels are not."""
    wire, shape = _wire(walk, node), walk.values[node].shape if isinstance(walk.values[node], Tensor) else ()
    space = spatial_dims(operation(walk.trace.model, node))
    fits = wire.dim == 1 and len(shape) == len(wire.shape) and space in (None, len(shape) - 2)
    return wire.moved(1, shape) if fits and shape[1] == wire.shape[1] else None


def padded(walk: Walk, node: fx.Node) -> Wire | None:
    """The edges in space get wider, or everything between them."""
    size = node.args[1] if len(node.args) > 1 and isinstance(node.args[1], list | tuple) else ()
    wire = _wire(walk, node)
    return pooled(walk, node) if len(size) <= 2 * (len(wire.shape) - 2) and len(wire.shape) > 2 else None


def reduced(walk: Walk, node: fx.Node) -> Wire | None:
    """Dimensions other than that of the channels are put together."""
    wire, shape = _wire(walk, node), walk.shape(node)
    dims = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    dims = [dims] if isinstance(dims, int) else dims
    if not isinstance(dims, list | tuple):
        return None
    gone = {dim % len(wire.shape) for dim in dims}
    kept = len(shape) == len(wire.shape)
    dim = wire.dim if kept else wire.dim - sum(each < wire.dim for each in gone)
    return None if wire.dim in gone else wire.moved(dim, shape)


def ordered(walk: Walk, node: fx.Node) -> Wire | None:
    """Dimensions change places, come or go; every channel stays beside its neighbours."""
    wire = _wire(walk, node)
    made = _labels(walk, node)
    bare = operation(walk.trace.model, node) in ("squeeze", torch.squeeze) and len(node.args) + len(node.kwargs) < 2
    same = made is not None and np.array_equal(made.labels, wire.labels)
    return made if same and not bare else None


def reshaped(walk: Walk, node: fx.Node) -> Wire | None:
    """Dimensions are merged or split; a channel may become many neighbours along one of them."""
    return _labels(walk, node)


def catenated(walk: Walk, node: fx.Node) -> Wire | None:
    """Tensors are put one after another."""
    return _labels(walk, node)


def harmless(walk: Walk, node: fx.Node) -> bool:
    """Whether a step asks a followed tensor for sizes, of which nothing but shapes is made. The walk is over."""
    value = walk.values[node]
    if operation(walk.trace.model, node) not in operations.SIZES or isinstance(value, Tensor):
        return False
    wire = _wire(walk, node)
    asked = node.args[1] if node.target == "size" and len(node.args) > 1 else None
    elsewhere = isinstance(asked, int) and asked % len(wire.shape) != wire.dim
    return elsewhere or node.target == "dim" or not isinstance(value, SIZE) or _all_of_shape(walk, node, wire)


def _all_of_shape(walk: Walk, node: fx.Node, wire: Wire) -> bool:
    """Whether what steps compute from sizes ends in a shape, or is the size of another dimension."""
    for user in node.users:
        called = operation(walk.trace.model, user)
        index = user.args[1] if called is operator.getitem else None
        elsewhere = isinstance(index, int) and index % len(wire.shape) != wire.dim
        number = isinstance(walk.values.get(user), SIZE) and _all_of_shape(walk, user, wire)
        if not (elsewhere or called in operations.RESHAPED or number):
            return False
    return True


def _labels(walk: Walk, node: fx.Node) -> Wire | None:
    """The channels of the result, seen by sending the labels themselves through the step."""
    sent = {
        source: filled(walk.wires[source], walk.wires[source].labels)
        if source in walk.wires
        else torch.full(walk.shape(source), FIXED)
        for source in _tensors(walk, node)
    }
    made = carried(walk, node, sent)
    wire = found(made) if isinstance(made, Tensor) else None
    return None if wire is None or wire.dim == 0 else wire


def _tensors(walk: Walk, node: fx.Node) -> list[fx.Node]:
    return [source for source in node.all_input_nodes if isinstance(walk.values[source], Tensor)]


def _wire(walk: Walk, node: fx.Node) -> Wire:
    return next(walk.wires[source] for source in node.all_input_nodes if source in walk.wires)


SIZE = (torch.Size, int)
RULES = {
    **dict.fromkeys(operations.EACH, each),
    **dict.fromkeys(operations.PAIRED, paired),
    **dict.fromkeys(operations.POOLS, pooled),
    **dict.fromkeys(operations.PADS, padded),
    **dict.fromkeys(operations.REDUCED, reduced),
    **dict.fromkeys(operations.ORDERED, ordered),
    **dict.fromkeys(operations.RESHAPED | operations.FLATTENED, reshaped),
    **dict.fromkeys(operations.CATENATED, catenated),
}
