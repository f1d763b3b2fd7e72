"""A compressed network that learns: its stored matrices, and all beside them; the model itself stays as it was."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.compress import grids
from core.encoding import Dense, Encoded, Factored, Grid, Gridded, bare, leaves
from core.inputs import rounding
from core.layer import Layer
from core.replacing import run_with
from core.training.leaves import Leaf, drift, forward, leaf, pulled_back, restored, seek, settled
from core.training.losses import Batch, Loss

BATCH = 250  # images at a time where nothing is learned


@dataclass(frozen=True, eq=False)
class Lean:
    """A smaller twin that gives the same outputs. sides: name -> places of a tensor's first dimensions that it has."""

    twin: nn.Module
    sides: Mapping[str, tuple[Tensor, ...]]

    def cut(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors at the places that the smaller twin has; gradients pass."""
        return {name: cut(tensor, self.sides.get(name, ())) for name, tensor in tensors.items()}


def cut(tensor: Tensor, places: tuple[Tensor, ...]) -> Tensor:
    """A tensor at some places of its first dimensions."""
    for dimension, chosen in enumerate(places):
        tensor = tensor.index_select(dimension, chosen)
    return tensor


@dataclass(frozen=True, eq=False)
class Trainee:
    """A network that learns. twin: the model in training mode, run with other tensors only. leaves: by layer name.

    forms: the encoded form of each layer that the leaves began as. others: parameters beside the layers' weights, by
    name. buffers: such as running statistics, which a forward pass moves. inputs: grids by parameter name. lean: the
    smaller model that stands for the twin while it learns, where there is one.
    """

    twin: nn.Module
    known: tuple[Layer, ...]
    forms: Mapping[str, Encoded]
    leaves: Mapping[str, tuple[Leaf, ...]]
    others: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    inputs: Mapping[str, Grid]
    lean: Lean | None = None


def trainee(
    model: nn.Module,
    known: tuple[Layer, ...],
    start: tuple[Mapping[str, Encoded], Mapping[str, Tensor]],
    values: Mapping[str, tuple[Tensor, ...]],
) -> Trainee:
    """The model with encoded layers by name and tensors beside them by parameter, ready to learn.

    values: the matrices that a layer's leaves start from, by layer name; its decoded ones where it has none.
    """
    encoded, beside = start
    made = {layer.name: _leaves(encoded[layer.name], values.get(layer.name)) for layer in known}
    own = {layer.parameter for layer in known}
    twin = copy.deepcopy(model).train().requires_grad_(False)
    state = twin.state_dict(keep_vars=True)
    ours = {name for name, _ in twin.named_parameters() if name not in own and state[name].is_floating_point()}
    fresh = {name: beside.get(name, state[name]).detach().clone() for name in state if name not in own}
    others = {name: tensor for name, tensor in fresh.items() if name in ours}
    buffers = {name: fresh[name] for name, _ in twin.named_buffers() if name in fresh}
    return Trainee(twin, known, encoded, made, others, buffers, grids(known, encoded))


def _leaves(encoded: Encoded, values: tuple[Tensor, ...] | None) -> tuple[Leaf, ...]:
    stored = leaves(encoded)
    return tuple(leaf(one, start) for one, start in zip(stored, values or (None,) * len(stored), strict=True))


def learning(net: Trainee) -> dict[str, Tensor]:
    """Every tensor that learns, by name: those of leaves as 'layer:number:part'."""
    inner = {
        f"{name}:{i}:{part}": tensor
        for name, held in net.leaves.items()
        for i, one in enumerate(held)
        for part, tensor in one.parts.items()
    }
    return inner | dict(net.others)


def product(encoded: Encoded, matrices: tuple[Tensor, ...]) -> Tensor:
    """The (out, in) matrix that a form makes of the matrices it stores; gradients pass."""
    if len(matrices) == 1:
        return matrices[0]
    held = bare(encoded)
    parts = {name: Dense(one) for name, one in zip(held.factors, matrices, strict=True)}
    return replace(held, **parts).decode()


def slopes(net: Trainee, batch: Batch, loss: Loss) -> tuple[Tensor, dict[str, Tensor], dict[str, tuple[Tensor, ...]]]:
    """The loss of a batch, its gradients by the names of `learning`, and those at each layer's matrices.

    Running statistics move, as in any training step.
    """
    ways = {name: tuple(map(forward, held)) for name, held in net.leaves.items()}
    matrices = {name: tuple(held.detach().requires_grad_() for held, _ in own) for name, own in ways.items()}
    others = {name: tensor.detach().requires_grad_() for name, tensor in net.others.items()}
    shaped = {layer.parameter: product(net.forms[layer.name], matrices[layer.name]) for layer in net.known}
    tensors = {layer.parameter: shaped[layer.parameter].view(layer.weight.shape) for layer in net.known}
    twin, whole = (net.twin if net.lean is None else net.lean.twin), {**tensors, **others, **net.buffers}
    with rounding(net.twin, tensors, net.inputs):
        outputs = run_with(twin, whole if net.lean is None else net.lean.cut(whole), (batch.inputs.clone(),))
    lost = loss(outputs, batch)
    wanted = [*(one for held in matrices.values() for one in held), *others.values()]
    found = iter(torch.autograd.grad(lost, wanted, allow_unused=True, materialize_grads=True))
    whole = {name: tuple(next(found) for _ in held) for name, held in matrices.items()}
    back = {
        f"{name}:{i}:{part}": gradient
        for name, held in net.leaves.items()
        for i, one in enumerate(held)
        for part, gradient in pulled_back(one, ways[name][i][1], whole[name][i]).items()
    }
    return lost.detach(), back | {name: next(found) for name in others}, whole


def sought(net: Trainee) -> Trainee:
    """The same network with every code that is looked up looked up anew."""
    return replace(net, leaves={name: tuple(map(seek, held)) for name, held in net.leaves.items()})


def adrift(net: Trainee, step: int) -> Trainee:
    """The same network with its codes a little after its values."""
    return replace(net, leaves={name: tuple(drift(one, step) for one in held) for name, held in net.leaves.items()})


def encoded(net: Trainee) -> dict[str, Encoded]:
    """Every layer's encoded form as learned, by layer name; it decodes to what the network ran with."""
    return {name: _as_form(net.forms[name], tuple(map(settled, held))) for name, held in net.leaves.items()}


def _as_form(form: Encoded, stored: tuple[Encoded, ...]) -> Encoded:
    if isinstance(form, Gridded):
        return replace(form, matrix=_as_form(form.matrix, stored))
    if isinstance(form, Factored):
        return replace(form, **dict(zip(form.factors, stored, strict=True)))
    return stored[0]


def beside(net: Trainee) -> dict[str, Tensor]:
    """What was learned beside the layers' weights, and the running statistics, by name."""
    return {name: tensor.detach().clone() for name, tensor in {**net.others, **net.buffers}.items()}


def returned(net: Trainee, tensors: Mapping[str, Tensor]) -> Trainee:
    """The network with the numbers of `learning` and of the buffers as `tensors` has them."""
    held = {
        name: tuple(
            restored(one, {part: tensors[f"{name}:{i}:{part}"] for part in one.parts}) for i, one in enumerate(own)
        )
        for name, own in net.leaves.items()
    }
    others, buffers = ({name: tensors[name].clone() for name in side} for side in (net.others, net.buffers))
    return replace(net, leaves=held, others=others, buffers=buffers)


def answers(model: nn.Module, tensors: Mapping[str, Tensor], inputs: Mapping[str, Grid], x: Tensor) -> Tensor:
    """The logits of a model in eval mode with other tensors, (images, classes); inputs: grids by parameter."""
    with torch.no_grad(), rounding(model, tensors, inputs):
        parts = [run_with(model, tensors, (part.clone(),)) for part in x.split(BATCH)]
    return torch.cat(parts)
