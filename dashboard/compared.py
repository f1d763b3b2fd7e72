"""The parts of the Compare page: the list of runs, their figures, and what a pair answers differently."""

from collections.abc import Mapping

import pandas as pd

from core import behaviour, pictures, runs
from core.runs import Run
from dashboard import contrasts, desk, keeping, requested, uploads, verdicts
from dashboard.contrasts import Side
from dashboard.desk import Found
from dashboard.live import chart, gallery, sheet, shelf
from dashboard.live.board import Part
from dashboard.state import Position

TOP = {"height": "calc((100vh - 166px) * .66)", "phone": "320px"}
BELOW = "calc((100vh - 166px) * .34)"
HALF = {"height": "calc((100vh - 216px) / 2)", "phone": "300px"}
ROOM = "calc(100vh - 250px)"
PICK = "Pick two runs to compare"


def shelf_of(on: Found, position: Position) -> Part:
    """The list of kept runs, with the marks of those that are picked."""
    full = len(on.picked) >= desk.MOST
    lines = [_line(on, run, full) for run in on.listed]
    subject = (uploads.short(position.model), uploads.short(position.data))
    return shelf.part(desk.SHELF, lines, verdicts.shelf(len(lines), desk.desk().every, subject))


def _line(on: Found, run: Run, full: bool) -> shelf.Line:
    dense, letter = _is_dense(on, run), on.letter(run)
    own = desk.of_subject(run, on.subject)
    about = verdicts.does(run) if own else f"{run.subject.model} on {run.subject.data}: {verdicts.does(run)}"
    return shelf.Line(
        run.number,
        run.name,
        run.note,
        f"{verdicts.size(run)} · {verdicts.accuracy(run)}",
        "; ".join(part for part in (verdicts.lost(run, dense), about) if part),
        verdicts.when(run),
        letter,
        bool(letter),
        full,
        dense,
        desk.opens(on, run),
    )


def _is_dense(on: Found, run: Run) -> bool:
    return on.dense is not None and run.number == on.dense.number


def version(on: Found) -> str:
    """A text that differs whenever what is drawn differs."""
    picked = [(run.number, run.name) for run in on.picked]
    pair = [run.number for run in on.pair or ()]
    return f"{picked} {pair} {desk.desk()}"


def _card(figure: Mapping[str, object], words: tuple[str, str], on: Found, room: Mapping[str, str]) -> Part:
    return chart.part(figure, chart.Card(*words, **room, version=version(on)))


def figures(on: Found, position: Position) -> dict[str, Part]:
    """Size against accuracy, all figures side by side, and what differs between the recipes."""
    if not on.pair:
        return {"scatter": _card(contrasts.empty(), (PICK, "accuracy against file size"), on, TOP)}
    table = runs.figures(on.picked)
    sides = [_side(on, run) for run in on.picked]
    letters = {run.number: on.letter(run) for run in on.picked}
    title = verdicts.scatter_title(on.pair, tuple(map(on.letter, on.pair)))
    note = "accuracy against file size, with 95 % intervals; click a dot to make it the second of the pair"
    rows = "a row a figure: its least value at the left, its largest at the right; a line a run"
    placed = runs.placed(table)
    return {
        "scatter": _card(contrasts.scatter(table, sides), (title, note), on, TOP),
        "parallel": _card(contrasts.parallel(placed, sides), (verdicts.parallel_title(table, letters), rows), on, TOP),
        "differing": _differing(on),
    }


def _side(on: Found, run: Run) -> Side:
    dense = _is_dense(on, run)
    return Side(run.number, on.letter(run), dense, verdicts.sentence(run, on.letter(run), dense))


def _differing(on: Found) -> Part:
    try:
        table = runs.differing(on.picked)
    except ValueError as error:
        return sheet.part((), sheet.Frame(f"{error}.", "", (), BELOW))
    head = ("where", "what", *(f"{on.letter(run)}: {verdicts.called(run, _is_dense(on, run))}" for run in on.picked))
    rows = [
        [row["where"], verdicts.field(row["what"]), *(verdicts.setting(row["what"], row[n]) for n in table.columns[2:])]
        for row in table.to_dict("records")
    ]
    frame = sheet.Frame(verdicts.differing_title(table, len(on.picked)), "", head, BELOW)
    return sheet.part(rows, frame)


