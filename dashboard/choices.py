"""The small controls of the Compare page, and what each choice does."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from core import runs
from dashboard import compared, desk, keeping, rows, state, verdicts
from dashboard.desk import Found
from dashboard.live import chart, progress, row
from dashboard.live.board import Part
from dashboard.live.row import Item, Picked
from dashboard.state import Position

SECTION_WORDS = {
    desk.FIGURES: "Size and accuracy",
    desk.BEHAVIOUR: "Answers",
    desk.FLIPS: "Flipped images",
    desk.MORE: "Signals and time",
}
ABOVE = ("section", "pair", "flips", "asked")


def controls(on: Found, position: Position) -> dict[str, tuple[Item, ...]]:
    """Row name -> its controls, of the rows that the chosen section has."""
    here = desk.desk()
    lost = desk.deleted()
    made = {
        "model": rows.models(position),
        "which": (
            rows.select(
                "every",
                "Which runs are listed",
                {"": "runs of this model and data", "1": "all runs"},
                "1" if here.every else "",
            ),
        ),
        "foot": (
            Item("button", "undo", "Undo delete", disabled=lost is None),
            Item("button", "export", "Export…", disabled=not on.listed),
        ),
        "section": (Item("segments", "section", "What is compared", tuple(SECTION_WORDS.items()), here.section),),
    }
    own = {desk.BEHAVIOUR: ("pair",), desk.FLIPS: ("pair", "flips"), desk.MORE: ("asked",), desk.FIGURES: ()}[
        here.section
    ]
    return made | {name: OWN[name](on, position) for name in own}


def _pair(on: Found, position: Position) -> tuple[Item, ...]:
    options = {str(run.number): _called(on, run) for run in on.picked}
    before, after = (str(run.number) for run in on.pair) if on.pair else ("", "")
    again = [run for run in on.pair or () if not desk.holds_answers(on, run)]
    measure = Item("button", "again", "Measure again", disabled=not all(desk.measurable(r, on.subject) for r in again))
    return (
        rows.select("before", "The first of the pair", options, before),
        Item("note", "then", "beside"),
        rows.select("after", "The second of the pair", options, after),
        *([measure] if again else []),
    )


def _called(on: Found, run: runs.Run) -> str:
    dense = on.dense is not None and run.number == on.dense.number
    return f"{on.letter(run)}: {verdicts.called(run, dense)}"


def _flips(on: Found, position: Position) -> tuple[Item, ...]:
    here, many = desk.desk(), compared.flipped(on)
    last = max(0, (many - 1) // desk.PAGE)
    page = min(here.page, last)
    return (
        Item("segments", "kind", "Which images", tuple(verdicts.KINDS.items()), here.kind),
        rows.select("sort", "In which order", verdicts.SORTS, here.sort),
        Item("button", "back", "‹ Back", disabled=page == 0),
        Item("button", "forth", f"Next ›  {page + 1} of {last + 1}", disabled=page == last),
    )


def _asked(on: Found, position: Position) -> tuple[Item, ...]:
    run = desk.asked(on)
    usable = run is not None and desk.of_subject(run, on.subject)
    running = [
        job
        for what in keeping.MEASURES
        if run and (job := keeping.study_job(position, run, what, start=False)) and job.running
    ]
    options = {str(each.number): _called(on, each) for each in on.picked}
    return (
        rows.select("run", "Whose signals and time", options, str(run.number) if run else ""),
        Item("button", "stability", "Measure signals", disabled=not usable or bool(running)),
        Item("button", "latency", "Measure time", disabled=not usable or bool(running)),
    )


OWN = {"pair": _pair, "flips": _flips, "asked": _asked}


def parts(on: Found, position: Position) -> dict[str, Part]:
    """The rows of controls, those of the section above the plots, and how far a measurement is."""
    made = {name: row.part(name, items) for name, items in controls(on, position).items()}
    for name in ABOVE:
        if name in made:
            made[name] = replace(made[name], area="plots")
    return made | {"bar": progress.part(_progress())}


def _progress() -> progress.Progress:
    found = keeping.going()
    if not found:
        return progress.Progress("measuring", 0.0, "Nothing is being measured")
    share = keeping.share(found[0])
    return progress.Progress("measuring", share, "Measuring on all images, to be kept", f"{share:.0%}")


def carry_out(on: Found, position: Position) -> str:
    """Do what was chosen since the last run; the name of the control, or ''."""
    click = chart.clicked("scatter")
    if click and click.customdata and on.pair and click.customdata[0] in [run.number for run in on.picked]:
        desk.lay(replace(desk.desk(), **_second(on, click.customdata[0])))
    choice = row.first(controls(on, position))
    if choice is None:
        return ""
    DEEDS[choice.name](on, position, choice)
    return choice.name


def _second(on: Found, number: int) -> dict[str, int]:
    """The pair once its second is another run; the first gives way where it is that run."""
    before, after = (run.number for run in on.pair)
    return {"after": number, "before": after if before == number else before, "page": 0}


def _first(on: Found, number: int) -> dict[str, int]:
    before, after = (run.number for run in on.pair)
    return {"before": number, "after": before if after == number else after, "page": 0}


def _before(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), **_first(on, int(choice.value))))


def _after(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), **_second(on, int(choice.value))))


def _every(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), every=bool(choice.value)))


def _section(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), section=choice.value))


def _run(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), run=int(choice.value)))


def _look(on: Found, position: Position, choice: Picked) -> None:
    desk.lay(replace(desk.desk(), **{choice.name: choice.value}, page=0))


def _turn(on: Found, position: Position, choice: Picked) -> None:
    step = 1 if choice.name == "forth" else -1
    desk.lay(replace(desk.desk(), page=max(0, desk.desk().page + step)))


def _again(on: Found, position: Position, choice: Picked) -> None:
    for run in on.pair or ():
        if not desk.holds_answers(on, run):
            keeping.begin(position, run)


def _measure(on: Found, position: Position, choice: Picked) -> None:
    keeping.study_job(position, desk.asked(on), choice.name, start=True)


def _undo(on: Found, position: Position, choice: Picked) -> None:
    desk.bring_back(on)


def _export(on: Found, position: Position, choice: Picked) -> None:
    """A dialog is opened by the view."""


def _model(on: Found, position: Position, choice: Picked) -> None:
    state.choose_model(choice.value)


def _data(on: Found, position: Position, choice: Picked) -> None:
    state.choose_data(choice.value)


@st.dialog("Export the runs")
def export(on: Found) -> None:
    """Offer the listed runs as files."""
    st.markdown(f"{len(on.listed)} runs with their recipes, figures, names and notes; not the answers to each image.")
    with st.container(horizontal=True):
        for words, file, kind, made in FILES:
            st.download_button(words, partial(made, on.listed), file, kind, on_click="ignore")  # made when asked for


FILES = (
    ("CSV", "runs.csv", "text/csv", runs.to_csv),
    ("JSON", "runs.json", "application/json", runs.to_json),
)
Deed = Callable[[Found, Position, Picked], None]
DEEDS: dict[str, Deed] = {
    "model": _model,
    "data": _data,
    "every": _every,
    "section": _section,
    "before": _before,
    "after": _after,
    "again": _again,
    "kind": _look,
    "sort": _look,
    "back": _turn,
    "forth": _turn,
    "run": _run,
    "stability": _measure,
    "latency": _measure,
    "undo": _undo,
    "export": _export,
}
