"""How long a model takes on this machine, dense and compressed, by what torch really executes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from core.compress import run
from core.exporting import file_bytes
from core.pipeline import Applied, Study, dense_bytes
from core.report import layer_row, total_of
from core.variants import VARIANTS, Built, Variant, executed, forms

CLOSE = 1e-3  # of the largest logit: what the order of float32 sums may move through many layers
REACH = 0.98  # half of 1.96: ranks to either side of a median, times the root of the count, that hold it at 95 %
SAVED = 1.05  # times fewer bytes or MACs than dense: less than that is no promise of speed
BUSY = 0.5  # of the median, between the quartiles of the dense model: more than that is another program's doing
SEED = 0  # of the order of turns


@dataclass(frozen=True)
class Clock:
    """How to time: images a call, rounds in which every variant has one turn, rounds before them that do not count,
    and seconds for each batch size, after which no further round begins (but `least` of them are run). threads: that
    torch computes with meanwhile, None for as many as it has."""

    batches: tuple[int, ...] = (1, 100)
    rounds: int = 100
    warm: int = 5
    seconds: float = 20.0
    least: int = 5
    threads: int | None = None

    def __post_init__(self) -> None:
        least = {
            "batches": min(self.batches, default=0),
            "rounds": self.rounds,
            "least": self.least,
            "threads": 1 if self.threads is None else self.threads,
        }
        for name, value in least.items():
            if value < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected 1 or more")


class Promise(NamedTuple):
    """What a recipe saves by count. bytes, macs: dense over compressed, of the file's bytes and of MACs by non-zeros,
    None where nobody knows those. stored: the forms in words."""

    bytes: float
    macs: float | None
    stored: str


class Latency(NamedTuple):
    """table: a row a variant and batch size. left_out: why a variant was not timed, by its name. notes: sentences that
    the figures give. threads: those torch computed with."""

    table: pd.DataFrame
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    promised: Promise
    threads: int


def latency(
    study: Study, applied: Applied, clock: Clock = Clock(), variants: Mapping[str, Variant] = VARIANTS
) -> Latency:
    """Measured milliseconds of each variant, after its logits were held against those of the compressed weights.

    Columns: variant, batch, rounds, `median`, `low` and `high` (quartiles, ms a call), `times` the dense model's time
    (median over rounds of the ratio) with its 95 % interval `times_low`, `times_high`, executed MACs an image, the
    largest difference from those logits, and what torch executes. `dense` is the first variant and
    is held against its own model.
    """
    with _threads(clock.threads) as threads:
        built, differences, left_out = _ready_to_time(study, applied, variants)
        if "dense" not in built:
            raise ValueError(
                f"model '{study.loaded.name}' cannot be timed: {left_out.get('dense', 'dense is missing')}"
            )
        rows = []
        for batch in dict.fromkeys(min(batch, len(study.bench.targets)) for batch in clock.batches):
            times = timed({name: one.module for name, one in built.items()}, study.bench.inputs[:batch], clock)
            rows += [{"variant": name, "batch": batch} | spread(times[name], times["dense"]) for name in built]
    sample = study.bench.inputs[:1]
    more = {
        "macs": {name: executed(one.module, sample) for name, one in built.items()},
        "difference": differences,
        "about": {name: one.about for name, one in built.items()},
    }
    table = pd.DataFrame(rows)
    table = table.assign(**{column: table["variant"].map(values) for column, values in more.items()})
    promised = promise(study, applied)
    widths = sorted({on.bits for on in applied.change.inputs.values()})
    inputs = f"inputs are timed as float32: torch has no kernel here for grids of {' and '.join(map(str, widths))} bits"
    said = (*notes(table, promised), *((inputs,) if widths else ()))
    return Latency(table, left_out, said, promised, threads)


class Fastest(NamedTuple):
    """The variant of a recipe that took the least time: median milliseconds a call, and times the dense model's.

    saves: whether the whole interval of its times the dense model's shows that. notes: of `latency`.
    """

    variant: str
    milliseconds: float
    times: float
    saves: bool
    dense: float
    notes: tuple[str, ...]


def fastest(study: Study, applied: Applied, clock: Clock) -> Fastest:
    """The fastest way that torch has here to run a recipe, at the clock's first batch size."""
    found = latency(study, applied, clock)
    rows = found.table[found.table["batch"] == found.table["batch"].iloc[0]].set_index("variant")
    others = rows.drop(index="dense")
    if others.empty:
        raise ValueError(
            f"model '{study.loaded.name}' cannot be timed compressed: {'; '.join(found.left_out.values())}"
        )
    name = others["median"].idxmin()
    own = others.loc[name]
    saves = bool(own["times_high"] <= 1 / SAVED)
    return Fastest(name, own["median"], own["times"], saves, rows.loc["dense", "median"], found.notes)


@contextmanager
def _threads(wanted: int | None) -> Iterator[int]:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(wanted or before)
        yield wanted or before
    finally:
        torch.set_num_threads(before)


