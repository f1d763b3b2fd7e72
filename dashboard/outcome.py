"""What a search has come to, as parts of the Trade-offs page: the two figures, the bar, the plot, the table."""

from dataclasses import replace

import pandas as pd

from core.live import Studio
from core.recipe import to_json
from core.search import Point, front_of
from dashboard import earlier, findings, keeping, pareto, searches, state, trail, words
from dashboard.live import chart, progress, readout, table
from dashboard.live.board import Part
from dashboard.live.row import Item
from dashboard.pareto import Plane
from dashboard.searches import Found, Search

CARD = {"height": "calc(56vh - 40px)", "phone": "320px"}
FRONT = "calc(44vh - 62px)"
HEAD = ("file", "smaller", "MACs", "fewer", "points lost", "confirmed", "one image", "what each layer becomes")
UNKNOWN = "–"
DIVISION = "Half of the images search and half confirm what was found; the first ones calibrate and do neither."


def figures(studio: Studio, found: Found) -> Part:
    """The two large figures: the result where it is confirmed, else the best recipe so far."""
    best = found.table[found.table["best"]]
    point = found.points[int(best["number"].iloc[0])] if len(best) else None
    told = result(found)
    size, unit = words.size(studio.dense_bytes)
    shown, where = (told, "confirmed on others") if told else (point, "not confirmed yet")
    value, of = words.size(shown.bytes) if shown else (UNKNOWN, "kB")
    return readout.part(
        readout.Readout(
            accuracy=f"{100 * shown.accuracy:.1f}" if shown else UNKNOWN,
            interval=where if shown else "",
            drop=_change(shown) if shown else "no recipe yet",
            images=shown.images if shown else 0,
            images_all=shown.images if shown else 0,
            file=value,
            file_unit=of,
            ratio=words.ratio(studio.dense_bytes, shown.bytes) if shown else "",
            removed=_fewer(found, point),
            dense=f"dense {size} {unit}",
            version=_version(found),
        )
    )


def result(found: Found) -> Point | None:
    """The recipe that the other images were asked about last, as they measured it."""
    return found.confirmed.points[-1] if found.confirmed and found.confirmed.points else None


def _change(point: Point) -> str:
    reach = max(point.high - point.drop, point.drop - point.low)
    return f"{words.signed(-point.drop)} ± {reach:.1f} points"


def _fewer(found: Found, point: Point | None) -> str:
    best = found.table[found.table["best"]]
    return f"{findings.times(best['fewer'].iloc[0])} fewer MACs" if point else ""


def _version(found: Found) -> str:
    return f"{len(found.points)} {found.confirmed is not None} {earlier.chosen(state.position())}"


def bar(search: Search | None, found: Found) -> Part:
    """How far the search is, or what is done with its recipes after it."""
    if search is None:
        return progress.part(progress.Progress("search", 0.0, findings.NOTHING))
    timing = searches.timing(search)
    if timing:
        done = f"{len(timing.events)} recipes timed on this machine, one image at a time"
        return progress.part(progress.Progress("timing", searches.share_timed(search), done))
    front = keeping.front(state.position())
    if front and front.job.running:
        return progress.part(progress.Progress("keeping", *findings.keeping(len(front.job.events), front.count)))
    trouble = next(
        (
            findings.ended(said)
            for job in (search.job, *search.timings, *([front.job] if front else []))
            for said in job.trouble
        ),
        findings.unkept(found.noted.why) if found.noted and found.noted.why else "",
    )
    if not search.job.running:
        ended = findings.ended_with(len(found.points), found.noted.known if found.noted else 0) + findings.kept(
            list(front.job.events) if front else []
        )
        return progress.part(progress.Progress("search", 1.0, ended, trouble=trouble))
    paused, ending = search.job.paused, search.enough.is_set()
    left = "paused" if paused else "ending" if ending else findings.left(searches.seconds_left(search, found.step))
    return progress.part(progress.Progress("search", found.step.share, found.step.doing, left, trouble))


def notes(search: Search | None, found: Found) -> dict[str, tuple[Item, ...]]:
    """Which images are for what, and what the other images and the clock said."""
    division, told = DIVISION, ""
    if search and found.opened:
        study, others = found.opened
        images = (len(study.bench.targets), len(others.bench.targets), len(study.calibration))
        division = findings.division(*images)
    elif found.points:
        division = findings.divided(found.points[0].images, found.confirmed.points[0].images if found.confirmed else 0)
    if search and found.confirmed:
        told = f"{findings.confirmed(found.confirmed.points, search.goal)} {findings.time_note(found.table)}"
    others = words.going_on("search", searches.elsewhere(state.position()))
    return {
        "told": (Item("note", "told", f"{told} {others}".strip()),),
        "division": (Item("note", "division", division),),
    }


def plots(search: Search | None, found: Found) -> dict[str, Part]:
    """The plot and the table of what no other recipe beats."""
    wished = searches.wish()
    if search is None or not found.points:
        card = chart.Card(findings.NOTHING, "every recipe that is measured becomes a point here", **CARD)
        frame = table.Frame(findings.front_title(0), HEAD, len(HEAD) - 1, FRONT)
        return {"pareto": chart.part(pareto.empty(), card), "front": table.part((), frame)}
    axes = wished.across, wished.up
    known = found.table.dropna(subset=list(axes))
    inside = pareto.inside(known, search.goal) if len(known) else known
    said = [findings.hover(row, point) for (_, row), point in zip(found.table.iterrows(), found.points, strict=True)]
    plane = Plane(found.table, search.goal, said, *axes, trail.points())
    title = findings.title(found.table, search.goal, result(found))
    words_below = findings.plotted(len(known), found.points[0].images, axes, len(known) - len(inside))
    card = chart.Card(title, words_below, **CARD, version=_version(found))
    return {"pareto": chart.part(pareto.pareto(plane), card), "front": _front(found, inside, axes)}


def _front(found: Found, inside: pd.DataFrame, axes: tuple[str, str]) -> Part:
    front = front_of(inside, *axes)
    shown = pd.concat([front, inside[inside["best"]]]).drop_duplicates("number").sort_values(axes[0])
    frame = table.Frame(findings.front_title(len(front), len(shown) > len(front)), HEAD, len(HEAD) - 1, FRONT)
    return table.part([_row(found, row) for _, row in shown.iterrows()], frame)


def _row(found: Found, row: pd.Series) -> table.Row:
    point = found.points[row["number"]]
    told = next((each for each in _told(found) if each.recipe == point.recipe), None)
    cells = (
        findings.size(point.bytes),
        findings.times(row["smaller"]),
        findings.macs(row["macs"]),
        findings.times(row["fewer"]),
        findings.lost(point),
        findings.lost(told) if told else UNKNOWN,
        findings.milliseconds(row),
        "; ".join(findings.layers(point.recipe)),
    )
    loaded = state.studio_of(state.position()).study.loaded
    named = replace(point.recipe, model={"name": loaded.name, "sha256": loaded.sha256})
    file = f"recipe-{point.bytes}-bytes.json"
    number, best = int(row["number"]), bool(row["best"])
    return table.Row(number, f"the recipe of {cells[0]}", cells, file, to_json(named), best)


def _told(found: Found) -> tuple[Point, ...]:
    return found.confirmed.points if found.confirmed else ()
