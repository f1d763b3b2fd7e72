"""The controls and the parts of the Trade-offs page: what is searched for, how far it is, what was found."""

from collections.abc import Callable
from dataclasses import replace

from core.live import Studio
from core.recipe import Recipe
from core.search import Point, front_of
from dashboard import earlier, findings, keeping, pareto, rows, searches, state
from dashboard.live import chart, row, slider, table
from dashboard.live.board import Part
from dashboard.live.row import Item
from dashboard.live.slider import Scale
from dashboard.searches import BYTES, DROP, Search, Wish

LIMIT = "limit"
MOST_LOST = 10.0  # points that the slider reaches
SECONDS = {
    30: "for 30 seconds",
    60: "for 1 minute",
    300: "for 5 minutes",
    600: "for 10 minutes",
    1800: "for half an hour",
}
COSTS = {"bytes": "smallest file", "macs": "fewest MACs"}
LOSS = {"bytes": "least loss"}  # where the size is what is limited
KINDS = {DROP: "At most points lost", BYTES: "At most in size"}


def read(studio: Studio) -> slider.Reading:
    """What the slider says, once the session wishes it."""
    wished = searches.wish()
    scale, value = _scale(studio, wished), _value(studio, wished)
    reading = slider.reading(LIMIT, scale, value)
    if reading.value != slider.clamp(scale, value):
        searches.want(_limited(studio, wished, reading.value))
    return reading


def limit(studio: Studio, reading: slider.Reading) -> Part:
    """The slider of what may be lost, or of the file's size."""
    wished = searches.wish()
    scale = _scale(studio, wished)
    return slider.part(LIMIT, scale, replace(reading, value=slider.clamp(scale, _value(studio, wished))))


def _scale(studio: Studio, wished: Wish) -> Scale:
    subject = f"{state.position().model} {wished.kind}"
    if wished.kind == DROP:
        hint = "of accuracy, against the dense model on the same images"
        return Scale("At most lost", 0, MOST_LOST, 0.1, 1, "points", subject=subject, hint=hint)
    stops = tuple(f"{size / 1000:g}" for size in searches.sizes(studio.dense_bytes))
    hint = f"the whole file; dense: {findings.size(studio.dense_bytes)}"
    return Scale("File at most (kB)", stops=stops, subject=subject, hint=hint)


def _value(studio: Studio, wished: Wish) -> float:
    if wished.kind == DROP:
        return wished.drop
    return float(searches.sizes(studio.dense_bytes).index(searches.limit(wished, studio.dense_bytes)))


def _limited(studio: Studio, wished: Wish, value: float) -> Wish:
    if wished.kind == DROP:
        return replace(wished, drop=round(value, 1))
    return replace(wished, size=searches.sizes(studio.dense_bytes)[int(value)])


def controls(search: Search | None) -> dict[str, tuple[Item, ...]]:
    """Row name -> its controls."""
    here = state.position()
    wished, last, known = searches.wish(), searches.current(here), earlier.options(here)
    going = last is not None and last.job.running
    seconds = {f"{each:g}": said for each, said in SECONDS.items()}
    seconds.setdefault(f"{wished.seconds:g}", f"for {wished.seconds:g} seconds")
    costs = COSTS if wished.kind == DROP else LOSS
    start = Item(
        "button", "start", "Start", main=True, disabled=search is not None and searches.timing(search) is not None
    )
    hold = rows.hold(last.job.paused, last.enough.is_set()) if going else None
    return {
        "model": rows.models(here),
        "shown": (rows.select("earlier", "Which search is shown", known, earlier.chosen(here)),),
        "kind": (Item("segments", "kind", "What is limited", tuple(KINDS.items()), wished.kind),),
        "time": (
            rows.select("seconds", "How long to search", seconds, f"{wished.seconds:g}"),
            rows.select("cost", "What is to be small", costs, wished.cost if wished.kind == DROP else "bytes"),
        ),
        "run": (
            Item("button", "cancel", "Cancel, keep what was found", disabled=not going or last.enough.is_set()),
            hold or start,
        ),
        "axes": (
            rows.select("across", "What lies across", _axes("across"), wished.across),
            rows.select("up", "What goes up", _axes("up"), wished.up),
        ),
        "timing": (
            Item("button", "timing", "Time the recipes", disabled=not _idle(search)),
            Item("button", "keep", "Keep them as runs", disabled=not _keepable(search)),
        ),
    }


