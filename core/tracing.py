"""A model as a list of steps, so that a run can begin at the first step whose weights changed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

Live = dict[fx.Node, object]  # what the steps so far have left for later ones


@dataclass(frozen=True, eq=False)
class Trace:
    """model: the module the steps call. nodes: the steps in order. reads: the parameters and buffers each one uses.

    dropped: what no later step needs, after each one.
    """

    model: nn.Module
    nodes: tuple[fx.Node, ...]
    reads: tuple[frozenset[str], ...]
    dropped: tuple[tuple[fx.Node, ...], ...]

    def first_use(self, names: frozenset[str]) -> int:
        """The first step that uses one of the named parameters; the number of steps where none does."""
        return next((i for i, read in enumerate(self.reads) if read & names), len(self.nodes))


def trace(model: nn.Module, sample: Tensor) -> Trace | None:
    """The model's steps, or None where torch.fx cannot tell them or they give another result for `sample`."""
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception:  # torch.fx raises whatever the model's own code raises under a tracer
        return None
    nodes = tuple(graph.nodes)
    last = {used: i for i, node in enumerate(nodes) for used in node.all_input_nodes}
    dropped = tuple(tuple(used for used in node.all_input_nodes if last[used] == i) for i, node in enumerate(nodes))
    traced = Trace(model, nodes, tuple(_reads(model, node) for node in nodes), dropped)
    outputs = advance(traced, {}, start(traced, sample), (0, len(nodes)))
    same = isinstance(outputs, Tensor) and torch.equal(outputs, model(sample))
    return traced if same else None


def start(traced: Trace, inputs: Tensor) -> Live:
    """What a run begins with: the inputs, in the place of the first placeholder."""
    return {next(node for node in traced.nodes if node.op == "placeholder"): inputs}


def advance(traced: Trace, changed: Mapping[str, Tensor], live: Live, span: tuple[int, int]) -> object:
    """Run the steps span[0] to span[1] on `live`, which they change; the model's output once the last is run."""
    for i in range(*span):
        node = traced.nodes[i]
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), live.__getitem__)
        if node.op == "output":
            return args[0]
        if node not in live:
            live[node] = STEPS[node.op](traced.model, changed, (node, args, kwargs))
        for used in traced.dropped[i]:
            live.pop(used, None)
    return None


def _reads(model: nn.Module, node: fx.Node) -> frozenset[str]:
    if node.op == "get_attr":
        return frozenset([node.target])
    if node.op != "call_module":
        return frozenset()
    module = model.get_submodule(node.target)
    return frozenset(f"{node.target}.{name}" for name in module.state_dict())


def _call_module(model: nn.Module, changed: Mapping[str, Tensor], step: tuple) -> object:
    node, args, kwargs = step
    prefix = f"{node.target}."
    own = {name.removeprefix(prefix): value for name, value in changed.items() if name.startswith(prefix)}
    module = model.get_submodule(node.target)
    return torch.func.functional_call(module, own, args, kwargs) if own else module(*args, **kwargs)


def _get_attr(model: nn.Module, changed: Mapping[str, Tensor], step: tuple) -> object:
    name = step[0].target
    if name in changed:
        return changed[name]
    owner, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(owner), attribute)


def _call_function(model: nn.Module, changed: Mapping[str, Tensor], step: tuple) -> object:
    node, args, kwargs = step
    return node.target(*args, **kwargs)


def _call_method(model: nn.Module, changed: Mapping[str, Tensor], step: tuple) -> object:
    node, (target, *args), kwargs = step
    return getattr(target, node.target)(*args, **kwargs)


def _placeholder(model: nn.Module, changed: Mapping[str, Tensor], step: tuple) -> object:
    node, args, _ = step
    if not args:
        raise ValueError(f"the model's forward needs '{node.target}' beside its first input, expected one input")
    return args[0]


STEPS = {
    "call_module": _call_module,
    "get_attr": _get_attr,
    "call_function": _call_function,
    "call_method": _call_method,
    "placeholder": _placeholder,
}
