"""What a training step brings down: errors against labels, and against the answers of a teacher."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Batch(NamedTuple):
    """Images (n, ...) with their labels (n,), and the teacher's logits for them (n, classes) where there is one."""

    inputs: Tensor
    labels: Tensor
    taught: Tensor | None = None


class Aim(NamedTuple):
    """alpha: share of the labels' loss, [0, 1]; the rest is the teacher's. temperature: that softens both answers."""

    alpha: float = 1.0
    temperature: float = 4.0


def loss(logits: Tensor, batch: Batch, aim: Aim) -> Tensor:
    """alpha CE + (1 - alpha) T^2 KL(teacher || student) at temperature T, in nats a image. Hinton et al. 2015,
    arXiv:1503.02531; labels are not read at alpha 0, no teacher at alpha 1."""
    total = logits.new_zeros(())
    if aim.alpha > 0:
        total = total + aim.alpha * functional.cross_entropy(logits, batch.labels)
    if aim.alpha < 1:
        total = total + (1 - aim.alpha) * taught(logits, batch.taught, aim.temperature)
    return total


def taught(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of answers softened by T: T^2 keeps the gradients' size whatever T is."""
    mine, theirs = (functional.log_softmax(side / temperature, 1) for side in (logits, teacher))
    return temperature**2 * functional.kl_div(mine, theirs, reduction="batchmean", log_target=True)


def softened(logits: Tensor, temperature: float) -> Tensor:
    """The probabilities that logits stand for at a temperature, (n, classes): 1 leaves them, more evens them out."""
    return functional.softmax(logits / temperature, 1)


def aimed(logits: Tensor, label: int, aim: Aim) -> Tensor:
    """The probabilities that `loss` draws an image's answer towards, (classes,): alpha of its label, the rest softened.

    logits: the teacher's, (1, classes).
    """
    mine = torch.zeros(logits.shape[1], dtype=logits.dtype)
    mine[label] = 1.0
    return aim.alpha * mine + (1 - aim.alpha) * softened(logits, aim.temperature)[0]


Loss = Callable[[Tensor, Batch], Tensor]
