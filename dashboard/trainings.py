"""The trainings of this server, one a model and its data, which all tabs see; and what a session asks of the next."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import streamlit as st

import sample_models
from core import evaluation, jobs, pictures, runs, training
from core.jobs import Job
from core.live import Studio
from core.loading import Data
from core.recipe import UNCODED, Recipe, Settings, to_json
from core.training import Aim, Arrival, Finished, Given, Move, Opened, Options, Step, Way
from core.training.options import FIELDS
from dashboard import keeping, offers, work
from dashboard.keeping import Place
from dashboard.state import Position

FINE, DISTIL, ROUNDS, MOVEMENT, REGROW, AWARE = "fine", "distil", "rounds", "movement", "regrow", "aware"
STUDENT, TRANSFER = "student", "transfer"
EXPLORE, ALIKE = "explore", "alike"
FIRST = {"sparsity": 0.95, "bits": UNCODED}  # what is removed at first where Explore stands dense
CODED = {"sparsity": 0.0, "bits": 2}  # the same where only codes are learned
COUNT = 5  # rounds at first
BETWEEN = 20  # steps between two looks at most: a pause or an end takes effect at a look


@dataclass(frozen=True)
class Wish:
    """What a session would train.

    how: one of HOW. what: EXPLORE for the recipe of Explore, ALIKE for sparsity and bits of all layers, '' for the
    first where it does anything. steps: in all. alpha, temperature: of distillation. image: the example. width, depth:
    factors of a smaller network. task: the data of another task.
    """

    how: str = FINE
    what: str = ""
    sparsity: float = FIRST["sparsity"]
    bits: int = FIRST["bits"]
    steps: int = 600
    alpha: float = 0.0
    temperature: float = 4.0
    rounds: int = COUNT
    schedule: str = "cubic"
    rewind: str = "rate"
    image: int = 0
    width: float = 0.5
    depth: float = 1.0
    task: str = "small_digits"


@dataclass(frozen=True, eq=False)
class Training:
    """A training that runs or has run. enough: set to end it with the best that it has."""

    wish: Wish
    recipe: Recipe
    options: Options
    job: Job
    enough: threading.Event


class Found(NamedTuple):
    """What a training has come to. opened, finished: None before it has. ways: to another task, those that ended."""

    opened: Opened | None
    steps: tuple[Step, ...]
    finished: Finished | None
    ways: tuple[Way, ...] = ()

    @property
    def best(self) -> Step | None:
        """The look with the best accuracy that satisfies the recipe as far as anyone knows: the best of its phase."""
        last = [step for step in self.steps if step.doing == self.steps[-1].doing]
        return max(last, key=lambda step: step.accuracy, default=None)


@st.cache_resource
def _kept() -> OrderedDict[tuple, Training]:
    return OrderedDict()


def wish() -> Wish:
    """What this session would train; at first what its model was trained as last."""
    if "remedy" not in st.session_state:
        return Wish()
    return st.session_state["remedy"]


def want(wished: Wish) -> None:
    """Let this session train something else."""
    st.session_state["remedy"] = wished


def source(wished: Wish, position: Position) -> str:
    """Whose recipe is trained: EXPLORE or ALIKE."""
    if wished.how == STUDENT:  # another network's layers
        return ALIKE
    return wished.what or (EXPLORE if position.recipe != Recipe() else ALIKE)


def recipe_of(wished: Wish, position: Position) -> Recipe:
    """The recipe that a wish is for."""
    if source(wished, position) == EXPLORE:
        return replace(position.recipe, model={}, recovered={})
    return Recipe(Settings(sparsity=wished.sparsity, bits=wished.bits))


def sparsity(studio: Studio, recipe: Recipe) -> float:
    """The share of all weights that a recipe names as removed, a fraction."""
    sizes = {layer.name: layer.matrix.numel() for layer in studio.study.known}
    return sum(size * recipe.settings(name).sparsity for name, size in sizes.items()) / sum(sizes.values())


def options_of(wished: Wish) -> Options:
    """How a wish is trained."""
    own = {name: getattr(wished, name) for name in HOW[wished.how].fields if name in FIELDS}
    steps = max(1, wished.steps // wished.rounds) if "rounds" in own else wished.steps
    looks = max(Options().looks, steps // BETWEEN)
    return Options(steps=steps, looks=looks, patience=max(Options().patience, looks), **HOW[wished.how].options, **own)


def current(position: Position) -> Training | None:
    """The last training of the position's model on its data, in any tab."""
    return _kept().get(keeping.place(position))


def running(position: Position) -> bool:
    """Whether a training of the position's model goes on."""
    found = current(position)
    return found is not None and found.job.running


def elsewhere(position: Position) -> list[tuple[str, str]]:
    """The other models, each with its data, that are being trained, of those that this session can choose."""
    return keeping.others(position, [place for place, found in list(_kept().items()) if found.job.running])


