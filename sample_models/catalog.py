"""The samples that ship with trained weights."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from sample_models.networks import DigitsCNN, DigitsResNet, DigitsViT, LeNet5, LeNet300100

HERE = Path(__file__).parent
CARDS = HERE / "cards.json"
LEARNED_FROM = "MNIST training images other than the 5,000 digits"


@dataclass(frozen=True)
class Sample:
    """A network with shipped weights: how to build it, the data it is measured on, one sentence for the picker."""

    name: str
    build: Callable[[], nn.Module]
    data: str
    about: str


def load(name: str) -> nn.Module:
    """The trained sample, in eval mode, asking for no gradients."""
    sample = _sample(name)
    with torch.device("meta"):  # no random initial weights: the caller's random state stays as it was
        net = sample.build()
    net = net.to_empty(device="cpu")
    net.load_state_dict(load_file(weights_path(name)), strict=True)
    return net.eval().requires_grad_(False)


def weights_path(name: str) -> Path:
    """The shipped safetensors file of a sample."""
    return HERE / "weights" / f"{_sample(name).name}.safetensors"


def card(name: str) -> dict[str, str | float | int]:
    """How a sample was trained and how good it is; accuracies are fractions in [0, 1]."""
    return json.loads(CARDS.read_text())[_sample(name).name]


def _sample(name: str) -> Sample:
    if name not in SAMPLES:
        raise ValueError(f"unknown sample {name!r}, expected one of {', '.join(SAMPLES)}")
    return SAMPLES[name]


SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            "digits_cnn",
            DigitsCNN,
            "digits",
            "Two convolutions and a wide linear layer that holds 99 % of the weights: much to prune.",
        ),
        Sample(
            "lenet_300_100",
            LeNet300100,
            "digits",
            "Three linear layers, the first network of the pruning papers.",
        ),
        Sample(
            "lenet5",
            LeNet5,
            "digits",
            "Two 5x5 convolutions and two linear layers, the convolutional network of the pruning papers.",
        ),
        Sample(
            "digits_resnet",
            DigitsResNet,
            "digits",
            "A small residual network with batch norms and a depthwise convolution: little to spare.",
        ),
        Sample(
            "digits_vit",
            DigitsViT,
            "digits",
            "A small vision transformer: attention and linear layers on sixteen patches.",
        ),
    )
}
