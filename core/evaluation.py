"""Measured accuracy: on real images, paired with the dense model, resumed from the first changed layer."""

import copy
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from core.answers import Answers, answers, compared, joined
from core.encoding import Grid
from core.fitting import check, fitted
from core.inputs import rounding
from core.layouts import laid_out, packed
from core.metrics import Metric, default, task
from core.replacing import run_with, swapped
from core.statistics import Tally
from core.tracing import Live, Trace, advance, start, taken_up, tensors, trace

BATCH = 100  # images: larger batches make intermediates that no longer fit the cache
NOTHING = Tally()
NUMBERS = 2**24  # of outputs that a batch gives at most: a large vocabulary fills the memory soon
REMEMBERED = 512 * 2**20  # bytes of activations kept to resume from


@dataclass(frozen=True, eq=False)
class Bench:
    """A model with the images it is measured on, and what earlier measurements left to resume from.

    inputs: (N, ...) float32, or int64 token ids. targets: (N,) int64; (N, length) of tokens; or float32 numbers.
    device: where images are run; what comes back is on the CPU. metrics: figures beside the counted answers. batch:
    images that run together. steps: None where the model runs whole. base: the model's own convolution weights, laid
    out to run fast, where it takes them so; blocks: those of its Linear layers. The memos are filled as batches are
    measured: dense answers by span of batches, dense logits by batch where they were asked for, activations by (step,
    batch, what changed before it), the last change seen and the step that it began at.
    """

    model: nn.Module
    inputs: Tensor
    targets: Tensor
    steps: Trace | None
    base: dict[str, Tensor]
    blocks: dict[str, Tensor]
    metrics: tuple[Metric, ...] = ()
    batch: int = BATCH
    device: str = "cpu"
    dense: dict[tuple[int, int], Answers] = field(default_factory=dict)
    dense_logits: dict[int, Tensor] = field(default_factory=dict)
    activations: OrderedDict[Hashable, Live] = field(default_factory=OrderedDict)
    latest: dict[str, Hashable] = field(default_factory=dict)
    moving: dict[str, int] = field(default_factory=lambda: {"step": 0})

    @property
    def batches(self) -> int:
        """How many batches all images make."""
        return -(-len(self.targets) // self.batch)


def bench(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, metric: Metric | None = None) -> Bench:
    """A bench for a model in eval mode; ValueError where the data does not fit it.

    metric: beside the counted answers; by default what the targets ask for.
    """
    x, y = fitted(model, torch.from_numpy(inputs)), torch.from_numpy(targets)
    metrics = default(y) if metric is None else (metric, *(each for each in default(y) if each.name == "top1"))
    outputs = check(model, x, y, metrics)
    steps = trace(model, x[:2].clone())
    base = {name: laid_out(tensor) for name, tensor in model.named_parameters() if tensor.dim() == 4}
    batch = max(1, min(BATCH, NUMBERS * len(outputs) // outputs.numel()))
    blocks = packed(dict(model.named_parameters()), steps.linears) if steps else {}
    return Bench(model, x, y, steps, base if _runs_with(model, base, x[:2]) else {}, blocks, metrics, batch)


def on(bench: Bench, device: str) -> Bench:
    """The bench with a copy of its model on a device, where images are then run."""
    if device == bench.device:
        return bench
    torch.backends.cudnn.allow_tf32 = False  # or a folder made there would not verify on a CPU
    model = copy.deepcopy(bench.model).to(device)
    steps = trace(model, bench.inputs[:2].to(device))
    base = {name: laid_out(tensor.to(device)) for name, tensor in bench.base.items()}
    return Bench(model, bench.inputs, bench.targets, steps, base, {}, bench.metrics, bench.batch, device)


def _runs_with(model: nn.Module, base: dict[str, Tensor], x: Tensor) -> bool:
    """Whether the model takes convolutions whose channels lie last: a view of their outputs may refuse."""
    try:
        with torch.no_grad():
            run_with(model, base, (x.clone(),))
    except RuntimeError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Change:
    """Tensors that replace parameters or buffers, by name, each with a key that says which one it is.

    inputs: grids that the inputs which a weight multiplies are rounded to, by the weight's name; the name's key says
    which one it is too. model: what runs in the model's place with these tensors: a smaller one of the same outputs.
    thin: modules that run in the place of those of the given names, where the model runs in steps.
    """

    tensors: Mapping[str, Tensor]
    keys: Mapping[str, Hashable]
    inputs: Mapping[str, Grid] = field(default_factory=dict)
    model: nn.Module | None = None
    thin: Mapping[str, nn.Module] = field(default_factory=dict)


def tallies(bench: Bench, change: Change, tally: Tally = NOTHING) -> Iterator[Tally]:
    """The tally after each further batch, from where `tally` stopped until all images are measured.

    tally: of earlier batches under the same change. Equal keys must mean equal tensors and grids.
    """
    done = -(-tally.images // bench.batch)
    for batch, now in enumerate(outputs(bench, change, done), done):
        tally = tally.plus(counted(bench, (batch, batch + 1), now))
        yield tally


def outputs(bench: Bench, change: Change, first: int = 0) -> Iterator[Tensor]:
    """The changed model's logits, (images, classes), for each batch from `first` on. Equal keys mean equal tensors."""
    change, resume = ready(bench, change)
    for batch in range(first, bench.batches):
        with running(bench, change):
            found = logits(bench, change, batch, (resume,))
        yield found.cpu()


def ready(bench: Bench, change: Change) -> tuple[Change, int]:
    """The change as its batches run with it, and the step that is worth remembering for the next one."""
    lay = laid_out if bench.base else Tensor.contiguous
    laid = {name: lay(tensor.to(bench.device)) for name, tensor in change.tensors.items()}
    change = _thinned(replace(change, tensors=bench.base | _packed(bench, change, laid)))
    if change.model is not None and bench.device != "cpu":
        change = replace(change, model=copy.deepcopy(change.model).to(bench.device))
    return change, _resume_step(bench, change)


@contextmanager
def running(bench: Bench, change: Change) -> Iterator[None]:
    """No gradients, and inputs on their grids."""
    with torch.no_grad(), rounding(change.model or bench.model, change.tensors, change.inputs):
        yield


def _packed(bench: Bench, change: Change, laid: dict[str, Tensor]) -> dict[str, Tensor]:
    """The changed tensors, and the dense ones of Linear layers, as oneDNN takes them where the model runs in steps.

    A layer whose inputs are rounded stays plain: rounding meets its weight in torch's own `linear`.
    """
    if bench.steps is None or bench.device != "cpu" or change.model is not None:
        return laid
    free = bench.steps.linears - change.inputs.keys()
    dense = {name: bench.blocks[name] for name in free & bench.blocks.keys()}
    return dense | laid | packed(laid, free)


def _thinned(change: Change) -> Change:
    """The change without tensors of modules that others run in the place of."""
    gone = tuple(f"{name}." for name in change.thin)
    kept = {name: tensor for name, tensor in change.tensors.items() if not name.startswith(gone)}
    return replace(change, tensors=kept) if gone else change


def counted(bench: Bench, span: tuple[int, int], now: Tensor, sure: bool = True) -> Tally:
    """The tally of some batches, from a changed model's outputs for them. sure: also how sure it is of its answers."""
    after = answers(bench.metrics, _targets(bench, span), now, sure)
    return compared(bench.metrics, _dense_answers(bench, span), after)


def dense_answers(bench: Bench, batch: int) -> Answers:
    """What the dense model makes of a batch; computed once, but where so many answers would fill the memory."""
    return _dense_answers(bench, (batch, batch + 1))


def foresee(bench: Bench, names: Iterable[str], images: int) -> None:
    """Run the dense model on the first images and keep what changes of each of the named tensors resume from."""
    if bench.steps is not None and "never" not in bench.moving:
        last = len(bench.steps.nodes) - 1  # the output, where no step uses one
        stops = tuple(sorted({min(last, bench.steps.first_use(frozenset([name]))) for name in names}))
        for batch in range(min(bench.batches, -(-images // bench.batch))):
            _dense_answers(bench, (batch, batch + 1), stops)


def _dense_answers(bench: Bench, span: tuple[int, int], stops: tuple[int, ...] = ()) -> Answers:
    if span in bench.dense:
        return bench.dense[span]
    first, end = span
    if end > first + 1:
        found = joined([dense_answers(bench, batch) for batch in range(first, end)])
    else:
        known = bench.dense_logits.get(first)
        logits = _dense_logits(bench, first, stops) if known is None else known
        found = answers(bench.metrics, _targets(bench, span), logits)
    if task(bench.targets) != "tokens" or found.logs.nbytes * bench.batches <= REMEMBERED * (span[1] - span[0]):
        bench.dense[span] = found
    return found


def dense_logits(bench: Bench, batch: int) -> Tensor:
    """The dense model's logits for a batch, (images, classes); computed once."""
    if batch not in bench.dense_logits:
        bench.dense_logits[batch] = _dense_logits(bench, batch)
    return bench.dense_logits[batch]


def _dense_logits(bench: Bench, batch: int, stops: tuple[int, ...] = ()) -> Tensor:
    with torch.no_grad():
        return logits(bench, Change(bench.base | bench.blocks, {}), batch, stops).cpu()


def logits(bench: Bench, change: Change, batch: int, stops: tuple[int, ...], end: int | None = None) -> Tensor:
    """The changed model's outputs for one batch, (images, classes); ValueError where its own code fails.

    stops: steps, ascending, whose inputs are remembered for the next change. end: a step whose only input is wanted.
    """
    first, last = batch * bench.batch + 1, min((batch + 1) * bench.batch, len(bench.inputs))
    try:
        found = _logits(bench, change, batch, stops, end)
        if len(found) != last - first + 1:
            raise ValueError(f"it answers {len(found)} of them")
        return found
    except Exception as error:  # a stranger's forward may raise anything
        raise ValueError(f"model: it fails on images {first} to {last} together ({error}); mend its forward") from error


def _logits(bench: Bench, change: Change, batch: int, stops: tuple[int, ...], end: int | None) -> Tensor:
    span = slice(batch * bench.batch, (batch + 1) * bench.batch)
    inputs = bench.inputs[span].clone().to(bench.device)  # a model may write into what it is given
    if change.model is not None:
        return change.model(inputs)
    if bench.steps is None:
        return run_with(bench.model, change.tensors, (inputs,))
    steps, end = stepping(bench, change), len(bench.steps.nodes) if end is None else end
    begin, live = _remembered(bench, change, batch, end)
    versions = [] if live is None else [(held, held._version) for held in tensors(live)]
    live = start(steps, inputs) if live is None else live
    for stop in stops:
        if begin < stop:
            advance(steps, change.tensors, live, (begin, stop))
            _remember(bench, _memo_key(bench, change, stop, batch), live)
            versions += [(held, held._version) for held in tensors(live)]
            begin = stop
    outputs = advance(steps, change.tensors, dict(live), (begin, end))
    if begin and any(held._version != version for held, version in versions):  # a step wrote into what was remembered
        bench.activations.clear()
        bench.moving["never"] = 1
        return _logits(bench, change, batch, (), end)
    return outputs


def stepping(bench: Bench, change: Change) -> Trace:
    """The steps that a change runs in."""
    return replace(bench.steps, model=swapped(bench.model, change.thin)) if change.thin else bench.steps


def _resume_step(bench: Bench, change: Change) -> int:
    """The first step that uses what differs from the change measured before this one."""
    if bench.steps is None or "never" in bench.moving:
        return 0
    names = change.keys.keys() | bench.latest.keys()
    differing = frozenset(name for name in names if change.keys.get(name) != bench.latest.get(name))
    if differing:
        bench.latest.clear()
        bench.latest.update(change.keys)
        last = len(bench.steps.nodes) - 1  # the output, where no step uses what differs
        bench.moving["step"] = min(bench.steps.first_use(differing), last)
    return bench.moving["step"]


def _memo_key(bench: Bench, change: Change, step: int, batch: int) -> Hashable:
    used = bench.steps.read_before[step]
    return step, batch, frozenset((name, key) for name, key in change.keys.items() if name in used)


def _remembered(bench: Bench, change: Change, batch: int, last: int) -> tuple[int, Live | None]:
    """The latest step to `last` to be resumed from and a copy of what it needs; (0, None) where there is none."""
    steps = sorted({key[0] for key in bench.activations if key[0] <= last}, reverse=True)
    for step in steps:
        key = _memo_key(bench, change, step, batch)
        if key in bench.activations:
            bench.activations.move_to_end(key)
            return step, taken_up(bench.steps, change.tensors, bench.activations[key])
    return 0, None


def _remember(bench: Bench, key: Hashable, live: Live) -> None:
    bench.activations[key] = dict(live)
    lives = bench.activations.values()
    while len(lives) > 1 and sum(held.nbytes for live in lives for held in tensors(live)) > REMEMBERED:
        bench.activations.popitem(last=False)


def _targets(bench: Bench, span: tuple[int, int]) -> Tensor:
    return bench.targets[span[0] * bench.batch : span[1] * bench.batch]
