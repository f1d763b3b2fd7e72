"""Biases that give compressed layers the mean outputs of the dense ones."""

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from core.layer import Layer
from core.seen import Calibration
from core.seen.watching import place


def corrected(
    known: tuple[Layer, ...], state: Mapping[str, Tensor], compressed: tuple[Mapping[str, Tensor], Calibration]
) -> dict[str, Tensor]:
    """The biases with which each changed layer's mean output on the calibration images is the dense layer's again.

    By parameter name; a layer without a bias, that shares its bias or its weight with another, or whose inputs are not
    known, has none. For the dense layer's inputs: Nagel et al. 2019, arXiv:1906.04721. state: the dense model's.
    compressed: the changed weights by parameter, and what the layers see.
    """
    found, (changed, seen) = {}, compressed
    names = Counter(place(tensor) for tensor in state.values())
    for layer in known:
        name = layer.parameter.removesuffix("weight") + "bias"
        own = name in state and names[place(state[name])] == names[place(state[layer.parameter])] == 1
        if layer.parameter in changed and own and not seen.refusal(layer.name, multiplied=True):
            mean = seen.at(layer.name).mean  # (groups, in)
            if not bool(torch.isfinite(mean).all()):
                raise ValueError(
                    f"layer '{layer.name}': the mean of its inputs on the calibration images is not finite; leave bias "
                    "at 'keep' or mend the model"
                )
            lost = (layer.matrix - layer.matrix_of(changed[layer.parameter])).double()
            rows = lost.reshape(len(mean), -1, lost.shape[1])
            found[name] = (state[name].double() + (rows @ mean[:, :, None]).flatten()).to(state[name].dtype)
    return found