def answers_of(on: Found, position: Position) -> dict[str, Part]:
    """What the second run of the pair answers otherwise than the first."""
    pair = _pair(on)
    if isinstance(pair, str):
        return {"classes": _card(contrasts.empty(), (pair, "accuracy of each class"), on, HALF)}
    before, after, _ = pair
    table, grown = behaviour.by_class(before, after), behaviour.confusions(before, after)
    found = behaviour.summary(before, after)
    shown = contrasts.most_changed(table)
    first, second = map(on.letter, on.pair)
    mistakes = f"mistakes that became more frequent: {first} (ring), {second} (dot)"
    moved = f"scores: what the model gives each class (logits); how far {second}'s moved from the dense model's"
    head = ("", first, second, f"{second} against {first} (95 %)")
    known = verdicts.summary_rows(found)
    note = f"on {found['images']:,} images; calibration error: how far confidence is from the share of right answers"
    return {
        "classes": _card(
            contrasts.classes(table),
            (verdicts.classes_title(table), verdicts.classes_note(len(shown), len(table))),
            on,
            HALF,
        ),
        "confusions": _card(contrasts.confusions(grown), (verdicts.confusions_title(grown), mistakes), on, HALF),
        "changes": _card(
            contrasts.changes(behaviour.logit_changes(before, after)), (verdicts.changes_title(found), moved), on, HALF
        ),
        "summary": sheet.part(known, sheet.Frame(verdicts.summary_title(found), note, head, HALF["height"])),
    }


def _pair(on: Found) -> runs.Pair | str:
    """The answers of the pair, or a sentence that says why there are none."""
    if not on.pair:
        return PICK
    try:
        return runs.pair(on.store, *on.pair)
    except ValueError as error:
        return f"{error}."


def flips(on: Found, position: Position) -> dict[str, Part]:
    """The images that the pair answers differently, a page of them as pictures, or as rows where they are none."""
    pair = _pair(on)
    if isinstance(pair, str):
        return {"gallery": gallery.part((), gallery.Frame(pair, "the images whose answer changed", ROOM))}
    found = behaviour.flips(pair.before, pair.after).assign(image=lambda table: pair.images[table["image"]])
    title = verdicts.flips_title({kind: int((found["kind"] == kind).sum()) for kind in ("lost", "gained", "changed")})
    shown = _chosen(found)
    drawn = keeping.inputs(position) if desk.of_subject(on.pair[0], on.subject) else None
    seen = None if drawn is None or shown.empty else pictures.pictures(drawn, shown["image"].tolist())
    letters = tuple(map(on.letter, on.pair))
    if seen is None and len(shown):
        return {"rows": _rows(shown, letters, title, drawn is None)}
    note = "what each image is; both answers (✓ right, ✗ wrong) with their confidence, the largest probability"
    rows = list(shown.itertuples())
    made = [
        gallery.Picture(gallery.source(pixels), verdicts.flip_name(row, letters), verdicts.flip_lines(row, letters))
        for row, pixels in zip(rows, seen if seen is not None else (), strict=True)
    ]
    return {"gallery": gallery.part(made, gallery.Frame(title, note, ROOM))}


def _chosen(found: pd.DataFrame) -> pd.DataFrame:
    """The page of the flipped images that the desk shows."""
    here = desk.desk()
    some = matching(found)
    start = desk.PAGE * min(here.page, max(0, (len(some) - 1) // desk.PAGE))
    return some.iloc[start : start + desk.PAGE]


def matching(found: pd.DataFrame) -> pd.DataFrame:
    """The flipped images of the chosen kind, the surest first."""
    here = desk.desk()
    some = found if here.kind == desk.EVERY_KIND else found[found["kind"] == here.kind]
    return some.sort_values(f"confidence_{here.sort}", ascending=False, kind="stable")


def _rows(shown: pd.DataFrame, letters: tuple[str, str], title: str, elsewhere: bool) -> Part:
    first, second = letters
    head = ("image", "class", first, "confidence", second, "confidence")
    rows = [
        [
            str(row.image),
            str(row.true),
            str(row.predicted_before),
            f"{100 * row.confidence_before:.0f} %",
            str(row.predicted_after),
            f"{100 * row.confidence_after:.0f} %",
        ]
        for row in shown.itertuples()
    ]
    why = verdicts.ELSEWHERE if elsewhere else verdicts.NO_PICTURES
    return sheet.part(rows, sheet.Frame(title, why, head, ROOM))


def flipped(on: Found) -> int:
    """How many images the pair answers differently, of the chosen kind."""
    pair = _pair(on)
    return 0 if isinstance(pair, str) else len(matching(behaviour.flips(pair.before, pair.after)))


def more(on: Found, position: Position) -> dict[str, Part]:
    """What was measured on request: whether signals hold, and the time that it takes."""
    run = desk.asked(on)
    parts = {}
    for what, made in (("stability", requested.stability), ("latency", requested.latency)):
        job = keeping.study_job(position, run, what, start=False) if run else None
        title, note, head, rows = made(job)
        parts[what] = sheet.part(rows, sheet.Frame(title, note, head, HALF["height"]))
    return parts


SECTIONS = {desk.FIGURES: figures, desk.BEHAVIOUR: answers_of, desk.FLIPS: flips, desk.MORE: more}


def shown(on: Found, position: Position) -> dict[str, Part]:
    """The parts of the chosen section."""
    return SECTIONS[desk.desk().section](on, position)