def _axes(side: str) -> dict[str, str]:
    return {name: f"{side}: {said}" for name, said in findings.AXIS_WORDS.items()}


def _idle(search: Search | None) -> bool:
    return search is not None and not search.job.running and searches.timing(search) is None


def _keepable(search: Search | None) -> bool:
    """Whether there are recipes to keep that are not being kept."""
    before = keeping.front(state.position())
    return _idle(search) and not (before and before.job.running)


def carry_out(studio: Studio, search: Search | None) -> str:
    """Do what was chosen since the last run; the name of the control, or ''."""
    last = searches.current(state.position())
    job = last and last.job
    choice = row.first({name: (*items, *rows.late(name, job)) for name, items in controls(search).items()})
    if choice is None:
        return ""
    DEEDS[choice.name](studio, search, choice)
    return choice.name


def chosen(points: tuple[Point, ...]) -> Recipe | None:
    """The recipe of the point or row that was opened since the last run."""
    click, number = chart.clicked("pareto"), table.opened("front")
    if number is None and click and click.customdata:
        number = click.customdata[0]
    known = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(points)
    return _bare(points[number].recipe) if known else None


def _bare(recipe: Recipe) -> Recipe:
    """The recipe without layers that follow the default anyway."""
    return replace(recipe, layers={name: changes for name, changes in recipe.layers.items() if changes})


def _start(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    if studio.study.trained is not None:
        state.complain("A search begins at a model as it was loaded: choose one that is not recovered.")
        return
    here = state.position()
    if not searches.begin(here, searches.goal_of(searches.wish(), studio.dense_bytes)):
        state.complain("Another tab began a search of this model before: it is shown here, with what it was asked for.")
    earlier.choose(here, earlier.LAST)


def _hold(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    rows.HOLD[choice.name](searches.current(state.position()).job)


def _cancel(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    searches.end(searches.current(state.position()))


def _earlier(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    earlier.choose(state.position(), choice.value)


def _time(studio: Studio, search: Search, choice: row.Picked) -> None:
    searches.time_recipes(search, _on_the_line(search))


def _keep(studio: Studio, search: Search, choice: row.Picked) -> None:
    keeping.begin_all(state.position(), _on_the_line(search))


def _on_the_line(search: Search) -> list[Recipe]:
    """The recipes that no other beats in size and accuracy, without the dense model."""
    found = searches.found(search)
    front = front_of(pareto.inside(found.table, search.goal), "bytes", "accuracy")
    return [found.points[number].recipe for number in front["number"] if number]


def _wish(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    value = float(choice.value) if choice.name == "seconds" else choice.value
    searches.want(replace(searches.wish(), **{choice.name: value}))


def _axis(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    """An objective that lies on one axis already changes places with the other's."""
    wished = searches.wish()
    here, there = (wished.across, wished.up) if choice.name == "across" else (wished.up, wished.across)
    other = here if choice.value == there else there
    axes = (choice.value, other) if choice.name == "across" else (other, choice.value)
    searches.want(replace(wished, across=axes[0], up=axes[1]))


def _model(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    state.choose_model(choice.value)


def _data(studio: Studio, search: Search | None, choice: row.Picked) -> None:
    state.choose_data(choice.value)


Deed = Callable[[Studio, Search | None, row.Picked], None]
DEEDS: dict[str, Deed] = {
    "model": _model,
    "data": _data,
    "earlier": _earlier,
    "kind": _wish,
    "seconds": _wish,
    "cost": _wish,
    "start": _start,
    **dict.fromkeys(rows.HOLD, _hold),
    "cancel": _cancel,
    "across": _axis,
    "up": _axis,
    "timing": _time,
    "keep": _keep,
}
