"""`recover`: what a recipe costs, given back by training; prints a line at every look."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

import sample_models
from core import pipeline, runs, training
from core.commands import given, texts
from core.exporting import write_folder
from core.fitting import require_classes
from core.loading import Data, Loaded, load_model
from core.recipe import Recipe, from_json
from core.training import AUGMENTED, HOW, REWINDS, SCHEDULES, Arrival, Kept, Move, Options, Outcome, Step, Task, Written

COLUMNS = ("doing", "step", "loss", "held out", "sparsity", "bits a weight", "done", "left")
HALF = 0.5  # share of the labels where a smaller network learns from a sample
WIDTHS = (16, 15, 8, 9, 9, 14, 6, 8)


def recover(options: argparse.Namespace) -> str:
    """Train a compressed model with its masks and codes held, and write a folder that `verify` proves.

    A line at every look: mean loss, accuracy on held-out images, sparsity, entropy, share done and time left. Images to
    learn from, to choose by and to measure on are disjoint. Ctrl-C keeps the best so far.
    """
    options = _for_a_student(options)
    chosen = _options(options)
    recipe = from_json(texts.read(options.recipe, "recipe")) if options.recipe else Recipe()
    loaded = given.model(options)
    train = given.images(options, options.train) if options.train else None
    data = given.data(options, loaded)
    require_classes(torch.from_numpy(data.targets), "recover")
    task = training.task(loaded, data, recipe, chosen, train)
    if options.teacher:
        task = training.taught_by(task, load_model(options.teacher))
    folder = Path(options.checkpoint) if options.checkpoint else None
    kept = Kept()
    print(_parts(task), _line(COLUMNS), sep="\n", flush=True)
    try:
        _print(training.recover(task, chosen, kept, folder))
    except KeyboardInterrupt:  # the best until then stays
        print("stopped", file=sys.stderr)
    if not kept.best:
        raise ValueError("recover: stopped before anything satisfied the recipe, nothing is written")
    return _written(options, task, kept.best[0], runs.subject(loaded, data))


def _for_a_student(options: argparse.Namespace) -> argparse.Namespace:
    """The options with a smaller network in the sample's place, which then teaches, where --width or --depth asks."""
    if options.width is None and options.depth is None:
        if not options.recipe:
            raise ValueError("recover: no recipe, name one with --recipe, or a smaller network with --width or --depth")
        return options
    smaller = sample_models.student_name(options.model, options.width or 1.0, options.depth or 1.0)
    alpha = options.alpha if options.distil or options.alpha is not None else HALF
    changed = {"model": smaller, "teacher": options.teacher or options.model, "alpha": alpha}
    return argparse.Namespace(**{**vars(options), **changed})


def _options(options: argparse.Namespace) -> Options:
    """The options that are given; 'distil' is alpha at 0, unless told otherwise."""
    named = {name: getattr(options, name) for name in ("seed", *NAMES) if getattr(options, name) is not None}
    if "custom" in named:
        try:
            named["custom"] = tuple(map(float, named["custom"].split(",")))
        except ValueError:
            raise ValueError(f"custom is {named['custom']!r}, expected shares such as 0.5,0.8,1") from None
        named.setdefault("rounds", len(named["custom"]))
    if options.distil:
        named.setdefault("alpha", 0.0)
    return Options(**named)


def _print(steps: Iterator[Step]) -> None:
    for step in steps:
        cells = (
            step.doing,
            f"{step.step} of {step.steps}",
            f"{step.loss:.4f}",
            f"{step.accuracy:.4f}",
            f"{step.sparsity:.4f}",
            f"{step.entropy:.3f}",
            f"{step.share:.0%}",
            f"{step.left:.0f} s",
        )
        print(_line(cells), flush=True)


