"""A model with three hundred layers for the tests of the page."""

from collections import OrderedDict

import torch
from torch import nn


def model() -> nn.Module:
    """Linear layers in blocks of ten, every tenth block wider."""
    torch.manual_seed(0)
    blocks, width = OrderedDict(), 784
    for block in range(30):
        layers = []
        for _ in range(10):
            wide = 24 if block % 10 else 32
            layers.append(nn.Linear(width, wide))
            width = wide
        blocks[f"block{block}"] = nn.Sequential(*layers)
    blocks["block29"][9] = nn.Linear(width, 10)
    return nn.Sequential(OrderedDict(flat=nn.Flatten(), **blocks))
