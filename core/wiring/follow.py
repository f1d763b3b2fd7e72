"""A model's channels, followed from the layers that make them to those that read them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, fx, nn

from core.tracing import STEPS, operation, tensors, trace
from core.wiring.operations import CONVS, NORMS, named
from core.wiring.rules import RULES, harmless
from core.wiring.walk import Point, Walk, Wiring
from core.wiring.wires import FIXED, Wire, joined

OUTPUTS = "part of the model's outputs"


def wiring(model: nn.Module, sample: Tensor) -> Wiring | None:
    """How channels flow through a model in eval mode; None where torch.fx cannot tell its steps. sample: (N, ...)."""
    with torch.no_grad():
        traced = trace(model, sample)
        if traced is None:
            return None
        walk = Walk(traced)
        for node in traced.nodes:
            _step(walk, node, sample.clone())
    _stop_unfollowed(walk)
    groups = joined(np.concatenate([np.empty((0, 2), int), *walk.pairs]), walk.made[0])
    stops: dict[int, str] = {}
    for labels, why in walk.stopped:
        for group in groups[labels[labels != FIXED]].tolist():
            stops.setdefault(group, why)
    ends = (tuple(walk.points), walk.sliced, frozenset(walk.overwritten), walk.unfollowed)
    return Wiring(traced, walk.values, walk.wires, groups, stops, *ends)


def _step(walk: Walk, node: fx.Node, sample: Tensor) -> None:
    if node.op == "output":
        return
    if node.op == "placeholder":
        first = next(each for each in walk.trace.nodes if each.op == "placeholder")
        walk.values[node] = sample if node is first else node.args[0]
        return
    _run(walk, node)
    called = operation(walk.trace.model, node)
    sources = [source for source in node.all_input_nodes if source in walk.wires]
    wire = None
    if called in LAYERS:
        wire = LAYERS[called](walk, node, walk.trace.model.get_submodule(node.target))
    elif called in RULES and sources and isinstance(walk.values[node], Tensor):
        wire = RULES[called](walk, node)
    if wire is not None and bool((wire.labels != FIXED).any()):
        walk.wires[node] = wire


def _run(walk: Walk, node: fx.Node) -> None:
    """The step's real result; where it writes into one that a later step still reads, that one is told."""
    versions = [(each, [(held, held._version) for held in tensors({each: v})]) for each, v in walk.values.items()]
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), walk.values.__getitem__)
    walk.values[node] = STEPS[node.op](walk.trace.model, {}, (node, args, kwargs))
    for source, held in versions:
        written = any(tensor._version != version for tensor, version in held)
        if written and any(user is not node and user not in walk.values for user in source.users):
            walk.overwritten.add(source)
            walk.stop(source, f"{named(walk.trace.model, node)} writes into what others read")


def _stop_unfollowed(walk: Walk) -> None:
    """Stops at every step that reads channels and whose rule, if any, cannot say where they go."""
    reading = {point.node for point in walk.points}
    for node in walk.trace.nodes:
        sources = [source for source in node.all_input_nodes if source in walk.wires]
        ended = node.op == "output"
        if not sources or node in walk.wires or node in reading or (not ended and harmless(walk, node)):
            continue
        why = OUTPUTS if ended else f"not to be followed through {named(walk.trace.model, node)}"
        for source in sources:
            walk.stop(source, why)


def _point(walk: Walk, node: fx.Node, sizes: tuple[int, int], dim: int) -> Point | None:
    """The call of a layer that reads sizes[0] channels along `dim` and makes sizes[1]; None if they lie otherwise."""
    wire = walk.wires.get(node.all_input_nodes[0])
    if walk.called_twice(node):
        walk.unfollowed[node.target] = "it is called more than once"
        return None
    if wire is not None and wire.dim != dim % len(wire.shape):
        walk.unfollowed[node.target] = "its inputs' channels lie along another dimension"
        return None
    inputs = np.full(sizes[0], FIXED) if wire is None else wire.labels
    return Point(node, node.target, inputs, walk.labels(sizes[1]))


def _added(walk: Walk, point: Point | None, dim: int) -> Wire | None:
    if point is None:
        return None
    walk.points.append(point)
    shape = walk.shape(point.node)
    return Wire(dim % len(shape), point.outputs, shape)


def _linear(walk: Walk, node: fx.Node, module: nn.Linear) -> Wire | None:
    return _added(walk, _point(walk, node, (module.in_features, module.out_features), -1), -1)


def _conv(walk: Walk, node: fx.Node, module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> Wire | None:
    depthwise = 1 < module.groups == module.in_channels == module.out_channels
    if len(walk.shape(node)) != len(module.kernel_size) + 2:
        walk.unfollowed[node.target] = "its inputs are no batch"
        return None
    if module.groups > 1 and not depthwise:
        walk.unfollowed[node.target] = f"its {module.groups} groups must keep equal sizes"
        return None
    point = _point(walk, node, (module.in_channels, module.out_channels), 1)
    if point is None:
        return None
    if depthwise:
        walk.couple(point.inputs, point.outputs)
    edges = any(module.kernel_size) if isinstance(module.padding, str) else any(module.padding)
    beside = module.padding_mode == "zeros" and edges and module.padding != "valid"
    return _added(walk, replace(point, depthwise=depthwise, padded=beside), 1)


def _norm(walk: Walk, node: fx.Node, module: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> Wire | None:
    wire = walk.wires.get(node.all_input_nodes[0])
    known = wire is not None and wire.dim == 1 and not module.training and module.running_mean is not None
    return wire if known and not walk.called_twice(node) else None


LAYERS = {nn.Linear: _linear, **dict.fromkeys(CONVS, _conv), **dict.fromkeys(NORMS, _norm)}