def promise(study: Study, applied: Applied) -> Promise:
    """What the report counts of a recipe."""
    rows = [layer_row(layer, applied.encoded[layer.name], study.uses[layer.name]) for layer in study.known]
    macs, dense = total_of(rows, "macs"), total_of(rows, "macs_dense")
    written = file_bytes(study.loaded.model, study.known, applied.encoded)
    return Promise(dense_bytes(study) / written, dense / macs if macs else None, forms(applied))


def _ready_to_time(
    study: Study, applied: Applied, variants: Mapping[str, Variant]
) -> tuple[dict[str, Built], dict[str, float], dict[str, str]]:
    """Variants that run and compute what they should, their largest difference, and why others are left out."""
    built, differences, left_out = {}, {}, {}
    inputs, model = study.bench.inputs[:100], study.loaded.model
    with torch.no_grad():  # the model may keep what it computes
        wanted = {changed: run(model, applied.change.tensors if changed else {}, inputs.clone()) for changed in (0, 1)}
    for name, make in variants.items():
        made = make(study, applied)
        if isinstance(made, str):
            left_out[name] = made
            continue
        expected = wanted[name != "dense"]
        differences[name], why = _checked(made, inputs, expected)
        if why:
            left_out[name] = why
        else:
            built[name] = made
    return built, {name: differences[name] for name in built}, left_out


def _checked(made: Built, inputs: Tensor, expected: Tensor) -> tuple[float, str]:
    """The largest difference from the expected logits, and why the variant cannot be timed, '' where it can."""
    try:
        with torch.inference_mode():
            found = made.module(inputs.clone())
    except Exception as error:  # a model's own code may need the module that was replaced
        return np.inf, f"the model does not run with it ({error})"
    difference = float((found.double() - expected.double()).nan_to_num().abs().max())
    allowed = CLOSE * max(1.0, float(expected.double().nan_to_num().abs().max()))
    if made.exact and difference > allowed:
        return difference, f"its logits differ by {difference:.3g} from those they should be, expected {allowed:.3g}"
    return difference, ""


def timed(modules: Mapping[str, nn.Module], inputs: Tensor, clock: Clock) -> dict[str, np.ndarray]:
    """Milliseconds of each call, (rounds,) by name; the modules take turns, in another order each round."""
    names, start, rows = list(modules), time.perf_counter(), []
    order = np.random.default_rng(SEED)
    with torch.inference_mode():
        for turn in range(clock.warm + clock.rounds):
            if turn >= clock.warm + clock.least and time.perf_counter() - start > clock.seconds:
                break
            row = {name: _milliseconds(modules[name], inputs.clone()) for name in order.permutation(names)}
            rows.append([row[name] for name in names])
    return dict(zip(names, np.array(rows[clock.warm :]).T, strict=True))


def _milliseconds(module: nn.Module, inputs: Tensor) -> float:
    start = time.perf_counter()
    module(inputs)
    return 1e3 * (time.perf_counter() - start)


def spread(times: np.ndarray, dense: np.ndarray) -> dict[str, float]:
    """Median and quartiles of times, and of their ratio to the dense ones, round by round, with its 95 % interval.

    The interval goes from one rank to another, so it holds whatever the distribution.
    """
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    ratios, rounds = np.sort(times / dense), len(times)
    reach = REACH * np.sqrt(rounds)
    ranks = max(0, int(np.floor(rounds / 2 - reach))), min(rounds - 1, int(np.ceil(rounds / 2 + reach)))
    times_low, times_high = ratios[list(ranks)].tolist()
    return {
        "rounds": rounds,
        "median": median,
        "low": low,
        "high": high,
        "times": float(np.median(ratios)),
        "times_low": times_low,
        "times_high": times_high,
    }


def notes(table: pd.DataFrame, promised: Promise) -> tuple[str, ...]:
    """A sentence for each variant that saves bytes or MACs, but no time that was measured; one on a busy machine.

    A variant saves time at a batch size where the whole interval of its times the dense model's lies below 1 / SAVED.
    """
    slow = table[(table["variant"] != "dense") & (table["times_high"] > 1 / SAVED)]
    counts = {"the file is {:.1f} times smaller": promised.bytes, "{:.1f} times fewer MACs would do": promised.macs}
    saved = " and ".join(words.format(times) for words, times in counts.items() if times and times >= SAVED)
    said = [_note(name, own, saved, promised) for name, own in slow.groupby("variant", sort=False)] if saved else []
    dense = table[table["variant"] == "dense"]
    for row in dense[dense["high"] - dense["low"] > BUSY * dense["median"]].itertuples():
        said.append(
            f"the machine was busy: half of the dense model's times at batch {row.batch} lie outside {row.low:.3g} to "
            f"{row.high:.3g} ms; time again on a quiet machine, or with one thread"
        )
    return tuple(said)


def _note(name: str, slow: pd.DataFrame, saved: str, promised: Promise) -> str:
    where = " and at ".join(
        f"batch {row.batch} ({row.times:.2f} times the dense model's, "
        f"95 %: {row.times_low:.2f} to {row.times_high:.2f})"
        for row in slow.itertuples()
    )
    why = f": {promised.stored} run decoded, at float32 speed; torch has no kernel for them here"
    end = why if name == "decoded" and promised.stored else ""
    return f"{name}: {saved}, but no time to speak of is saved at {where}{end}"
