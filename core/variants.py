"""A compressed model as modules that torch executes: decoded, in thin layers for its factors, or with int8 kernels."""

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import dynamic

from core import encoding
from core.encoding import Affine, Coded, Encoded, Factored, Kept, Rounded, Sparse, bare
from core.layer import Layer, place
from core.layouts import laid_out
from core.pipeline import Applied, Study
from core.replacing import swapped
from core.thin import CONVOLUTIONS, plain, thin_layers


class Place(NamedTuple):
    """Where a model runs a layer: name and module of one that holds its weight."""

    layer: Layer
    name: str
    module: nn.Module


@dataclass(frozen=True, eq=False)
class Built:
    """A module of its own to run. about: what torch executes. exact: whether it computes the logits of the compressed
    weights but for the rounding of float32; otherwise it rounds more, to what `about` says. Inputs are not rounded to
    the grids of a recipe: no kernel of torch's takes them."""

    module: nn.Module
    about: str
    exact: bool = True


def dense(study: Study, applied: Applied) -> Built:
    """A copy of the model as it was."""
    return Built(_ready(study, copy.deepcopy(study.loaded.model)), "the model as it was, float32")


def decoded(study: Study, applied: Applied) -> Built:
    """The model with the compressed weights decoded to float32: what runs where torch has no kernel for a form."""
    return Built(
        _ready(study, twin(study, applied)), "the compressed weights decoded to float32, in the model's own layers"
    )


def low_rank(study: Study, applied: Applied) -> Built | str:
    """The model with two or three thin layers in place of each that is stored as a product."""
    whole = twin(study, applied)
    found = [own for own in places(study, whole) if isinstance(bare(applied.encoded[own.layer.name]), Factored)]
    if not found:
        return "no layer is stored as a product of factors that a module of its own could run; lower a rank"
    thin = {own.name: thin_layers(own.module, bare(applied.encoded[own.layer.name])) for own in found}
    names = _listed([f"{own.layer.name} as {len(thin[own.name])}" for own in found])
    return Built(_ready(study, swapped(whole, thin)), f"thin float32 layers: {names}")


def shrunk(study: Study, applied: Applied) -> Built | str:
    """The model without the channels that are removed everywhere."""
    if applied.small is None:
        return "no layer is to shrink; set the recipe's shrink to 'remove'"
    if not applied.small.outputs:
        return "no channel is removed everywhere, so that no layer is smaller"
    module = _ready(study, copy.deepcopy(applied.small.module))
    return Built(module, f"float32 layers without their removed channels: {_listed(list(applied.small.outputs))}")


def int8(study: Study, applied: Applied) -> Built | str:
    """The model with torch's dynamic int8 kernel in place of each Linear layer.

    Weights are the recipe's own codes where those are whole numbers with one scale a row, otherwise the decoded weights
    rounded to 8 bits a row. Inputs are rounded to 8 bits as they come.
    """
    whole = twin(study, applied)
    linear = [own for own in places(study, whole) if isinstance(own.module, nn.Linear)]
    if not linear:
        return "no Linear layer runs by a module of its own, and torch has no dynamic int8 kernel for other kinds"
    engine = torch.backends.quantized.engine
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch names a successor that is no part of it
            made = {own.name: _int8_linear(own.module, bare(applied.encoded[own.layer.name])) for own in linear}
    except RuntimeError as error:
        return f"torch's int8 engine '{engine}' refuses ({str(error).splitlines()[0]})"
    names = list(dict.fromkeys(own.layer.name for own in linear))
    others = [layer.name for layer in study.known if layer.name not in names]
    about = f"torch's dynamic int8 kernel, engine {engine}: {_listed(names)}"
    return Built(
        _ready(study, swapped(whole, made)), about + (f"; float32: {_listed(others)}" if others else ""), exact=False
    )


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def twin(study: Study, applied: Applied) -> nn.Module:
    """A copy of the model that holds the compressed weights."""
    twin = copy.deepcopy(study.loaded.model)
    twin.load_state_dict(dict(applied.change.tensors), strict=False)
    return twin


