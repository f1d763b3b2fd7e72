"""What a layer takes in, rounded to an integer grid: where the grid lies, and runs in which inputs are rounded."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.encoding import Grid
from core.seen import Seen
from core.seen.watching import USES, called, place

CHUNK = 2**17  # numbers rounded at a time: they stay in the cache from the first operation to the last


def grid(seen: Seen, bits: int) -> Grid:
    """The grid over all that a layer takes in on the calibration images, and 0. Jacob et al. 2018, arXiv:1712.05877.

    ValueError where the layer has no inputs that multiply its weight, or not only finite ones.
    """
    low, high, top = min(0.0, seen.ranges.low), max(0.0, seen.ranges.high), 2**bits - 1
    if not bool(torch.isfinite(seen.mean).all()) or not math.isfinite(high - low):
        raise ValueError(
            f"layer '{seen.layer.name}': its inputs on the calibration images are not all finite; leave its "
            "inputs_bits at 32 or mend the model"
        )
    least = torch.finfo(torch.float32).tiny  # of a layer that saw nothing but zeros
    scale = float(torch.tensor(max((high - low) / top, least)))
    return Grid(scale, min(top, round(-low / scale)), bits)


def rounded(given: Tensor, on: Grid) -> Tensor:
    """Inputs with each number at the nearest of the grid's; what is no number stays so.

    Gradients pass straight through, as if nothing were rounded. Bengio et al. 2013, arXiv:1308.3432.
    """
    if torch.is_grad_enabled() and given.requires_grad:
        free = given.detach()
        return given + (rounded(free, on) - free)
    out = torch.empty_like(given)
    rows = max(1, CHUNK * len(given) // max(1, given.numel()))
    for part, numbers in zip(out.split(rows), given.split(rows), strict=True):
        torch.div(numbers, on.scale, out=part).round_().clamp_(-on.zero, 2**on.bits - 1 - on.zero).mul_(on.scale)
    return out


@dataclass(eq=False)
class _Rounding(TorchFunctionMode):
    """Rounds what multiplies some weights, in this thread alone; leaves nothing behind. grids: by the weight's id."""

    grids: Mapping[int, Grid]

    def __torch_function__(
        self, function: Callable, types: tuple, args: tuple = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        kwargs = kwargs or {}
        if function not in MULTIPLYING:
            return function(*args, **kwargs)
        arguments = dict(zip(MULTIPLYING[function], args, strict=False)) | kwargs
        on = self.grids.get(id(arguments.get("weight")))
        if on is not None:
            arguments["input"] = rounded(arguments["input"], on)
        return called(function, arguments, len(args))


def rounding(model: nn.Module, tensors: Mapping[str, Tensor], grids: Mapping[str, Grid]) -> AbstractContextManager:
    """A context in which a model takes its inputs on grids, by parameter name; nothing is rounded where there are none.

    tensors: those that stand in for the model's own, by name.
    """
    if not grids:
        return nullcontext()
    state = model.state_dict(keep_vars=True)
    places = {place(state[name]): on for name, on in grids.items()}
    own = {name: on for name, tensor in state.items() if (on := places.get(place(tensor)))}
    return _Rounding({id(tensor): on for name, on in own.items() for tensor in (state[name], tensors.get(name))})


MULTIPLYING = {function: names for function, (kind, names) in USES.items() if kind != "Embedding"}
