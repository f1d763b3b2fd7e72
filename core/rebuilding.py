"""A model built anew with fewer channels: new layers, a new graph of steps, nothing shared with the old one."""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, fx, nn

from core.wiring import NORMS, RESHAPED, Wiring, operation

Stays = Callable[[np.ndarray], np.ndarray]  # labels -> which of their channels stay, bool


def rebuilt(wired: Wiring, state: Mapping[str, Tensor], stays: Stays) -> nn.Module:
    """The wired model with the values of `state`, without the channels that do not stay. In eval mode."""
    graph, twins = fx.Graph(), {}
    for node in wired.trace.nodes:
        twins[node] = graph.node_copy(node, twins.__getitem__)
        if operation(wired.trace.model, node) in RESHAPED and node in wired.wires:
            twins[node].args = _resized(wired, node, twins[node].args, stays)
    made = fx.GraphModule(_parts(wired, state, stays), graph)
    return made.eval().requires_grad_(False)


def _resized(wired: Wiring, node: fx.Node, args: tuple, stays: Stays) -> tuple:
    """The sizes that a step asks for, with those of channels as many as stay."""
    wire = wired.wires[node]
    count = int(stays(wire.labels).sum())
    listed = len(args) > 1 and isinstance(args[1], list | tuple)
    sizes = list(args[1] if listed else args[1:])
    if len(sizes) > wire.dim and isinstance(sizes[wire.dim], int) and sizes[wire.dim] != -1:
        sizes[wire.dim] = count
    return (args[0], tuple(sizes)) if listed else (args[0], *sizes)


def _parts(wired: Wiring, state: Mapping[str, Tensor], stays: Stays) -> dict[str, object]:
    """What the steps call and read, by name."""
    points = {point.node: point for point in wired.points}
    parts: dict[str, object] = {}
    for node in wired.trace.nodes:
        if node.op == "get_attr":
            parts[node.target] = _parameter(wired, node, state, stays)
        if node.op == "call_module" and node.target not in parts:
            module = wired.trace.model.get_submodule(node.target)
            own = {name: state[f"{node.target}.{name}"] for name in module.state_dict()}
            if node in points:
                parts[node.target] = _layer(module, own, (stays(points[node].outputs), stays(points[node].inputs)))
            elif node in wired.wires and type(module) in NORMS:
                parts[node.target] = _norm(module, own, stays(wired.wires[node].labels))
            else:
                parts[node.target] = copy.deepcopy(module)
                parts[node.target].load_state_dict(own)
    return parts


def _parameter(wired: Wiring, node: fx.Node, state: Mapping[str, Tensor], stays: Stays) -> Tensor:
    owner, _, name = node.target.rpartition(".")
    held = state.get(node.target)
    held = getattr(wired.trace.model.get_submodule(owner), name) if held is None else held
    if not isinstance(held, Tensor):
        return copy.deepcopy(held)
    held = held.detach().clone()
    if node in wired.sliced:
        wire = wired.sliced[node]
        held = held.index_select(wire.dim, torch.from_numpy(stays(wire.labels).nonzero()[0]))
    return nn.Parameter(held, requires_grad=False) if held.is_floating_point() else held


def _layer(module: nn.Module, own: dict[str, Tensor], stay: tuple[np.ndarray, np.ndarray]) -> nn.Module:
    outputs, inputs = (torch.from_numpy(each) for each in stay)
    depthwise = getattr(module, "groups", 1) > 1
    values = {"weight": own["weight"][outputs] if depthwise else own["weight"][outputs][:, inputs]}
    if "bias" in own:
        values["bias"] = own["bias"][outputs]
    if isinstance(module, nn.Linear):
        made = nn.Linear(int(inputs.sum()), int(outputs.sum()), bias="bias" in own, device="meta")
    else:
        groups = int(outputs.sum()) if depthwise else 1
        sizes = (module.kernel_size, module.stride, module.padding, module.dilation, groups)
        ends = (int(inputs.sum()), int(outputs.sum()))
        made = type(module)(*ends, *sizes, "bias" in own, module.padding_mode, device="meta")
    return _filled(made, values)


def _norm(module: nn.BatchNorm2d, own: dict[str, Tensor], stay: np.ndarray) -> nn.Module:
    made = type(module)(int(stay.sum()), module.eps, module.momentum, module.affine, device="meta")
    kept = torch.from_numpy(stay)
    return _filled(made, {name: value[kept] if value.dim() else value for name, value in own.items()})


def _filled(made: nn.Module, values: dict[str, Tensor]) -> nn.Module:
    made.load_state_dict({name: value.detach().clone() for name, value in values.items()}, assign=True)
    return made
