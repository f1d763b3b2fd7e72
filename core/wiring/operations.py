"""What operations do with channels, by the function, method or module that a step calls."""

import operator

import torch
from torch import fx, nn
from torch.nn import functional

from core.pooling import halved
from core.tracing import Operation


def named(model: nn.Module, node: fx.Node) -> str:
    """A step's name for a sentence."""
    if node.op == "call_module":
        return f"{type(model.get_submodule(node.target)).__name__} '{node.target}'"
    return f"'{node.target if isinstance(node.target, str) else getattr(node.target, '__name__', node.name)}'"


def spatial_dims(called: Operation) -> int | None:
    """How many dimensions in space a pooling needs; None where it takes any."""
    name = called if isinstance(called, str) else getattr(called, "__name__", "")
    return next((int(digit) for digit in "123" if f"{digit}d" in name.lower()), None)


DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
POSITIVE = {  # f(s x) = s f(x) for s > 0, each number by itself
    nn.ReLU, nn.LeakyReLU, nn.Identity, *DROPOUTS,
    functional.relu, torch.relu, "relu", "relu_", functional.leaky_relu, functional.dropout,
    functional.dropout1d, functional.dropout2d, functional.dropout3d, torch.relu_,
}  # fmt: skip
EACH = POSITIVE | {  # every number by itself
    nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.CELU, nn.SELU, nn.Sigmoid, nn.Tanh, nn.ReLU6, nn.Hardtanh, nn.Hardswish,
    nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink, nn.Hardshrink, nn.Softshrink,
    functional.gelu, functional.silu, functional.mish, functional.elu, functional.celu, functional.selu,
    functional.sigmoid, functional.tanh, functional.relu6, functional.hardtanh, functional.hardswish,
    functional.hardsigmoid, functional.softplus, functional.softsign, functional.logsigmoid,
    functional.tanhshrink, functional.hardshrink, functional.softshrink,
    torch.sigmoid, torch.tanh, torch.abs, torch.exp, torch.neg, torch.square, torch.clamp, torch.sqrt,
    "sigmoid", "tanh", "abs", "exp", "neg", "square", "sqrt", "clamp", "float", "detach", "clone", "contiguous",
    "sigmoid_", "tanh_", "clamp_", operator.neg,
}  # fmt: skip
SUMS = {operator.add, operator.iadd, operator.sub, operator.isub, torch.add, torch.sub, "add", "add_", "sub", "sub_"}
PRODUCTS = {operator.mul, operator.imul, torch.mul, "mul", "mul_"}
PAIRED = SUMS | PRODUCTS | {operator.truediv, torch.div, "div", torch.maximum, torch.minimum}
POOLS = {
    halved, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
    functional.max_pool1d, functional.max_pool2d, functional.max_pool3d,
    torch.max_pool1d, torch.max_pool2d, torch.max_pool3d,
    functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d,
    functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d,
    functional.adaptive_max_pool1d, functional.adaptive_max_pool2d, functional.adaptive_max_pool3d,
}  # fmt: skip
PADS = {
    functional.pad, functional.interpolate, nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.Upsample,
}  # fmt: skip
REDUCED = {torch.mean, torch.sum, torch.amax, torch.amin, "mean", "sum", "amax", "amin"}
RESHAPED = {"view", "reshape", torch.reshape}
FLATTENED = {"flatten", torch.flatten, nn.Flatten}
ORDERED = {
    "permute", "transpose", "squeeze", "unsqueeze", "movedim", torch.permute, torch.transpose, torch.squeeze,
    torch.unsqueeze, torch.movedim, operator.getitem,
}  # fmt: skip
CATENATED = {torch.cat, torch.concat, torch.concatenate}
SIZES = {"size", "dim", "numel", getattr, len}
NORMS = {nn.BatchNorm1d: 1, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}
CONVS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
HOMOGENEOUS = POSITIVE | POOLS | RESHAPED | FLATTENED | ORDERED | {"contiguous", "detach", "clone", torch.mean, "mean"}
