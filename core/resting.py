"""What lies beside the compressible weights, such as biases and norms, in fewer bits."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from core.coding import CODERS
from core.encoding import Coded, Encoded, Sparse
from core.layer import Layer
from core.recipe import Settings


def rested(
    model: nn.Module,
    known: tuple[Layer, ...],
    beside: tuple[str, Mapping[str, Tensor]],
    sides: Mapping[str, np.ndarray],
) -> tuple[dict[str, Encoded], dict[str, Tensor]]:
    """The encoded forms of the parameters that are no layer's weight, each a row, and the tensors that they decode to.

    beside: how, a name in SETTINGS, and tensors that stand for the model's own. sides: which numbers of a parameter
    count, bool (n,); the others become 0, and no 0 is stored. Numbers that a form cannot hold stay as they are.
    """
    how, given = beside
    forms, tensors = {}, {}
    for name in names(model, known):
        tensor = given.get(name, model.state_dict()[name]).detach()
        if name in sides:
            tensor = tensor * torch.from_numpy(sides[name])
        form = _form(tensor.reshape(1, -1), SETTINGS[how])
        if form is not None:
            forms[name], tensors[name] = form, form.decode().reshape(tensor.shape)
    return forms, tensors


def names(model: nn.Module, known: tuple[Layer, ...]) -> list[str]:
    """The parameters that are no layer's weight and can be stored in fewer bits, each under its first name."""
    own = {layer.parameter for layer in known}
    return [n for n, t in model.named_parameters() if n not in own and t.dtype == torch.float32 and t.numel() > 1]


def is_rested(form: Encoded, how: str) -> bool:
    """Whether a form is one that `rested` makes, to its bits."""
    held = form.values if isinstance(form, Sparse) else form
    if how == "keep" or not isinstance(held, Coded):
        return False
    return held.precision == "float16" if how == "float16" else held.symbols()[1] == 2 ** SETTINGS[how].bits


def _form(row: Tensor, settings: Settings) -> Coded | Sparse | None:
    """A row in the form of the Settings, without its zeros; None where it cannot be held."""
    if not bool(torch.isfinite(row).all()):
        return None
    mask = None if bool((row != 0).all()) else row != 0
    coded = CODERS[settings.coder](row, mask, settings)
    if not coded.finite():
        return None
    return coded if mask is None else Sparse(mask, coded)


SETTINGS = {
    "float16": Settings(bits=16, coder="float16", group="tensor"),
    "int8": Settings(bits=8, group="tensor"),
    "int6": Settings(bits=6, group="tensor"),
}
