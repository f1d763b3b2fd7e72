"""How good outputs are, an image at a time: what a model answers decides which figure is taken."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

IGNORED = -100  # the target of a token that is not asked for, as torch's cross-entropy has it


@dataclass(frozen=True, eq=False)
class Metric:
    """A figure of each image, whose mean over images is shown.

    values: (outputs, targets) -> (images,). shown: the mean as it is shown, as exp for a perplexity.
    """

    name: str
    values: Callable[[Tensor, Tensor], Tensor]
    shown: Callable[[float], float] = float


def task(targets: Tensor) -> str:
    """What the targets ask for: 'classes' (N,), 'tokens' (N, length) or, where they are no whole numbers, 'numbers'."""
    if targets.is_floating_point():
        return "numbers"
    return "classes" if targets.dim() == 1 else "tokens"


def rows(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """A row of logits for each answer and its label, (answers, classes) and (answers,): an image's, or its tokens'."""
    if targets.dim() == 1:
        return outputs, targets
    asked = targets.flatten() != IGNORED
    return outputs.flatten(0, 1)[asked], targets.flatten()[asked]


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum over images of what training would make small: cross-entropy in nats, or the mean square of errors."""
    if task(targets) == "numbers":
        return squared(outputs, targets).sum()
    logits, labels = rows(outputs, targets)
    return functional.cross_entropy(logits, labels, reduction="sum")


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean square of an image's errors, (images,)."""
    return (outputs.reshape(len(targets), -1) - targets.reshape(len(targets), -1)).square().mean(1)


def by_token(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over an image's tokens of their cross-entropy in nats, (images,); 0 where none is asked for."""
    found = functional.cross_entropy(outputs.mT, targets, reduction="none", ignore_index=IGNORED)
    return found.double().sum(1) / (targets != IGNORED).sum(1).clamp(min=1)


def first(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of an image's answers that are right, (images,)."""
    return _among(outputs, targets, 1)


def top5(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of an image's answers whose label is among the five likeliest, (images,)."""
    return _among(outputs, targets, 5)


def _among(outputs: Tensor, targets: Tensor, most: int) -> Tensor:
    top = outputs.topk(min(most, outputs.shape[-1]), -1).indices if most > 1 else outputs.argmax(-1, keepdim=True)
    right = (top == targets[..., None]).any(-1).reshape(len(targets), -1)
    return right.sum(1).double() / (targets.reshape(len(targets), -1) != IGNORED).sum(1).clamp(min=1)


def default(targets: Tensor) -> tuple[Metric, ...]:
    """The metrics that are taken unless told otherwise; none for classes, whose answers are counted."""
    return tuple(METRICS[name] for name in DEFAULTS[task(targets)])


def exp(mean: float) -> float:
    """e to the mean; infinite where a float cannot hold it."""
    return math.exp(mean) if mean < 700 else math.inf


def checked(metric: Metric, outputs: Tensor, targets: Tensor) -> Tensor:
    """The values, (images,) float64; ValueError where the metric gives others."""
    try:
        found = metric.values(outputs, targets)
    except Exception as error:  # a stranger's function may raise anything
        raise ValueError(f"metric '{metric.name}' cannot take outputs {tuple(outputs.shape)} ({error})") from None
    if not isinstance(found, Tensor) or tuple(found.shape) != (len(targets),):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"metric '{metric.name}' gives {shape}, expected a number an image, ({len(targets)},)")
    return found.detach().double().cpu()


METRICS = {
    "top1": Metric("top1", first),
    "top5": Metric("top5", top5),
    "mse": Metric("mse", squared),
    "perplexity": Metric("perplexity", by_token, exp),
}
FOR = {"top1": ("classes", "tokens"), "top5": ("classes", "tokens"), "mse": ("numbers",), "perplexity": ("tokens",)}
DEFAULTS = {"classes": (), "tokens": ("perplexity", "top1"), "numbers": ("mse",)}
