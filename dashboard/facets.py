"""The parts of the Layers page: the map with its choices, the order in which layers break, and what was done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from core.live import Look, Studio
from core.recipe import Recipe, Settings
from core.sensitivity import BROKEN
from dashboard import controls, editing, maps, panels, rows, sensing, state
from dashboard.live import chart, lines, progress, row
from dashboard.live.board import Part
from dashboard.live.row import Item, Picked
from dashboard.sensing import Subject
from dashboard.state import Position

TALL = "max(430px, 100vh - 452px)"
CARDS = {
    "heat": {"height": TALL, "phone": "440px"},
    "spectrum": {"height": f"calc(({TALL} - 16px) / 2)", "phone": "260px"},
    "layers": {"height": f"calc(({TALL} - 16px) / 2)", "phone": "260px"},
}
ORDER = f"What breaks first: over {BROKEN:g} point lost"
LIST = "max(100px, 100vh - 798px)"


@dataclass(frozen=True)
class View:
    """What the page shows. methods: the one that is chosen of each technique. said: about the last deed."""

    technique: str = "sparsity"
    methods: Mapping[str, str] = field(
        default_factory=lambda: {name: known[0] for name, known in sensing.METHODS.items()}
    )
    search: str = ""
    said: str = ""


def view() -> View:
    """What this session's page shows; at first a map that is being measured, if one is."""
    if "facets" not in st.session_state:
        here, start = state.position(), View()
        names = sensing.of_a_map(state.studio_of(here).study.known, "")
        found = sensing.at_work(here, tuple(layer.name for layer in names))
        st.session_state["facets"] = (
            replace(start, technique=found[0], methods={**start.methods, found[0]: found[1]}) if found else start
        )
    return st.session_state["facets"]


def _show(**changes: object) -> None:
    st.session_state["facets"] = replace(view(), **changes)


def say(sentence: str) -> None:
    """Say what a deed has done, until the next one says something."""
    if sentence:
        _show(said=sentence)


def _subject(here: Position) -> Subject:
    seen = view()
    return sensing.subject(here, seen.technique, seen.methods[seen.technique])


def _names(here: Position) -> tuple[str, ...]:
    """The layers that the job of the map measures."""
    known = state.studio_of(here).study.known
    return tuple(layer.name for layer in sensing.of_a_map(known, view().search))


def running(here: Position) -> bool:
    """Whether the map of a position is being measured."""
    return sensing.progress(_subject(here), _names(here)).running


def see_to_the_map(here: Position) -> None:
    """Measure what the map lacks, unless someone stopped that; what a search has left behind is measured no more."""
    of, names = _subject(here), _names(here)
    before = st.session_state.get("mapped", (of, names))
    if before[0] == of and before[1] != names:
        sensing.stop(*before)
    st.session_state["mapped"] = of, names
    if names and sensing.find(of, names) is None and not sensing.progress(of, names).complete:
        sensing.start(of, names)


def carry_out(studio: Studio) -> str:
    """Do what was chosen in the rows or on the map since the last run; the name of the control, or ''."""
    here = state.position()
    choice = row.first(_rows(here))
    if choice is not None:
        DEEDS[choice.name](studio, choice)
        return choice.name
    click = chart.clicked("heat")
    if click and len(click.customdata) == 2:
        _give(studio, *click.customdata)
        return "heat"
    return ""


def _give(studio: Studio, name: object, setting: object) -> None:
    """The clicked setting for the clicked layer, as it was measured; its other techniques stay."""
    here, of = state.position(), _subject(state.position())
    steps = {float(step[of.technique]): step for step in sensing.ladder(of.technique, of.method)}
    if name not in [layer.name for layer in studio.study.known] or setting not in steps:
        return
    found = sensing.row(of, name, setting)
    if found and found["note"]:
        _show(said=f"{found['note']}.".replace("layer '", "'"))
        return
    plain = {field: getattr(Settings(), field) for field in WITH[of.technique]}
    changes = {**plain, sensing.FIELDS[of.technique]: of.method, **steps[setting]}
    there = replace(here, layer=name)
    recipe = controls.changed(there, changes)
    state.settle(editing.standing(there, recipe))
    _show(said=maps.given(of.technique, name, setting, found))


