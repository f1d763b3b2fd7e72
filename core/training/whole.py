"""A whole recovery, from the files to two runs that are kept: one iterator that can be paused and told when to end."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch

from core import behaviour, exporting, pipeline, runs
from core.behaviour import Answered
from core.compress import compress, grids, weights
from core.fitting import require_classes
from core.layer import layers
from core.loading import Data, Loaded
from core.recipe import Recipe
from core.runs import Run, Store, Subject
from core.statistics import Estimate, Tally, estimate
from core.training.course import recover
from core.training.options import Options
from core.training.state import Kept, Outcome, Step, applied
from core.training.task import Task, task, taught_by
from core.training.trainee import answers

KIND = "recovered"  # of a run that a training made
MOVED = "transferred"  # of one that was moved to another task
SURE = ("predictive_entropy_dense", "calibration_error_dense", "loss_dense")
UNKNOWN = ("drop", "drop_ci95", "accuracy_dense", "metric", *SURE)  # of a dense model that has not learned the task


@dataclass(frozen=True, eq=False)
class Given:
    """What is to be trained, on what, and how. source: what names the model and its data, kept with the run.

    teacher: another model to learn from than the dense one.
    """

    loaded: Loaded
    data: Data
    recipe: Recipe
    options: Options
    source: Mapping[str, str] = field(default_factory=dict)
    teacher: Loaded | None = None


class Opened(NamedTuple):
    """How many images are for what, and the accuracy on the held-out ones, a fraction, dense and before training."""

    learn: int
    held: int
    measured: int
    dense: float
    before: float


class Written(NamedTuple):
    """A recovered model, measured. figures: on images that nothing was chosen by; before: the same without training.

    files: report.json, model.safetensors and recipe.json by name.
    """

    run: Run
    figures: Estimate
    before: Estimate
    answers: Answered
    files: Mapping[str, bytes]
    weights: bytes


class Finished(NamedTuple):
    """What a recovery came to. before, after: numbers of the kept runs, 0 where they are not kept, which `why` says in
    a sentence. sizes: bytes of the file, and of the dense."""

    before: int
    after: int
    figures: Estimate
    untrained: Estimate
    sizes: tuple[int, int]
    why: str = ""


def begun(given: Given) -> Task:
    """The task of what is given; ValueError where its images or its model cannot be learned from."""
    require_classes(torch.from_numpy(given.data.targets), "recover")
    made = task(given.loaded, given.data, given.recipe, given.options)
    return taught_by(made, given.teacher) if given.teacher else made


def whole(
    load: Callable[[], Given], store: Callable[[], Store], enough: Callable[[], bool]
) -> Iterator[Opened | Step | Finished]:
    """How the images are divided, every look at the training until `enough` says so, and the two runs that are kept.

    store: opens it, or says why there is none; what was trained is measured without it too. ValueError where nothing
    satisfied the recipe until then.
    """
    given = load()
    made, kept = begun(given), Kept()
    yield opened(made, given.options)
    away = 0.0
    for step in recover(made, given.options, kept):
        left = time.monotonic()
        yield _without(step, away)
        away += time.monotonic() - left
        if enough():
            break
    if not kept.best:
        raise ValueError("it was ended before anything satisfied the recipe")
    subject = runs.subject(given.loaded, given.data)
    found = written(made, kept.best[0], subject)
    sizes = len(found.files[runs.WEIGHTS]), pipeline.dense_bytes(made.study)
    try:
        after = keep(store, found, given.source)
        numbers, why = (_untrained(store(), given, subject), after), ""
    except (ValueError, OSError) as error:
        numbers, why = (0, 0), f"{error}"
    yield Finished(*numbers, found.figures, found.before, sizes, why)


def _without(step: Step, away: float) -> Step:
    """The step with its times, less the seconds in which the caller held the training."""
    part = 1 - away / step.seconds if step.seconds else 1.0
    return replace(step, seconds=part * step.seconds, left=part * step.left)


def opened(made: Task, options: Options) -> Opened:
    """What is known of a task before anything is learned. Without labels the teacher's answers are the right ones.

    Where another model teaches it stands in for the dense one.
    """
    study, (encoded, beside) = made.study, made.start
    tensors = study.moved | weights(study.known, encoded) | dict(beside)
    dense = answers((made.teacher or study.loaded).model, {}, {}, made.held.x)
    start = answers(study.model, tensors, grids(study.known, encoded), made.held.x)
    target = made.held.y if options.alpha > 0 else dense.argmax(1)
    right = [float((logits.argmax(1) == target).float().mean()) for logits in (dense, start)]
    return Opened(len(made.learn.y), len(made.held.y), len(study.bench.targets), *right)


def written(made: Task, outcome: Outcome, subject: Subject) -> Written:
    """An outcome measured on the images that nothing was chosen by, as files and as a run that is not kept yet."""
    study, held = made.study, applied(made, outcome)
    tally, found = behaviour.answered(study.bench, held.change)
    before = pipeline.measure(study, pipeline.trained(study, made.recipe, *made.start))
    files = pipeline.files(study, outcome.recipe, held, tally)
    extra = {"held_out": outcome.accuracy, "before": before.correct / before.images}
    asked = runs.asked(subject, outcome.recipe, KIND, {"phase": outcome.phase, "step": outcome.step})
    run = replace(asked, report=json.loads(files["report.json"]), extra=extra)
    data = exporting.serialize(study.model, study.known, outcome.encoded, outcome.beside)
    return Written(run, _estimated(tally), _estimated(before), found, files, data)


def beside_teacher(made: Task, data: bytes) -> str:
    """A sentence: what the teacher gets right of the images that nothing was chosen by, and how much larger it is.

    data: the file of what learned from it.
    """
    bench, model = made.study.bench, made.teacher.model
    right = float((answers(model, {}, {}, bench.inputs).argmax(1) == bench.targets).float().mean())
    known = layers(model)
    size = exporting.file_bytes(model, known, compress(known, Recipe()))
    return f"teacher {made.teacher.name} {right:.4f}, its file {size / len(data):.1f} times as large"


def _estimated(tally: Tally) -> Estimate:
    return estimate(tally, tally.images)


def keep(store: Callable[[], Store], found: Written, source: Mapping[str, str]) -> int:
    """The number under which a recovered model is kept, with its weights and what named the model and its data.

    store: opens it. ValueError where it cannot be used: it names the store of its own that the run is kept in instead.
    """
    run = replace(found.run, extra={**found.run.extra, "source": dict(source)})
    kept = run, found.answers, {runs.WEIGHTS: found.weights}
    try:
        return runs.record(store(), *kept)
    except ValueError as error:
        aside = runs.open_store(Path(tempfile.mkdtemp(prefix="prunescope-")) / "runs.sqlite")
        number = runs.record(aside, *kept)
        raise ValueError(f"{error}; what was trained is kept as run {number} in '{aside.path}'") from None


def keep_moved(store: Store, arrived: tuple[Task, Outcome], way: str, data: Data) -> int:
    """The number under which the figures and answers of a network on its new task are kept, named after its way there.

    arrived: its training on the new task, and the outcome. Without its weights: nothing else reads them, since its last
    layer is none of the model's. Without the figures of the dense model, which has not learned that task.
    """
    made, outcome = arrived
    found = written(made, outcome, runs.subject(made.study.loaded, data))
    run, report = found.run, {name: figure for name, figure in found.run.report.items() if name not in UNKNOWN}
    settings = {**run.settings, "way": way}
    kept = replace(run, kind=MOVED, name=way, settings=settings, report=report, extra={"held_out": outcome.accuracy})
    return runs.record(store, kept, found.answers)


def _untrained(store: Store, given: Given, subject: Subject) -> int:
    """The number of the kept run of the recipe without the training, which is measured where there is none."""
    run = runs.asked(subject, replace(given.recipe, recovered={}))
    known = runs.find(store, run)
    if known and runs.arrays(store, known.number):
        return known.number
    return runs.record(store, *runs.measured(pipeline.study(given.loaded, given.data, run.recipe), run))
