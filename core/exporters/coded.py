"""Weights that a runtime makes of what is stored when it needs them: whole numbers, shared values, small floats."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.encoding import Affine, Codebook, Encoded, Rounded, Sparse

FEW = 16  # values of a code of four bits


class Whole(NamedTuple):
    """Whole numbers q with value = q * scale + offset. codes: int8 or uint8 (out, in).

    scale, offset: (1 or out, blocks); no offset is 0. block: columns that share a scale. bits: of a code.
    """

    codes: Tensor
    scale: Tensor
    offset: Tensor | None
    block: int
    bits: int


def whole(stored: Encoded) -> Whole | None:
    """The whole numbers of a form on an even grid; None where it is another, or removed weights are on no code."""
    values = stored.values if isinstance(stored, Sparse) else stored
    if not isinstance(values, Affine) or (isinstance(stored, Sparse) and values.offset is not None):
        return None
    if values.offset is not None:
        return Whole(values.codes, values.scale, values.offset, values.block, values.width)
    codes = (values.codes.to(torch.int16) - values.zero).to(torch.int8)
    return Whole(codes, values.scale, None, values.block, values.width)


class Even(nn.Module):
    """A weight by DequantizeLinear, in ONNX. held: the whole numbers. shape: of the weight."""

    def __init__(self, held: Whole, shape: torch.Size) -> None:
        super().__init__()
        self.shape, self.block = shape, held.block if held.scale.shape[1] > 1 else 0
        name = "codes4" if held.bits <= 4 else "codes"
        codes = held.codes if self.block else held.codes.view(shape)
        self.register_buffer(name, codes.contiguous())
        scale = held.scale if self.block else held.scale.flatten()
        if self.block and len(scale) == 1:
            scale = scale.expand(len(codes), -1)
        self.register_buffer("scale", (scale[0] if scale.numel() == 1 else scale).contiguous())
        wide = held.offset is not None
        self.register_buffer("offset", _spread(held.offset, held, shape) if wide else None)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is left of the float weight: nothing."""
        return weight.new_empty(0)

    def forward(self, nothing: Tensor) -> Tensor:
        """The float32 weight."""
        codes = self._buffers.get("codes4", self._buffers.get("codes"))
        how = {"axis": 1, "block_size": self.block} if self.block else {"axis": 0}
        how = how if self.scale.dim() else {}
        weight = torch.onnx.ops.symbolic(
            "DequantizeLinear", (codes, self.scale), how, dtype=torch.float32, shape=codes.shape, version=OPSET
        )
        if self.block:
            weight = weight.reshape(self.shape)
        return weight if self.offset is None else weight + self.offset


def _spread(offset: Tensor, held: Whole, shape: torch.Size) -> Tensor:
    """The offset in a shape that adds to the weight."""
    if offset.shape[1] == 1:
        return offset.view(-1, *(1,) * (len(shape) - 1))
    wide = offset.repeat_interleave(held.block, 1)[:, : held.codes.shape[1]]
    return wide.expand(held.codes.shape).reshape(shape).contiguous()


class Shared(nn.Module):
    """A weight looked up in its levels; what a mask removes has a level of 0."""

    def __init__(self, book: Codebook, mask: Tensor | None, shape: torch.Size) -> None:
        super().__init__()
        levels, codes = book.levels, book.codes
        if mask is not None:
            codes = codes.masked_fill(~mask, levels.shape[1])
            levels = torch.cat([levels, torch.zeros(len(levels), 1)], 1)
        self.shape = shape
        self.register_buffer("codes4" if levels.shape[1] <= FEW else "codes", codes.contiguous())
        self.register_buffer("levels", levels.contiguous())
        self.register_buffer("scale", book.scale)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is left of the float weight: nothing."""
        return weight.new_empty(0)

    def forward(self, nothing: Tensor) -> Tensor:
        """The float32 weight."""
        codes = self._buffers.get("codes4", self._buffers.get("codes")).long()
        weight = self.levels.flatten()[codes] if len(self.levels) == 1 else self.levels.gather(1, codes)
        return (weight if self.scale is None else weight * self.scale).reshape(self.shape)


class Small(nn.Module):
    """A weight of floats of fewer bits."""

    def __init__(self, rounded: Rounded, mask: Tensor | None, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("values", rounded.codes.contiguous())
        self.register_buffer("scale", rounded.scale)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is left of the float weight: nothing."""
        return weight.new_empty(0)

    def forward(self, nothing: Tensor) -> Tensor:
        """The float32 weight."""
        values = self.values.float()
        return (values if self.scale is None else values * self.scale).reshape(self.shape)


def expressed(stored: Encoded, shape: torch.Size) -> nn.Module | None:
    """A module that makes the weight of what is stored; None where plain floats say it as well."""
    held = whole(stored)
    if held is not None:
        return Even(held, shape)
    mask = stored.mask if isinstance(stored, Sparse) else None
    values = stored.values if mask is not None else stored
    blocks = getattr(values, "scale", None)
    if type(values) not in MAKERS or (blocks is not None and blocks.shape[1] > 1):
        return None
    fits = not isinstance(values, Codebook) or values.levels.shape[1] + (mask is not None) <= 256
    return MAKERS[type(values)](values, mask, shape) if fits else None


OPSET = 21  # the first with whole numbers of four bits and blocks of columns
MAKERS: dict[type, Callable[..., nn.Module]] = {Codebook: Shared, Rounded: Small}
