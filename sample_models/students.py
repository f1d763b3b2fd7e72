"""Smaller networks of the samples' kinds, untrained: what a sample's knowledge can be distilled into."""

import inspect
import re

import torch
from torch import nn

from sample_models.catalog import SAMPLES

MARK = "@"
PATTERN = re.compile(r"(?P<name>\w+)@(?P<width>\d*\.?\d+)(x(?P<depth>\d*\.?\d+))?")


def student_name(name: str, width: float, depth: float = 1.0) -> str:
    """What a smaller network of a sample is called, such as 'digits_vit@0.5x0.25' of half the width and a quarter deep.

    ValueError where there is no such sample, no such factor, or no block that a depth could leave out.
    """
    if name not in SAMPLES:
        raise ValueError(f"model '{name}' is no sample, expected one of {', '.join(SAMPLES)} for a width or a depth")
    for what, factor in (("width", width), ("depth", depth)):
        if not 0 < factor <= 1:
            raise ValueError(f"{what} is {factor!r}, expected a factor in (0, 1]")
    if depth != 1 and not has_depth(name):
        deep = [each for each in SAMPLES if has_depth(each)]
        raise ValueError(f"depth is {depth!r}, but '{name}' has no blocks to leave out; {' and '.join(deep)} have")
    return f"{name}{MARK}{width:g}" + (f"x{depth:g}" if depth != 1 else "")


def has_depth(name: str) -> bool:
    """Whether a sample has blocks that a smaller network can leave out."""
    return name in SAMPLES and "depth" in inspect.signature(SAMPLES[name].build).parameters


def sample_of(name: str) -> str | None:
    """The sample that a name such as 'lenet5@0.5' is a smaller network of; None where it is another kind of name."""
    found = PATTERN.fullmatch(name)
    return found["name"] if found and found["name"] in SAMPLES else None


def student(name: str) -> nn.Module:
    """The untrained network of a name that `student_name` made, the same at every call; ValueError as there."""
    found = PATTERN.fullmatch(name)
    factors = {part: float(found[part]) for part in ("width", "depth") if found[part] is not None}
    student_name(found["name"], **factors)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return SAMPLES[found["name"]].build(**factors)
