"""A model as a list of steps, so that a run can begin at the first step whose weights changed."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from core.layouts import hooked, linear, takes_blocks
from core.pooling import halved, halves
from core.replacing import run_with

Operation = Callable | str | type  # a function, a method's name or a module's type
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

    @cached_property
    def read_before(self) -> tuple[frozenset[str], ...]:
        """The parameters and buffers that the steps before each one use."""
        return (frozenset(), *accumulate(self.reads, frozenset.union))

    @cached_property
    def linears(self) -> frozenset[str]:
        """The weights that plain Linear layers alone use, each with memory of its own."""
        wanted = {f"{node.target}.weight" for node in self.nodes if self._linear(node)}
        others = [read for node, read in zip(self.nodes, self.reads, strict=True) if not self._linear(node)]
        used = Counter(tensor.data_ptr() for tensor in self.model.parameters())
        shared = [name for name, tensor in self.model.named_parameters() if used[tensor.data_ptr()] > 1]
        return frozenset(wanted.difference(shared, *others))

    @cached_property
    def joins(self) -> int:
        """The first step from which images of many batches run as one: what ends the model, behind a Linear layer.

        From there on nothing but such layers and ReLUs follow, one after the other, which cost more to begin than to
        run; the output where the model ends otherwise.
        """
        found = at = len(self.nodes) - 1
        while self.nodes[at].all_input_nodes == [self.nodes[at - 1]] and len(self.nodes[at - 1].users) == 1:
            at -= 1
            if self._linear(self.nodes[at]):
                found = at + 1
            elif operation(self.model, self.nodes[at]) not in RELU:
                break
        return found

    def calls_alone(self, module: str) -> bool:
        """Whether nothing but the calls of a module uses its parameters and buffers."""
        users = [
            node.target
            for node, read in zip(self.nodes, self.reads, strict=True)
            if any(name.rpartition(".")[0] == module for name in read)
        ]
        return all(user == module for user in users)

    def _linear(self, node: fx.Node) -> bool:
        return node.op == "call_module" and takes_blocks(self.model.get_submodule(node.target))

    def first_use(self, names: frozenset[str]) -> int:
        """The first step that uses one of the named parameters; the number of steps where none does."""
        return next((i for i, read in enumerate(self.reads) if read & names), len(self.nodes))


@torch.no_grad()
def trace(model: nn.Module, sample: Tensor) -> Trace | None:
    """The model's steps, or None where torch.fx cannot tell them or they do not give the model's own result, twice.

    Twice, since a tensor that forward makes becomes a constant of the steps, and may be written to. A model in which a
    parameter has two names runs whole: a step knows only one of them.
    """
    if len(list(model.named_parameters())) < len(list(model.named_parameters(remove_duplicate=False))):
        return None
    try:
        traced = _steps(model)
        end = (0, len(traced.nodes))
        outputs = [advance(traced, {}, start(traced, sample.clone()), end) for _ in range(2)]
        same = all(torch.equal(output, model(sample.clone())) for output in outputs)
    except Exception:  # torch.fx raises whatever the model's own code raises under a tracer
        return None
    return traced if same else None


class _Tracer(fx.Tracer):
    """Torch's own, which reroutes every module of the process while it traces: those of other threads run as ever."""

    thread = 0

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict[str, object]) -> object:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        return fx.Tracer.call_module(self, m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: object, parameter_proxy_cache: dict[str, fx.Proxy]) -> object:
        if threading.get_ident() != self.thread:
            return attr_val
        return fx.Tracer.getattr(self, attr, attr_val, parameter_proxy_cache)


def _steps(model: nn.Module) -> Trace:
    with ALONE:
        tracer = _Tracer()
        tracer.thread = threading.get_ident()
        nodes = tuple(_halved(model, _pooled_first(model, tracer.trace(model))).nodes)
    last = {used: i for i, node in enumerate(nodes) for used in node.all_input_nodes}
    dropped = tuple(tuple(used for used in node.all_input_nodes if last[used] == i) for i, node in enumerate(nodes))
    return Trace(model, nodes, tuple(_reads(model, node) for node in nodes), dropped)


