"""AdamW on named tensors that steps in shares of each tensor's size; its moments go into checkpoints."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8
DECAYED = ":values"  # what weight decay is meant for: weights, not scales, levels, biases or norms
LOGARITHM = ":growth"  # what is learned as a logarithm, so that its steps are shares already
LEAST = 1e-2  # size that a tensor near 0 is taken to have
FINE = 0.25  # of the others' rate: a scale moves all of its weights at once


@dataclass(frozen=True, eq=False)
class Moments:
    """Of each named tensor the running mean of its gradient, of its square, and how many steps there were; written to
    at every step. sizes: root mean squares at the beginning."""

    first: dict[str, Tensor]
    second: dict[str, Tensor]
    counts: dict[str, Tensor]
    sizes: dict[str, Tensor]


def moments(tensors: Mapping[str, Tensor]) -> Moments:
    """No steps made yet."""
    zeros = [{name: torch.zeros_like(tensor) for name, tensor in tensors.items()} for _ in range(2)]
    counts = {name: torch.zeros(()) for name in tensors}
    return Moments(*zeros, counts, {name: _size(name, tensor) for name, tensor in tensors.items()})


def _size(name: str, tensor: Tensor) -> Tensor:
    if name.endswith(LOGARITHM):
        return torch.tensor(FINE)
    return tensor.square().mean().sqrt().clamp(min=LEAST) if tensor.numel() else torch.tensor(LEAST)


def step(
    tensors: Mapping[str, Tensor], slopes: Mapping[str, Tensor], held: Moments, rates: tuple[float, float]
) -> None:
    """Move the tensors against their gradients, by about `rate` times their size. rates: of learning and of decay.

    Loshchilov & Hutter 2017, arXiv:1711.05101.
    """
    rate, decay = rates
    moving = [name for name, tensor in tensors.items() if tensor.numel()]
    torch._foreach_add_([held.counts[name] for name in moving], 1)
    for name in moving:  # torch's `adamw` around this kernel would cost as much as a small tensor's step
        torch._fused_adamw_(
            [tensors[name]],
            [slopes[name]],
            [held.first[name]],
            [held.second[name]],
            [],
            [held.counts[name]],
            lr=rate * float(held.sizes[name]),
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=decay if name.endswith(DECAYED) else 0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


def transplanted(held: Moments, names: Iterable[str], move: Callable[[Tensor], Tensor]) -> Moments:
    """The moments with those of some tensors taken through `move`, as where other weights take their places."""
    chosen = set(names)
    sides = [{n: move(t) if n in chosen else t for n, t in side.items()} for side in (held.first, held.second)]
    return Moments(*sides, held.counts, held.sizes)


def as_tensors(held: Moments) -> dict[str, Tensor]:
    """The moments under names of their own."""
    sides = {"first": held.first, "second": held.second, "count": held.counts, "size": held.sizes}
    return {f"{side}/{name}": tensor for side, own in sides.items() for name, tensor in own.items()}


def from_tensors(tensors: Mapping[str, Tensor]) -> Moments:
    """The moments again."""
    sides = [
        {name.partition("/")[2]: tensor for name, tensor in tensors.items() if name.partition("/")[0] == side}
        for side in ("first", "second", "count", "size")
    ]
    return Moments(*sides)
