"""Compresses a model's weights as one recipe does, with PyTorch alone.

In Python: model.load_state_dict(compress(model.state_dict()))
On the command line: python compress.py weights.pt compressed.pt
"""

import sys
from pathlib import Path

import torch

LAYERS = {}  # weight -> (what is done, its numbers), one after another
VALUES = Path(__file__).with_name("values.pt")  # what rests on images or on more than a few lines, where there is any


def compress(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict with the weights of LAYERS compressed, and with the tensors of VALUES."""
    state = dict(state)
    for name, steps in LAYERS.items():
        matrix = state[name].flatten(1).float()  # (out, in * kernel)
        mask = torch.ones_like(matrix, dtype=torch.bool)
        for step, numbers in steps:
            matrix, mask = STEPS[step](matrix, mask, **numbers)
        state[name] = (matrix * mask).view(state[name].shape).to(state[name].dtype)
    return state | (torch.load(VALUES, weights_only=True) if VALUES.exists() else {})


def prune(matrix, mask, count):
    """Removes the `count` smallest |w|."""
    mask.view(-1)[matrix.abs().flatten().argsort(stable=True)[:count]] = False
    return matrix * mask, mask


def low_rank(matrix, mask, rank):
    """Keeps the largest `rank` singular values."""
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    return (left[:, :rank] * values[:rank] @ right[:rank]).float(), mask


def symmetric(matrix, mask, bits, block):
    """Rounds to whole multiples of a scale for each row of each block of columns, of all where block is None."""
    top = 2 ** (bits - 1) - 1
    parts = []
    for part in matrix.split(block or matrix.shape[1], 1):
        scale = (part.abs().amax(1, keepdim=True) if block else part.abs().amax()) / top
        scale = torch.where(scale < torch.finfo(scale.dtype).tiny, 1.0, scale)
        parts.append((part / scale).round().clamp(-top, top) * scale)
    return torch.cat(parts, 1), mask


def affine(matrix, mask, bits, block):
    """Rounds to 2^bits values spread evenly from the smallest to the largest survivor."""
    size = block or matrix.shape[1]
    parts = []
    for part, kept in zip(matrix.split(size, 1), mask.split(size, 1), strict=True):
        low, high = part.masked_fill(~kept, torch.inf), part.masked_fill(~kept, -torch.inf)
        low, high = (low.amin(1, keepdim=True), high.amax(1, keepdim=True)) if block else (low.amin(), high.amax())
        low, high = torch.where(low > high, 0.0, low), torch.where(low > high, 0.0, high)
        scale = (high - low) / (2**bits - 1)
        scale = torch.where(scale < torch.finfo(scale.dtype).tiny, 1.0, scale)
        parts.append(((part - low) / scale).round().clamp(0, 2**bits - 1) * scale + low)
    return torch.cat(parts, 1), mask


def floats(matrix, mask, kind):
    """Rounds to floats of 16 bits."""
    return matrix.to(getattr(torch, kind)).float(), mask


STEPS = {step.__name__: step for step in (prune, low_rank, symmetric, affine, floats)}

if __name__ == "__main__":
    torch.save(compress(torch.load(sys.argv[1], weights_only=True)), sys.argv[2])