def begin(position: Position, wished: Wish) -> bool:
    """Train anew; False where another tab's training of the model goes on, which stays.

    ValueError where nothing would be lost that training gives back.
    """
    recipe, options = recipe_of(wished, position), options_of(wished)
    if recipe == Recipe() and wished.how != STUDENT:
        raise ValueError("Nothing is removed or coded yet: drag Prune, choose codes, or come back from Explore")
    place = keeping.place(position)
    with work.STARTING:
        if running(position):
            return False
        enough = threading.Event()
        job = _job(place, wished, (recipe, options), enough)
        work.keep(_kept(), place, Training(wished, recipe, options, job, enough), end)
    return True


def _job(place: Place, wished: Wish, given: tuple[Recipe, Options], enough: threading.Event) -> Job:
    (recipe, options), teacher, (model, weights, data) = given, None, place
    if wished.how == STUDENT:
        teacher = model, weights
        model, weights = sample_models.student_name(model, wished.width, _depth(wished, model)), None
    named = {"model": model, "data": data} | ({"weights": weights} if weights else {})

    def load() -> Given:
        taught = offers.load_model(*teacher) if teacher else None
        return Given(offers.load_model(model, weights), offers.load_data(data), recipe, options, named, taught)

    def steps() -> Iterator[object]:
        if wished.how == TRANSFER:
            return _moved(load(), (offers.load_data(wished.task), enough))
        return training.whole(load, runs.open_store, enough.is_set)

    key = ("recover", model, weights, data, to_json(recipe, indent=None), options, enough)
    return work.job(key, steps)


def _moved(given: Given, where: tuple[Data, threading.Event]) -> Iterator[Step | Way]:
    """Every look on each way to another task, and where it led, kept. where: the task's data, and what ends it."""
    new, enough = where
    for each in training.journeys(Move(given.loaded, given.data, new, given.recipe, given.options)):
        if isinstance(each, Arrival):
            yield _told(each, new)
        else:
            yield each
        if enough.is_set():
            return


def _told(arrival: Arrival, data: Data) -> Way:
    """Where a way led, with the run that is kept of it."""
    try:
        number = training.keep_moved(runs.open_store(), (arrival.task, arrival.outcome), arrival.way, data)
    except (ValueError, OSError) as error:
        return arrival.told._replace(why=f"{error}")
    return arrival.told._replace(run=number)


def _depth(wished: Wish, model: str) -> float:
    """The wish's depth, 1 where the model has no blocks."""
    return wished.depth if sample_models.has_depth(model) else 1.0


def end(found: Training) -> None:
    """Let a training end with the best that it has."""
    found.enough.set()
    jobs.go_on(found.job)


def found(asked: Training | None) -> Found:
    """What a training has come to by now."""
    events = list(asked.job.events) if asked else []
    steps = tuple(event for event in events if isinstance(event, Step))
    ways = tuple(event for event in events if isinstance(event, Way))
    return Found(_first(events, Opened), steps, _first(events, Finished), ways)


def _first(events: list[object], kind: type) -> object:
    return next((event for event in events if isinstance(event, kind)), None)


class Example(NamedTuple):
    """An image's label and probabilities by class: the teacher's, softened, and what the loss draws towards.

    pixels: (H, W), 0 to 255, None where the image is no grey picture.
    """

    label: int
    plain: list[float]
    softened: list[float]
    target: list[float]
    pixels: np.ndarray | None


def example(studio: Studio, wished: Wish) -> Example:
    """What the dense model makes of the wish's image, at its temperature and alpha."""
    bench = studio.study.bench
    logits = studio.worker.submit(evaluation.dense_logits, bench, 0).result()
    number = wished.image % len(logits)
    label, own = int(bench.targets[number]), logits[number : number + 1]
    sides = [training.softened(own, at)[0].tolist() for at in (1.0, wished.temperature)]
    target = training.aimed(own, label, Aim(wished.alpha, wished.temperature))
    drawn = pictures.pictures(bench.inputs.numpy(), [number])
    return Example(label, *sides, target.tolist(), None if drawn is None or drawn.ndim != 3 else drawn[0])


class How(NamedTuple):
    """A way to train: its words, the options that make it, and the fields of a wish that it asks for."""

    words: str
    options: dict[str, object]
    fields: tuple[str, ...] = ()


HOW = {
    FINE: How("Fine-tune: learn from the labels again", {}),
    DISTIL: How("Distil: learn from the dense model", {}, ("alpha", "temperature")),
    ROUNDS: How("In rounds: remove a little, learn, again", {}, ("rounds", "schedule", "rewind")),
    MOVEMENT: How("Movement: weights that head for 0 go", {"how": "movement"}),
    REGROW: How("Regrow: removed weights may come back", {"how": "regrow"}),
    STUDENT: How("A smaller network learns from this one", {}, ("alpha", "temperature", "width", "depth")),
    TRANSFER: How("Move it to another task, four ways", {}, ("task",)),
    AWARE: How("Quantization-aware: learn with few bits", {}),
}
