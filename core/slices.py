"""Steps that make large activations run on some of a batch's images at a time, so that what they make stays cached."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, fx

from core.tracing import Live, Trace, advance, start

CACHED = 4 * 2**20  # bytes of an activation that the next step still finds in the cache
CLOSE = 1e-4  # of the largest output: sums in another order


class Slices(NamedTuple):
    """parts: that a batch is cut into up to step `end`. cuts: the steps before which all that is held can be cut."""

    parts: int
    end: int
    cuts: frozenset[int]


def slices(traced: Trace, sample: Tensor, batch: int) -> Slices | None:
    """How to cut batches of that many images; None where no activation is too large, or images need each other.

    sample: two images or more, on which the model must give the same outputs image by image.
    """
    live, count = start(traced, sample.clone()), len(traced.nodes) - 1
    made, held, cuts = [], [_bytes(sample)], {0}
    for step in range(count):
        advance(traced, {}, live, (step, step + 1))
        made.append(_bytes(_activations(live).get(traced.nodes[step])))
        held.append(sum(map(_bytes, _activations(live).values())))
        if _can_be_cut(live, len(sample)):
            cuts.add(step + 1)
    room = CACHED * len(sample) // batch
    large = [step for step, size in enumerate(made) if size > room]
    ends = [cut for cut in sorted(cuts) if large and cut > large[-1] and held[cut] <= room]
    if not ends:
        return None
    found = Slices(min(batch, -(-max(made) // room)), ends[0], frozenset(cuts))
    return found if _same(traced, sample, found._replace(parts=len(sample))) else None


Work = tuple[Trace, Mapping[str, Tensor]]


def advance_by(how: Slices | None, work: Work, live: Live, span: tuple[int, int]) -> object:
    """As `tracing.advance` does, in slices as far as they go. work: the steps, and the tensors that changed."""
    begin, stop = span
    end = min(stop, how.end) if how else begin
    if how is None or begin >= end or not {begin, end} <= how.cuts:
        return advance(*work, live, span)
    parts = _cut(live, how.parts)
    for part in parts:
        advance(*work, part, (begin, end))
    live.clear()
    live.update({node: _joined(node, [part[node] for part in parts]) for node in parts[0]})
    return advance(*work, live, (end, stop))


def _cut(live: Live, parts: int) -> list[Live]:
    """What is held of some of the images each; parameters go to all."""
    images = len(next(iter(_activations(live).values())))
    each = -(-images // parts)
    return [
        {node: held if node.op == "get_attr" else held[first : first + each] for node, held in live.items()}
        for first in range(0, images, each)
    ]


def _joined(node: fx.Node, parts: list[Tensor]) -> Tensor:
    return parts[0] if node.op == "get_attr" else torch.cat(parts)


def _can_be_cut(live: Live, images: int) -> bool:
    """Whether all that is held but the parameters is a tensor with a row an image."""
    made = _activations(live).values()
    return bool(made) and all(isinstance(held, Tensor) and held.dim() > 0 and len(held) == images for held in made)


def _activations(live: Live) -> Live:
    """All that is held but the parameters."""
    return {node: held for node, held in live.items() if node.op != "get_attr"}


def _same(traced: Trace, sample: Tensor, how: Slices) -> bool:
    """Whether the sample's outputs are the same in slices."""
    span = (0, len(traced.nodes))
    whole = advance(traced, {}, start(traced, sample.clone()), span)
    try:
        apart = advance_by(how, (traced, {}), start(traced, sample.clone()), span)
    except (RuntimeError, ValueError, IndexError):  # a forward that counts on its number of images
        return False
    return whole.shape == apart.shape and bool((whole - apart).abs().max() <= CLOSE * whole.abs().max())


def _bytes(held: object) -> int:
    return held.nbytes if isinstance(held, Tensor) else 0
