"""Whether a model can be measured on data: what it takes, what it answers, and what the targets ask for."""

import math

import torch
from torch import Tensor, nn

from core.metrics import FOR, IGNORED, Metric, checked, task


def fitted(model: nn.Module, x: Tensor) -> Tensor:
    """Whole numbers as they are where the model takes them, as token ids, else as float32."""
    if x.is_floating_point():
        return x
    try:
        with torch.no_grad():
            model(x[:2].clone())
    except Exception:  # a model may raise anything for an input it was not made for
        return x.float()
    return x


def check(model: nn.Module, x: Tensor, y: Tensor, metrics: tuple[Metric, ...] = ()) -> Tensor:
    """A model's outputs for two images x; ValueError where it cannot be measured on images with the targets y."""
    with torch.no_grad():
        try:
            outputs = model(x[:2].clone())
        except Exception as error:  # a model may raise anything for an input it was not made for
            raise ValueError(f"data: the model cannot take inputs of shape {tuple(x.shape[1:])} ({error})") from None
        _check_outputs(outputs, y)
        if not torch.equal(outputs.nan_to_num(), model(x[:2].clone()).nan_to_num()):
            raise ValueError("model: it answers the same images differently each time, expected no chance in eval mode")
    for metric in metrics:
        if task(y) not in FOR.get(metric.name, (task(y),)):
            raise ValueError(f"metric '{metric.name}' is for {' and '.join(FOR[metric.name])}, the data hold {task(y)}")
        checked(metric, outputs, y[:2])
    return outputs


def require_classes(targets: Tensor, what: str) -> None:
    """ValueError where the targets are no class label an image, which `what` needs."""
    if task(targets) != "classes":
        raise ValueError(
            f"{what} needs a class label an image, the data hold {task(targets)}; python -m core apply measures them"
        )


def require_answers(targets: Tensor, what: str) -> None:
    """ValueError where answers are neither right nor wrong, which `what` needs."""
    if task(targets) == "numbers":
        raise ValueError(f"{what} needs answers that are right or wrong, the data hold numbers")


def _check_outputs(outputs: object, targets: Tensor) -> None:
    asked, images = task(targets), min(2, len(targets))
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) and outputs.is_floating_point() else ()
    wanted = {
        "classes": len(shape) == 2 and shape[0] == images,
        "tokens": len(shape) == 3 and shape[:2] == (images, *targets.shape[1:]),
        "numbers": bool(shape) and math.prod(shape) == targets[:images].numel(),
    }
    if not wanted[asked]:
        given = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(f"model: its output is {given}, expected {EXPECTED[asked].format(tuple(targets.shape[1:]))}")
    if asked == "numbers":
        return
    classes = shape[-1]
    wrong = ((targets < 0) & ((targets != IGNORED) | (asked == "classes"))) | (targets >= classes)
    if wrong.any():
        raise ValueError(f"data: label {int(targets[wrong][0])} does not fit the model's {classes} classes")


EXPECTED = {
    "classes": "(images, classes)",
    "tokens": "(images, {0[0]}, classes), since the targets are a token each",
    "numbers": "the shape of the targets, {0}",
}