def _pooled_first(model: nn.Module, graph: fx.Graph) -> fx.Graph:
    """The graph with each ReLU behind the max-pooling that alone takes it: the same numbers, made from fewer."""
    for node in graph.nodes:
        pool = next(iter(node.users), None)
        alone = (
            pool is not None and len(node.users) == len(node.all_input_nodes) == len(node.all_input_nodes[0].users) == 1
        )
        if alone and operation(model, node) in RELU and _pools(model, pool):
            before = node.all_input_nodes[0]
            pool.replace_all_uses_with(node)
            pool.replace_input_with(node, before)
            node.replace_input_with(before, pool)
            pool.append(node)
    return graph


def _halved(model: nn.Module, graph: fx.Graph) -> fx.Graph:
    """The graph with each max-pooling of two by two, and the ReLU behind it, as one faster step: the same numbers."""
    for node in graph.nodes:
        if _pools(model, node) and halves(model, node):
            after = next(iter(node.users), node)
            relu = len(node.users) == 1 and operation(model, after) in RELU
            last = after if relu else node
            with graph.inserting_before(node):
                last.replace_all_uses_with(graph.call_function(halved, (node.all_input_nodes[0], relu)))
            for gone in dict.fromkeys((last, node)):
                graph.erase_node(gone)
    return graph


def _pools(model: nn.Module, node: fx.Node) -> bool:
    """Whether a step is a max-pooling without a second result."""
    settings = vars(model.get_submodule(node.target)) if node.op == "call_module" else node.kwargs
    return operation(model, node) in POOL and not settings.get("return_indices")


def operation(model: nn.Module, node: fx.Node) -> Operation:
    """What a step calls; a module with hooks of its own is no known one."""
    if node.op != "call_module":
        return node.target
    module = model.get_submodule(node.target)
    return "hooked" if hooked(module) else type(module)


def tensors(live: Live) -> list[Tensor]:
    """Every tensor that a run holds, those within tuples and other containers too."""
    return [leaf for leaf in tree_leaves(list(live.values())) if isinstance(leaf, Tensor)]


def start(traced: Trace, inputs: Tensor) -> Live:
    """What a run begins with: the inputs, in the place of the first placeholder."""
    return {next(node for node in traced.nodes if node.op == "placeholder"): inputs}


def taken_up(traced: Trace, changed: Mapping[str, Tensor], live: Live) -> Live:
    """A copy of what an earlier run left, with this run's own tensors where it holds parameters, of equal values."""
    own = {node: _get_attr(traced.model, changed, (node,)) for node in live if node.op == "get_attr"}
    return {**live, **own}


def advance(traced: Trace, changed: Mapping[str, Tensor], live: Live, span: tuple[int, int]) -> object:
    """Run the steps span[0] to span[1] on `live`, which they change; the model's output once the last is run.

    Before that, what the step at span[1] takes in where that is one thing, else None.
    """
    for i in range(*span):
        node = traced.nodes[i]
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), live.__getitem__)
        if node.op == "output":
            return args[0]
        if node not in live:
            live[node] = STEPS[node.op](traced.model, changed, (node, args, kwargs))
        for used in traced.dropped[i]:
            live.pop(used, None)
    taken = traced.nodes[span[1]].all_input_nodes
    return live[taken[0]] if len(taken) == 1 else None


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
    if "weight" in own and own["weight"].is_mkldnn:
        return linear(*args, *kwargs.values(), own["weight"], own.get("bias", module.bias))
    return run_with(module, own, args, kwargs) if own else module(*args, **kwargs)


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


RELU = (nn.ReLU, functional.relu, torch.relu, "relu")
POOL = (nn.MaxPool2d, functional.max_pool2d, torch.max_pool2d)
STEPS = {
    "call_module": _call_module,
    "get_attr": _get_attr,
    "call_function": _call_function,
    "call_method": _call_method,
    "placeholder": _placeholder,
}
ALONE = threading.Lock()  # two traces at a time would leave modules rerouted for good
