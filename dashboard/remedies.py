"""The controls of the Recover page: how a network is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import sample_models
from core import runs
from core.recipe import UNCODED
from core.runs import Run
from core.training import REWINDS, SCHEDULES, Way
from dashboard import desk, keeping, rows, state, trainings
from dashboard.desk import Desk
from dashboard.live import row, slider
from dashboard.live.board import Part
from dashboard.live.row import Item
from dashboard.live.slider import Scale
from dashboard.trainings import ALIKE, EXPLORE, HOW, STUDENT, TRANSFER, Found, Training, Wish

STEPS = {60: "60 steps: a look", 200: "200 steps", 600: "600 steps", 2000: "2,000 steps", 6000: "6,000 steps"}
BITS = {UNCODED: "no codes", 8: "8 bits", 4: "4 bits", 3: "3 bits", 2: "2 bits", 1: "1 bit"}
COUNTS = {3: "3 rounds", 5: "5 rounds", 10: "10 rounds"}
SCHEDULE_WORDS = {"one_shot": "all at once", "linear": "as much each", "cubic": "much at first"}
REWIND_WORDS = {"none": "go on", "rate": "rate again", "weights": "weights again"}
TASKS = {"small_digits": "to scikit-learn's digits", "high_digits": "to the digits 5 to 9"}
FACTORS = (0.75, 0.5, 0.25, 0.125, 1)
FIRST_OF = {trainings.AWARE: trainings.CODED, STUDENT: {"sparsity": 0.0, "bits": UNCODED}}
SOURCES = {EXPLORE: "Explore's recipe", ALIKE: "All layers alike"}
SLIDERS = {
    "sparsity": Scale(
        "Prune", 0, 99.5, 0.1, digits=1, unit="%", hint="of every layer's weights are removed · sparsity"
    ),
    "temperature": Scale("T", 1, 20, 0.5, digits=1, hint="evens the dense model's answers out · temperature"),
    "alpha": Scale("α", 0, 1, 0.05, digits=2, hint="0: the dense model alone teaches, 1: the labels alone"),
}
SCALES = {"sparsity": 100.0, "temperature": 1.0, "alpha": 1.0}


def read() -> dict[str, slider.Reading]:
    """What the sliders say, once the session wishes it."""
    readings = {}
    for name, scale in SLIDERS.items():
        wished = trainings.wish()
        value = SCALES[name] * getattr(wished, name)
        readings[name] = slider.reading(name, scale, value)
        if readings[name].value != slider.clamp(scale, value):
            trainings.want(replace(wished, **{name: round(readings[name].value / SCALES[name], 4)}))
    return readings


def sliders(readings: dict[str, slider.Reading]) -> dict[str, Part]:
    """The sliders that the wish asks for."""
    wished, parts = trainings.wish(), {}
    for name in _asked(wished):
        scale = SLIDERS[name]
        value = slider.clamp(scale, SCALES[name] * getattr(wished, name))
        parts[name] = slider.part(name, scale, replace(readings[name], value=value))
    return parts


def _asked(wished: Wish) -> tuple[str, ...]:
    alike = ("sparsity",) if trainings.source(wished, state.position()) == ALIKE else ()
    return (*alike, *(name for name in HOW[wished.how].fields if name in SLIDERS))


def controls(training: Training | None) -> dict[str, tuple[Item, ...]]:
    """Row name -> its controls."""
    wished, here = trainings.wish(), state.position()
    source = trainings.source(wished, here)
    coded = (rows.select("bits", "How values are stored", _texts(BITS), str(wished.bits)),) if source == ALIKE else ()
    return {
        "model": rows.models(here),
        "how": (rows.select("how", "How to train", {name: way.words for name, way in HOW.items()}, wished.how),),
        **({} if wished.how == STUDENT else _source(source)),
        "much": (*coded, rows.select("steps", "How long to train", _texts(STEPS), str(wished.steps))),
        **_of_the_way(wished),
        "run": _run(training),
        "after": _after(trainings.found(training)),
    }


def _texts(options: dict[int, str]) -> dict[str, str]:
    return {str(value): said for value, said in options.items()}


def _of_the_way(wished: Wish) -> dict[str, tuple[Item, ...]]:
    """The controls that only some ways to train have."""
    fields = HOW[wished.how].fields
    if "temperature" in fields:
        example = {"example": (Item("button", "another", "Another image as the example"),)}
        return example | (_smaller(wished) if wished.how == STUDENT else {})
    if wished.how == TRANSFER:
        return {"smaller": (rows.select("task", "The other task", TASKS, wished.task),)}
    if "rounds" not in fields:
        return {}
    return {
        "rounds": (
            rows.select("rounds", "How many rounds", _texts(COUNTS), str(wished.rounds)),
            rows.select("schedule", "How much each round removes", _words(SCHEDULES, SCHEDULE_WORDS), wished.schedule),
            rows.select("rewind", "What a round begins with again", _words(REWINDS, REWIND_WORDS), wished.rewind),
        )
    }


def _source(source: str) -> dict[str, tuple[Item, ...]]:
    return {"what": (Item("segments", "what", "What is trained for", tuple(SOURCES.items()), source),)}


def _smaller(wished: Wish) -> dict[str, tuple[Item, ...]]:
    """How much smaller a network is; a depth only where the model has blocks."""
    width = rows.select("width", "How wide the smaller network is", _factors("width"), f"{wished.width:g}")
    depth = rows.select("depth", "How deep it is", _factors("depth"), f"{wished.depth:g}")
    deep = sample_models.has_depth(keeping.base(state.position()).model)
    return {"smaller": (width, depth) if deep else (width,)}


def _factors(what: str) -> dict[str, str]:
    return {f"{factor:g}": f"{what} × {factor:g}" for factor in FACTORS}


def _words(names: Iterable[str], said: Mapping[str, str]) -> dict[str, str]:
    return {name: said[name] for name in names}


def _run(training: Training | None) -> tuple[Item, ...]:
    going = training is not None and training.job.running
    stops = not going or training.enough.is_set()
    return (
        Item("button", "cancel", "Cancel, keep the best", disabled=stops),
        rows.hold(training.job.paused, stops) if going else Item("button", "start", "Start", main=True),
    )


def _after(found: Found) -> tuple[Item, ...]:
    none = found.finished is None or not found.finished.after
    ways = Item("button", "ways", "Compare the ways", disabled=len(_kept(found.ways)) < len(found.ways))
    return (
        ways if found.ways else Item("button", "compare", "Compare with before", disabled=none),
        Item("button", "explore", "Open in Explore", main=True, disabled=none),
    )


def _kept(ways: Sequence[Way]) -> tuple[int, ...]:
    return tuple(way.run for way in ways if way.run)


def carry_out(training: Training | None) -> str:
    """Do what was chosen since the last run; the name of the control, or ''."""
    job = training and training.job
    choice = row.first({name: (*items, *rows.late(name, job)) for name, items in controls(training).items()})
    if choice is None:
        return ""
    DEEDS[choice.name](training, choice)
    return choice.name


def _start(training: Training | None, choice: row.Picked) -> None:
    try:
        if not trainings.begin(state.position(), trainings.wish()):
            state.complain("Another tab began a training of this model before: it is shown here.")
    except (ValueError, OSError) as error:
        state.complain(f"{error}.")


def _hold(training: Training, choice: row.Picked) -> None:
    rows.HOLD[choice.name](training.job)


def _cancel(training: Training, choice: row.Picked) -> None:
    trainings.end(training)


def _explore(training: Training, choice: row.Picked) -> None:
    desk.go_to(_after_run(training))
    state.turn_to("Explore")


def _compare(training: Training, choice: row.Picked) -> None:
    done = trainings.found(training).finished
    if training.wish.how == STUDENT:  # another model than the one that taught
        desk.go_to(_after_run(training))
    pair = {"before": done.before, "after": done.after, "picked": (done.before, done.after)}
    desk.lay(replace(desk.desk(), **pair))
    state.turn_to("Compare")


def _ways(training: Training, choice: row.Picked) -> None:
    """They are of another model, that with the new last layer."""
    numbers = _kept(trainings.found(training).ways)
    desk.lay(Desk(picked=numbers, every=True))
    state.turn_to("Compare")


def _after_run(training: Training) -> Run:
    return runs.one(keeping.store(), trainings.found(training).finished.after)


def _how(training: Training | None, choice: row.Picked) -> None:
    """Few bits and smaller networks begin without pruning, all else with it, where nobody chose otherwise."""
    wished = trainings.wish()
    now = FIRST_OF.get(choice.value, trainings.FIRST)
    untouched = {name: getattr(wished, name) for name in now} == FIRST_OF.get(wished.how, trainings.FIRST)
    trainings.want(replace(wished, how=choice.value, **(now if untouched else {})))


def _text(training: Training | None, choice: row.Picked) -> None:
    trainings.want(replace(trainings.wish(), **{choice.name: choice.value}))


def _number(training: Training | None, choice: row.Picked) -> None:
    trainings.want(replace(trainings.wish(), **{choice.name: int(choice.value)}))


def _factor(training: Training | None, choice: row.Picked) -> None:
    trainings.want(replace(trainings.wish(), **{choice.name: float(choice.value)}))


def _another(training: Training | None, choice: row.Picked) -> None:
    wished = trainings.wish()
    trainings.want(replace(wished, image=wished.image + 1))


def _model(training: Training | None, choice: row.Picked) -> None:
    state.choose_model(choice.value)


def _data(training: Training | None, choice: row.Picked) -> None:
    state.choose_data(choice.value)


LEAVING = ("explore", "compare", "ways")  # controls that turn to another view
Deed = Callable[[Training | None, row.Picked], None]
DEEDS: dict[str, Deed] = {
    "model": _model,
    "data": _data,
    "how": _how,
    "what": _text,
    "bits": _number,
    "steps": _number,
    "rounds": _number,
    "schedule": _text,
    "task": _text,
    "rewind": _text,
    "another": _another,
    "width": _factor,
    "depth": _factor,
    "start": _start,
    **dict.fromkeys(rows.HOLD, _hold),
    "cancel": _cancel,
    "explore": _explore,
    "compare": _compare,
    "ways": _ways,
}