def _line(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _parts(task: Task) -> str:
    return (
        f"{len(task.learn.y)} images to learn from, {len(task.held.y)} others to choose by, "
        f"{len(task.study.bench.targets)} others to measure on"
    )


def _written(options: argparse.Namespace, task: Task, outcome: Outcome, subject: runs.Subject) -> str:
    """Measure the outcome on the images that nothing was chosen by, write it and keep it among the runs."""
    made, folder = training.written(task, outcome, subject), Path(options.output)
    write_folder(folder, made.files)
    kept = _kept(options, made, task)
    return f"{_said(task, made)}\nwrote {folder}{kept}"


def _said(task: Task, made: Written) -> str:
    """What came of it; a smaller network stands beside its teacher, since it was nothing before."""
    found, data, images = made.figures, made.files["model.safetensors"], f"on {len(task.study.bench.targets)} images"
    first = f"accuracy {found.accuracy:.4f}, before training {made.before.accuracy:.4f}"
    taught = f"{training.beside_teacher(task, data)}\n" if task.teacher else ""
    if sample_models.sample_of(task.study.loaded.name):
        return f"{first} {images}\n{taught}{len(data):,} bytes"
    low, high = found.drop_ci95
    return (
        f"{first}, dense {found.accuracy_dense:.4f}, drop {found.drop:.2f} points (95 %: {low:.2f} to {high:.2f}) "
        f"{images}\n{taught}{len(data):,} bytes, {pipeline.dense_bytes(task.study) / len(data):.1f} times smaller"
    )


def _kept(options: argparse.Namespace, made: Written, task: Task) -> str:
    """Says under which number the run is kept; where it cannot be, a line on stderr says why."""
    source = {"model": options.model, "data": options.data or task.study.data}
    source |= {"weights": options.weights} if options.weights else {}
    try:
        return f", kept as run {training.keep(partial(given.store, options), made, source)}"
    except ValueError as error:
        print(f"note: the run is not kept, {error}", file=sys.stderr)
        return ""


def _option(kind: type, about: str) -> dict[str, object]:
    return {"type": kind, "help": about}


def _usual(name: str) -> str:
    return f"; default: {getattr(Options(), name) or 'none'}"


NAMES = {
    "steps": _option(int, "steps of each round"),
    "batch": _option(int, "images a step"),
    "rate": _option(float, "of learning, as a share of each tensor's size a step"),
    "decay": _option(float, "of weights"),
    "augment": {
        "choices": AUGMENTED,
        "help": "auto: square pictures are tilted, zoomed, shifted; sway, nudge: by two thirds, by a third of it",
    },
    "alpha": _option(float, "share of the labels in the loss; the rest is the dense model's answers"),
    "temperature": _option(float, "that softens the answers"),
    "looks": _option(int, "at held-out images in a round"),
    "patience": _option(int, "looks without a gain before a round ends"),
    "rounds": _option(int, "in which sparsity comes"),
    "schedule": {"choices": tuple(SCHEDULES), "help": "how it comes"},
    "custom": _option(str, "shares of the sparsity, one a round, such as 0.5,0.8,1"),
    "rewind": {"choices": REWINDS, "help": "what a round begins with again"},
    "how": {"choices": HOW, "help": "masks are held, or move while training"},
    "seek": _option(int, "steps between two searches for each value's nearest level"),
    "codes_rate": _option(float, "share of the rate in the round with codes; below 1 it follows all others"),
    "codes_decay": _option(float, "share of the decay in the round with codes"),
}


def transfer(options: argparse.Namespace) -> str:
    """Move a model to a new task (--data) with the recipe before, after or while it learns it, and compare.

    The figures of each way and its answers to each image are kept as a run.
    """
    loaded = given.model(options)
    if not (options.old or loaded.data):
        raise ValueError(f"model '{loaded.name}' comes without data; name that of its own task with --old")
    if not options.data:
        raise ValueError("transfer: no data of a new task, name it with --data such as small_digits")
    recipe = from_json(texts.read(options.recipe, "recipe"))
    move = Move(loaded, *_both(options, loaded), recipe, _options(options))
    rows = [{name: name for name in ("way", "accuracy", "sparsity", "bytes", "steps", "run")}]
    for found in training.arrivals(move):
        print(f"{found.way}: {found.accuracy:.4f}", file=sys.stderr, flush=True)
        figures = (f"{found.accuracy:.4f}", f"{found.sparsity:.4f}", f"{found.bytes:,}", f"{found.steps}")
        rows.append(dict(zip(rows[0], (found.way, *figures, _way_kept(options, found, move.new)), strict=True)))
    images = len(found.task.study.bench.targets)
    where = f"{images} images of {move.new.name} that nothing was learned or chosen by"
    return f"{texts.aligned(rows)}\naccuracy on {where}"


def _way_kept(options: argparse.Namespace, found: Arrival, data: Data) -> str:
    """The number of the run that is kept of a way; where it cannot be, a line on stderr says why."""
    try:
        return f"{training.keep_moved(given.store(options), (found.task, found.outcome), found.way, data)}"
    except ValueError as error:
        print(f"note: the run is not kept, {error}", file=sys.stderr)
        return "-"


def _both(options: argparse.Namespace, loaded: Loaded) -> tuple[Data, Data]:
    """The data of the model's own task and of the new one."""
    return given.images(options, options.old or loaded.data), given.images(options, options.data)


OPTIONS = {
    **{
        name: ((f"--{name.replace('_', '-')}",), about | {"help": about["help"] + _usual(name)})
        for name, about in NAMES.items()
    },
    "train": (("--train",), {"help": "images to learn from; default: 70 %% of the data, which are not measured on"}),
    "distil": (
        ("--distil",),
        {"action": "store_true", "help": "learn from the dense model alone: --alpha 0"},
    ),
    "old": (("--old",), {"help": "images of the model's own task; default: the sample's"}),
    "width": (("--width",), _option(float, "factor of a sample's channels: a smaller network learns from it")),
    "depth": (("--depth",), _option(float, "factor of its blocks, where it has some")),
    "trained_for": (("--recipe",), {"help": "a recipe file; without one --width or --depth must be given"}),
    "teacher": (("--teacher",), {"help": "a model to learn from with --distil or --alpha; default: the dense one"}),
    "checkpoint": (("--checkpoint",), {"help": "a folder to resume from after a kill"}),
}
ON = (
    "model",
    "weights",
    "data",
    "preprocess",
    "metric",
    "device",
    "train",
    "trained_for",
    "width",
    "depth",
    "seed",
    "distil",
    "teacher",
    "checkpoint",
)
MOVED = ("model", "weights", "data", "preprocess", "device", "old", "recipe", "seed", "distil", *NAMES, "runs")
COMMANDS = {"transfer": (transfer, MOVED), "recover": (recover, (*ON, *NAMES, "output", "runs"))}
