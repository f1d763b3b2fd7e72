"""A network that trains as the smaller one that it is, once channels are removed everywhere."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from core import narrowing
from core.encoding import Coded, Dense, Encoded, Sparse
from core.layer import Layer
from core.shrinking import Shrunk, shrunk
from core.training.trainee import Lean, Trainee, beside, cut, encoded, trainee


def slimmed(net: Trainee, model: nn.Module, sample: Tensor) -> Trainee:
    """The network without the channels that its masks remove everywhere or that nobody reads; what they gave as
    constants is in the biases of their readers.

    sample: (N, ...), two images serve. It keeps its full shapes where a layer is stored as factors, or on a grid.
    """
    forms = encoded(net)
    if not all(isinstance(form, Dense | Coded | Sparse) for form in forms.values()):
        return net
    made = narrowing.narrow(model, net.known, (forms, beside(net)), sample)
    held = {layer.name: _masked(layer, forms[layer.name], made.small) for layer in net.known}
    values = {name: tuple(one.place.scattered(one.parts["values"]) for one in own) for name, own in net.leaves.items()}
    fresh = trainee(model, net.known, (held, made.buffers), values)
    return leaned(fresh, model, sample)


def leaned(net: Trainee, model: nn.Module, sample: Tensor) -> Trainee:
    """The network as one that runs as the smaller model, which its masks alone decide on; the same where none is."""
    forms = encoded(net)
    masks = {layer.parameter: layer.parameter_of(_mask(forms[layer.name]).float()) for layer in net.known}
    small = shrunk(model, masks | {name: torch.zeros_like(t) for name, t in net.others.items()}, sample)
    sides = _sides(net.known, small)
    state = small.module.state_dict()
    whole = {**masks, **net.others, **net.buffers}
    if not small.outputs or any(cut(whole[name], sides.get(name, ())).shape != t.shape for name, t in state.items()):
        return net
    return replace(net, lean=Lean(small.module.train(), sides))


def _mask(form: Encoded) -> Tensor:
    return form.mask if isinstance(form, Sparse) else torch.ones_like(form.decode(), dtype=torch.bool)


def _masked(layer: Layer, form: Encoded, small: Shrunk) -> Encoded:
    """The form whose mask also removes what channels that went would read or be read by."""
    outputs, inputs = (torch.from_numpy(side) for side in narrowing.stays(layer, small))
    if layer.groups > 1 or bool(outputs.all() and inputs.all()):
        return form
    mask = _mask(form) & outputs[:, None] & inputs.repeat_interleave(layer.kernel)
    return Sparse(mask, form.values if isinstance(form, Sparse) else form)


def _sides(known: tuple[Layer, ...], small: Shrunk) -> dict[str, tuple[Tensor, ...]]:
    """Parameter -> places of its first dimensions that the smaller model has."""
    sides: dict[str, tuple[Tensor, ...]] = {}
    for layer in known:
        outputs, inputs = (torch.from_numpy(np.flatnonzero(side)) for side in narrowing.stays(layer, small))
        sides[layer.parameter] = (outputs, inputs) if layer.groups == 1 else (outputs,)
        sides[layer.parameter.removesuffix("weight") + "bias"] = (outputs,)
    return sides