def _rows(here: Position) -> dict[str, tuple[Item, ...]]:
    seen, done = view(), sensing.progress(_subject(here), _names(here))
    methods = {name: name for name in sensing.METHODS[seen.technique]}
    run = "Stop" if done.running else "All measured" if done.complete else "Go on"
    return {
        "model": rows.models(here),
        "technique": (
            Item("segments", "technique", "What each layer is put to", tuple(TECHNIQUES.items()), seen.technique),
            rows.select("method", METHOD_WORDS[seen.technique], methods, seen.methods[seen.technique]),
        ),
        "run": (Item("button", "run", run, disabled=done.complete and not done.running),),
        "tools": (
            Item("search", "search", "Search the layers", value=seen.search),
            Item("line", "told", seen.said or "A click on a cell of the map gives the layer that setting."),
            Item("button", "undo", "Undo", disabled=not state.can_undo()),
            Item("button", "explore", "Open in Explore", main=True),
        ),
    }


def parts(here: Position) -> dict[str, Part]:
    """Everything of the page but its plots, the two figures and the table."""
    of, names = _subject(here), _names(here)
    made = {name: row.part(name, items) for name, items in _rows(here).items()}
    done = sensing.progress(of, names)
    doing, left = maps.progress_words(done.cells, done.total, done.seconds)
    bar = progress.Progress("Cells of the map", done.share, doing, left, done.trouble)
    settings = [step[of.technique] for step in sensing.ladder(of.technique, of.method)]
    order = maps.order_lines(of.technique, sensing.order(of, list(names)), settings[-1])
    made["tools"] = replace(made["tools"], area="wide")
    made["bar"] = progress.part(bar)
    made["order"] = lines.part(ORDER, order or [maps.NOTHING_YET], LIST)
    return made


def plots(studio: Studio, here: Position, looked: Look) -> dict[str, Part]:
    """The map, the spectrum of the chosen layer, and what stays of each layer."""
    known = studio.study.known
    names = [layer.name for layer in sensing.matching(known, view().search, sensing.SHOWN)]
    made = {"heat": _heat(here, names), "spectrum": panels.spectrum(studio, here, looked)}
    made["layers"] = panels.layers(looked, names)
    return {name: replace(part, data={**part.data, **CARDS[name]}) for name, part in made.items()}


def _heat(here: Position, names: list[str]) -> Part:
    of = _subject(here)
    found, done = sensing.rows(of, names), sensing.progress(of, tuple(names))
    settings = [float(step[of.technique]) for step in sensing.ladder(of.technique, of.method)]
    figure = maps.heat(names, (of.technique, settings), found, _stands(here.recipe, of, names))
    title = maps.map_title(of.technique, sensing.order(of, names), done.complete)
    note = f"each layer alone, by {of.method}: points of accuracy lost; outlined: the recipe; click to set"
    return chart.part(figure, chart.Card(title if names else "No layer to show", note))


def _stands(recipe: Recipe, of: Subject, names: list[str]) -> set[tuple[str, float]]:
    """The cells that the recipe has now, where it has them by the same method."""
    held = [(name, recipe.settings(name)) for name in names]
    by = sensing.FIELDS[of.technique]
    return {(name, float(getattr(each, of.technique))) for name, each in held if getattr(each, by) == of.method}


def table_words(studio: Studio) -> str:
    """Which layers the table shows."""
    known, search = studio.study.known, view().search
    every = sensing.matching(known, search, len(known))
    return maps.shown_words(min(len(every), sensing.LISTED), len(every), len(known), search)


def search() -> str:
    """What is searched for in the names of the layers."""
    return view().search


def _technique(studio: Studio, choice: Picked) -> None:
    _show(technique=choice.value)


def _method(studio: Studio, choice: Picked) -> None:
    _show(methods={**view().methods, view().technique: choice.value})


def _run(studio: Studio, choice: Picked) -> None:
    here = state.position()
    of, names = _subject(here), _names(here)
    if sensing.progress(of, names).running:
        sensing.stop(of, names)
    else:
        sensing.start(of, names)


def _search(studio: Studio, choice: Picked) -> None:
    _show(search=choice.value)


def _undo(studio: Studio, choice: Picked) -> None:
    editing.drafts().clear()
    state.undo()
    _show(said="Undone.")


def _explore(studio: Studio, choice: Picked) -> None:
    state.turn_to("Explore")


def _model(studio: Studio, choice: Picked) -> None:
    editing.drafts().clear()
    rows.DEEDS[choice.name](studio, choice)
    _show(search="", said="")


TECHNIQUES = {"sparsity": "Prune", "bits": "Bits", "rank": "Rank"}
METHOD_WORDS = {
    "sparsity": "What is least important",
    "bits": "How codes are made",
    "rank": "How a matrix is factored",
}
WITH = {"sparsity": ("pattern", "steps"), "bits": ("group", "scale"), "rank": ("rank_by",)}  # as the cells have them
DEEDS = {
    "model": _model,
    "data": _model,
    "technique": _technique,
    "method": _method,
    "run": _run,
    "search": _search,
    "undo": _undo,
    "explore": _explore,
}
