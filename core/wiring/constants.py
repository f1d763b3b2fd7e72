"""Which channels are the same number everywhere, whatever the input, and what number that is."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, fx

from core.tracing import STEPS, operation
from core.wiring.operations import NORMS, PRODUCTS
from core.wiring.walk import Point, Wiring
from core.wiring.wires import along, filled

EQUAL = 1e-5  # of the number: what float32 sums at different places may differ by


def constants(wired: Wiring, state: Mapping[str, Tensor]) -> dict[fx.Node, np.ndarray]:
    """Each followed step's numbers, float32 along its channels, NaN where a channel depends on the input.

    state: every parameter and buffer by name, with the values that count.
    """
    points = {point.node: point for point in wired.points}
    known: dict[fx.Node, np.ndarray] = {}
    with torch.no_grad():
        for node in wired.trace.nodes:
            if node in points and node in wired.wires:
                known[node] = _of_layer(points[node], known, state)
            elif node in wired.wires:
                known[node] = _carried(wired, node, known, state)
            if node in wired.overwritten and node in known:
                known[node] = np.full_like(known[node], np.nan)
    return known


def read(point: Point, known: Mapping[fx.Node, np.ndarray]) -> np.ndarray:
    """The numbers that a layer's input channels are, (in,) float32, NaN where they depend on the input."""
    return known.get(point.node.all_input_nodes[0], np.full(len(point.inputs), np.nan, np.float32))


def rows(point: Point, state: Mapping[str, Tensor]) -> np.ndarray:
    """What one output channel reads of each input channel, (out, in, kernel) float64; (out, 1, kernel) if depthwise."""
    weight = state[f"{point.name}.weight"].double()
    return weight.reshape(len(weight), weight.shape[1], -1).numpy()


def _of_layer(point: Point, known: Mapping[fx.Node, np.ndarray], state: Mapping[str, Tensor]) -> np.ndarray:
    weight, numbers = rows(point, state), read(point, known)
    numbers = numbers[:, None] if point.depthwise else numbers[None]  # (out or 1, in)
    unknown = np.isnan(numbers) | (point.padded & (numbers != 0))
    varies = ((weight != 0).any(2) & unknown).any(1)
    sums = (weight.sum(2) * np.where(unknown, 0, numbers)).sum(1)
    bias = state.get(f"{point.name}.bias")
    made = sums if bias is None else sums + bias.double().numpy()
    return np.where(varies, np.nan, made).astype(np.float32)


def _carried(
    wired: Wiring, node: fx.Node, known: Mapping[fx.Node, np.ndarray], state: Mapping[str, Tensor]
) -> np.ndarray:
    """The step run on the numbers themselves: a NaN goes wherever what depends on the input would go."""
    values = {
        source: filled(wired.wires[source], known[source]) if source in known else _given(wired, source, state)
        for source in node.all_input_nodes
    }
    wire = wired.wires[node]
    model = wired.trace.model
    if operation(model, node) in NORMS:
        own = {name: tensor for name, tensor in state.items() if name.startswith(f"{node.target}.")}
        made = STEPS[node.op](model, own, (node, tuple(values[each] for each in node.all_input_nodes), {}))
    else:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        made = STEPS[node.op](model, {}, (node, args, kwargs))
    if operation(model, node) in PRODUCTS:
        made = made.masked_fill(_zero(values, made), 0.0)
    flat = made.movedim(wire.dim, 0).reshape(made.shape[wire.dim], -1)
    low, high = flat.amin(1), flat.amax(1)
    same = high - low <= EQUAL * torch.maximum(high.abs(), low.abs())
    return torch.where(same, along(made, wire.dim), torch.nan).numpy()


def _given(wired: Wiring, source: fx.Node, state: Mapping[str, Tensor]) -> object:
    """What a step reads that is not followed: a parameter, a size, or what depends on the input."""
    if source.op == "get_attr" and source.target in state:
        return state[source.target].clone()
    value = wired.values[source]
    return torch.full(value.shape, torch.nan) if isinstance(value, Tensor) else value


def _zero(values: Mapping[fx.Node, object], made: Tensor) -> Tensor:
    """Where one of the factors is 0."""
    zeros = [torch.broadcast_to(value == 0, made.shape) for value in values.values() if isinstance(value, Tensor)]
    return torch.stack(zeros).any(0)
