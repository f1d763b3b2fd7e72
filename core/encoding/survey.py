"""Codes counted, and stored as a stream where that is smaller than what they are stored as otherwise."""

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.encoding.forms import ANS, BYTES, FLOATS, Layout, Survey
from core.encoding.packing import pack
from core.encoding.streams import plan_codes, write_codes


class Counted(Protocol):
    """A form with a code a weight."""

    whole: Survey

    def symbols(self) -> tuple[Tensor, int]:
        """The codes as whole numbers, (out, in), and how many different ones there can be, 2^bits."""

    def survey(self, mask: Tensor) -> Survey:
        """What is counted of the codes that the mask keeps."""

    def plain(self, kept: Survey) -> tuple[str, str, tuple[int, ...]]:
        """Name, type and shape of the codes where no stream is smaller."""


def surveyed(symbols: Tensor, size: int, mask: Tensor | None) -> Survey:
    """What is counted of those symbols, whole numbers below `size`, that the mask keeps; of all where there is none."""
    held = _taken(symbols, mask)
    if held.itemsize > 1 or not held.size:
        return Survey(held.size, np.bincount(held.view(f"u{held.itemsize}"), minlength=size))
    stream, counts = plan_codes(held, size)
    return Survey(held.size, counts, stream)


def code_layout(coded: Counted, kept: Survey | None) -> Layout:
    """The layout of the codes that `kept` counts, of all where it is None."""
    kept = kept or coded.whole
    name, kind, shape = coded.plain(kept)
    if kept.stream and kept.stream.size < BYTES[kind] * math.prod(shape):
        return {name + ANS: ("U8", (kept.stream.size,))}
    return {name: (kind, shape)}


def code_tensor(coded: Counted, mask: Tensor | None) -> dict[str, Tensor]:
    """The tensor that `code_layout` states."""
    kept = coded.whole if mask is None else coded.survey(mask)
    symbols, size = coded.symbols()
    held = _taken(symbols, mask)
    ((name, (kind, shape)),) = code_layout(coded, kept).items()
    if name.endswith(ANS):
        return {name: write_codes(kept.stream, held, size)}
    codes = torch.from_numpy(held)
    return {name: pack(codes, size.bit_length() - 1) if kind == "U8" else codes.view(TYPES[kind]).view(shape)}


def _taken(symbols: Tensor, mask: Tensor | None) -> np.ndarray:
    """Those that the mask keeps, flat; numpy takes a tenth of torch's time for it."""
    flat = symbols.numpy().ravel()
    return flat if mask is None else flat.take(np.flatnonzero(mask.numpy()))


TYPES = {name: kind for kind, name in FLOATS.items()}