def _ready(study: Study, module: nn.Module) -> nn.Module:
    """The module in eval mode, convolutions laid out to run fast where the model takes them so."""
    module.eval().requires_grad_(False)
    for parameter in module.parameters() if study.bench.base else ():
        parameter.data = laid_out(parameter.data)
    return module


def places(study: Study, twin: nn.Module) -> list[Place]:
    """Where layers run by the forward of a plain module, under each of its names."""
    state, found = twin.state_dict(), []
    for layer in study.known:
        if layer.parameter not in state:  # a smaller model has no module that the larger one does not run
            continue
        where = place(state[layer.parameter])
        for name, module in twin.named_modules(remove_duplicate=False):
            weight = module._parameters.get("weight")
            held = weight is not None and place(weight.data) == where
            if held and study.uses.get(layer.name) is not None and plain(module):
                found.append(Place(layer, name, module))
    return found


def _int8_linear(module: nn.Linear, encoded: Encoded) -> nn.Module:
    weight = module.weight.detach().float().contiguous()
    scale = _row_scale(encoded, weight).double()
    codes = torch.quantize_per_channel(weight, scale, torch.zeros(len(scale), dtype=torch.long), 0, torch.qint8)
    made = dynamic.Linear(module.in_features, module.out_features, module.bias is not None, dtype=torch.qint8)
    made.set_weight_bias(codes, None if module.bias is None else module.bias.detach().float())
    return made


def _row_scale(encoded: Encoded, weight: Tensor) -> Tensor:
    """A scale a row, (out,): that of the codes, so that they are kept as they are, or the one that spans the row."""
    leaf = encoded.values if isinstance(encoded, Sparse) else encoded
    if isinstance(leaf, Affine) and leaf.offset is None and leaf.scale.shape[1] == 1:
        scale = leaf.scale[:, 0].expand(len(weight))
    else:
        scale = weight.abs().amax(1) / 127
    return torch.where(scale > 0, scale, 1.0)


def executed(module: nn.Module, sample: Tensor) -> int | None:
    """Multiplications that a module's Linear and Conv layers carry out for one image, zeros among the weights included.

    sample: (1, ...). None where none of them runs. The hooks are gone afterwards.
    """
    counts: list[int] = []

    def count(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        held = layer.weight() if isinstance(layer, dynamic.Linear) else layer.weight
        counts.append(output.numel() // held.shape[0] * math.prod(held.shape))

    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, MULTIPLYING)]
    try:
        with torch.inference_mode():
            module(sample.clone())
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts) if counts else None


def forms(applied: Applied) -> str:
    """What the stored matrices are, in words: 'codes of 4 bits and masks'; '' where all are whole and float32."""
    held = [leaf for encoded in applied.encoded.values() for leaf in encoding.leaves(encoded)]
    leaves = [leaf.values if isinstance(leaf, Kept) else leaf for leaf in held]
    coded = [leaf.values if isinstance(leaf, Sparse) else leaf for leaf in leaves]
    widths = {_code_bits(leaf) for leaf in coded if isinstance(leaf, Coded)}
    words = [f"codes of {' and '.join(map(str, sorted(widths)))} bits"] if widths else []
    words += ["masks"] if any(isinstance(leaf, Sparse) for leaf in leaves) else []
    return " and ".join(words)


def _code_bits(coded: Coded) -> int:
    return 8 * coded.codes.itemsize if isinstance(coded, Rounded) else coded.width


NAMED = 4  # layers, before the rest is counted
MULTIPLYING = (nn.Linear, *CONVOLUTIONS, dynamic.Linear)
Variant = Callable[[Study, Applied], Built | str]
VARIANTS: dict[str, Variant] = {f.__name__: f for f in (dense, decoded, low_rank, shrunk, int8)}
