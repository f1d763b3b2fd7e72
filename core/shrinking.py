"""Models made really smaller: channels that are removed everywhere, or that nobody reads, are built no more."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from core.rebuilding import rebuilt
from core.replacing import run_with
from core.wiring import FIXED, NORMS, Point, Wiring, constants, operation, read, rows, wiring

SAME = 1e-3  # of the largest output: what sums in another order may differ by
UNTOLD = "every layer keeps its channels: torch.fx cannot tell the model's steps, or one weight has two names"
UNLIKE = "every layer keeps its channels: rebuilt without the removed ones, the model gives other outputs"


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A smaller model with the same outputs.

    outputs, inputs: layer -> which of its channels stay, bool (out,) and (in,); a layer that is whole has no entry.
    folded: full-size biases and batch-norm means that took over the constants of removed channels, by name. stayed: a
    sentence for each layer that keeps removed channels.
    """

    module: nn.Module
    outputs: Mapping[str, np.ndarray]
    inputs: Mapping[str, np.ndarray]
    folded: Mapping[str, Tensor]
    stayed: tuple[str, ...]


def shrunk(model: nn.Module, changed: Mapping[str, Tensor], sample: Tensor) -> Shrunk:
    """The model with the tensors of `changed`, smaller by every channel that is removed everywhere or read nowhere.

    model: in eval mode, stays as it is. changed: parameters and buffers by name. sample: (N, ...), two images serve.
    A channel that is left with a constant passes it on to the biases of its readers; where zeros in space stand beside
    it, or its readers have no bias, it stays unless the constant is 0.
    """
    wired = wiring(model, sample)
    if wired is None:
        return _whole(model, changed, UNTOLD)
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()} | dict(changed)
    flow = Flow(wired, state, constants(wired, state))
    kept, why = _kept(flow)
    folded = _folded(flow, kept)
    module = rebuilt(wired, state | folded, lambda labels: kept[wired.of(labels)])
    if not _alike(model, changed, module, sample):
        return _whole(model, changed, UNLIKE)
    outputs = {point.name: kept[wired.of(point.outputs)] for point in wired.points}
    inputs = {point.name: kept[wired.of(point.inputs)] for point in wired.points}
    return Shrunk(module, _partial(outputs), _partial(inputs), folded, _stayed(flow, kept, why))


def _whole(model: nn.Module, changed: Mapping[str, Tensor], why: str) -> Shrunk:
    module = copy.deepcopy(model)
    module.load_state_dict({name: tensor.clone() for name, tensor in changed.items()}, strict=False)
    return Shrunk(module, {}, {}, {}, (why,))


def _partial(sides: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: stay for name, stay in sides.items() if not stay.all()}


@dataclass(frozen=True, eq=False)
class Flow:
    """A wired model with the values that count, and the numbers that its channels are."""

    wired: Wiring
    state: Mapping[str, Tensor]
    known: Mapping[fx.Node, np.ndarray]

    @property
    def readers(self) -> list[Point]:
        """The layers that read channels of others, other than each one its own."""
        return [point for point in self.wired.points if not point.depthwise]

    def home(self, point: Point) -> str | None:
        """The name of the bias, or else of the batch-norm mean, that can take over what a layer's inputs give."""
        users, bias = list(point.node.users), f"{point.name}.bias"
        if bias in self.state:
            return bias
        follows = (
            len(users) == 1 and operation(self.wired.trace.model, users[0]) in NORMS and users[0] in self.wired.wires
        )
        return f"{users[0].target}.running_mean" if follows else None

    def hindered(self, point: Point, stay: np.ndarray) -> dict[str, np.ndarray]:
        """Why input channels of a layer must stay -> which ones, bool (in,). stay: which output channels do."""
        numbers, weight = read(point, self.known), rows(point, self.state)
        used = (weight[stay] != 0).any((0, 2))
        constant = used & (numbers != 0) & ~np.isnan(numbers)
        return {
            f"joined with channels that {point.name} reads": used & np.isnan(numbers),
            f"a constant left behind reaches the padding of {point.name}": constant & point.padded,
            f"{point.name} has no bias to take over a constant left behind": constant & (self.home(point) is None),
        }


def _kept(flow: Flow) -> tuple[np.ndarray, dict[int, str]]:
    """Which groups stay, bool with a last entry for FIXED, and why each one does.

    Nobody stays at first but what must; then whatever a channel that stays reads, until no more is found.
    """
    wired, why = flow.wired, dict(flow.wired.stops)
    kept = np.zeros(len(wired.groups) + 1, bool)
    kept[[*why, FIXED]] = True
    while True:
        count = kept.sum()
        for point in reversed(flow.readers):
            for reason, which in flow.hindered(point, kept[wired.of(point.outputs)]).items():
                for group in wired.of(point.inputs[which]).tolist():
                    why.setdefault(group, reason)
                    kept[group] = True
        if kept.sum() == count:
            empty = next((wired.of(p.outputs) for p in wired.points if not kept[wired.of(p.outputs)].any()), None)
            if empty is None:
                return kept, why
            why[int(empty[0])] = ALONE
            kept[empty[0]] = True


def _folded(flow: Flow, kept: np.ndarray) -> dict[str, Tensor]:
    """The biases and batch-norm means with what the removed channels give as constants."""
    folded = {}
    for point in flow.readers:
        numbers = read(point, flow.known)
        gone = ~kept[flow.wired.of(point.inputs)] & ~np.isnan(numbers)
        given = rows(point, flow.state).sum(2) @ np.where(gone, numbers, 0).astype(np.float64)
        given = np.where(kept[flow.wired.of(point.outputs)], given, 0)
        name = flow.home(point)
        if name is not None and not point.padded and given.any():
            sign = 1 if name.endswith(".bias") else -1
            before = flow.state[name]
            folded[name] = (before.double() + sign * torch.from_numpy(given)).to(before.dtype)
    return folded


def _alike(model: nn.Module, changed: Mapping[str, Tensor], module: nn.Module, sample: Tensor) -> bool:
    """Whether both models give the sample the same outputs."""
    with torch.no_grad():
        expected = run_with(model, changed, (sample.clone(),))
        try:
            found = module(sample.clone())
        except (RuntimeError, ValueError, TypeError, IndexError):  # a shape that the model's code computes by itself
            return False
    near = SAME * float(expected.abs().max())
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=near, equal_nan=True)


def _stayed(flow: Flow, kept: np.ndarray, why: Mapping[int, str]) -> tuple[str, ...]:
    """A sentence for each layer some of whose removed channels stay."""
    points = {point.name: point for point in flow.wired.points}
    sentences = []
    for name, module in flow.wired.trace.model.named_modules():
        weight = flow.state.get(f"{name}.weight" if name else "weight")
        if not isinstance(module, LAYERS) or weight is None:
            continue
        removed = (weight.flatten(1) == 0).all(1).numpy()
        if name in points:
            groups = flow.wired.of(points[name].outputs)[removed]
            counts = Counter(why.get(group, ALONE) for group in groups[kept[groups]].tolist())
        else:
            counts = Counter({flow.wired.unfollowed.get(name, UNCALLED): int(removed.sum())})
        for reason, count in counts.items():
            if count:
                stay = "channel of {} stays" if count == 1 else "channels of {} stay"
                sentences.append(f"{count} {stay.format(name or 'weight')}: {reason}")
    return tuple(sentences)


LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
ALONE = "a layer keeps one channel at least"
UNCALLED = "the model does not call it as a layer of its own"
