"""What is loaded and what can be done with it, as tables and sentences of the Model view."""

from collections.abc import Mapping, Sequence
from html import escape

from core import inspecting, report
from core.inspecting import Inspected
from core.live import Studio
from core.pipeline import Study
from dashboard import offers, state, uploads, words
from dashboard.state import Position
from dashboard.uploads import Upload

MOST = 500  # rows of a table
HEAD = {
    "name": "layer",
    "can": "what can be done with it",
    "weights": "weights",
    "macs": "multiplications an image",
    "shape": "shape",
    "kind": "kind",
}
LEFT = {"name": "tensor", "why": "why it stays as it is", "shape": "shape"}
SIDES = {"weights": "ps-number", "macs": "ps-number", "can": "ps-told", "why": "ps-told"}
DEEDS = {
    "pruned": "pruned (weights removed)",
    "quantized": "quantized (fewer bits a weight)",
    "factored": "factored (two thin matrices)",
}


def title(study: Study) -> str:
    """What of the loaded model can be compressed, in a sentence."""
    able = [layer for layer in study.known if not layer.not_finite]
    held = sum(layer.matrix.numel() for layer in able)
    layers = f"{len(able)} layer{'' if len(able) == 1 else 's'}"
    return f"{layers} of {study.loaded.name} can be compressed: {words.count(held)} weights"


def about(studio: Studio, position: Position) -> str:
    """What model and data are loaded, from where, and how they are measured."""
    study, found = studio.study, uploads.find(position.model)
    value, unit = words.size(studio.dense_bytes)
    shape = " × ".join(map(str, study.bench.inputs.shape[1:]))
    origin = (
        f"{offers.base_of(position.model)} with the uploaded weights of {found.title}"
        if found
        else uploads.short(state.named(position.model)[0])
    )
    metrics = [metric.name for metric in study.bench.metrics]
    beside = f" and {' and '.join(metrics)}" if metrics else ""
    told = offers.about(position.model)
    line = f"{told}  \n" if told else ""
    return (
        f"**Model** {words.plain(origin)}, {value} {unit} as a file, sha256 {study.loaded.sha256[:12]}…  \n"
        f"{line}"
        f"**Data** {words.plain(uploads.short(position.data))}, {words.count(len(study.bench.targets))} images of "
        f"{shape} numbers; accuracy{beside} measured on {study.bench.device}"
    )


def model_tables(study: Study) -> str:
    """Each layer with what can be done with it, and every other tensor with why it stays."""
    weights = {layer.parameter for layer in study.known}
    left = inspecting.left_rows(study.loaded.model, weights)
    return _tables(inspecting.layer_rows(study.known, study.uses), left)


def file_tables(rows: tuple[list[Inspected], list[Inspected]]) -> str:
    """The same of a weights file alone."""
    return _tables(*rows)


def _tables(rows: list[Inspected], left: list[Inspected]) -> str:
    text = _table(HEAD, rows)
    if not left:
        return text
    why = report.left_as_they_were({row["name"]: row["why"] for row in left})
    summary = f"{len(left)} other tensor{'' if len(left) == 1 else 's'} stay{'s' if len(left) == 1 else ''} as they are"
    summary = summary.replace("stays as they are", "stays as it is")
    short = "".join(f"<li>{escape(sentence)}</li>" for sentence in why[:4])
    return f"{text}<details><summary>{summary}</summary><ul>{short}</ul>{_table(LEFT, left)}</details>"


def _table(head: Mapping[str, str], rows: Sequence[Inspected]) -> str:
    """An HTML table of plain texts; names come from a stranger's file."""
    names = [name for name in head if not rows or name in rows[0]]
    tops = "".join(f"<th scope='col'{_side(name)}>{head[name]}</th>" for name in names)
    lines = "".join(_line(names, row) for row in rows[:MOST])
    more = f"<p>and {words.count(len(rows) - MOST)} more</p>" if len(rows) > MOST else ""
    return f"<div class='ps-inspect' tabindex='0'><table><tr>{tops}</tr>{lines}</table></div>{more}"


def _line(names: Sequence[str], row: Inspected) -> str:
    return "<tr>" + "".join(f"<td{_side(name)}>{escape(_cell(row[name]))}</td>" for name in names) + "</tr>"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(DEEDS.get(each, each) for each in value)
    if value is None:
        return "not known"
    return words.count(value) if isinstance(value, int) else f"{value}"


def _side(name: str) -> str:
    return f" class='{SIDES[name]}'" if name in SIDES else ""


def alone(upload: Upload) -> str:
    """Why weights are not measured, and what to do to see their accuracy."""
    title, why = words.plain(upload.title), words.plain(upload.why)
    return (
        f"{title} fits no model that this page knows ({why}), so no image is run through it: it is inspected and "
        "compressed matrix by matrix. To see its accuracy start the page with your network:"
    )


def command(upload: Upload) -> str:
    """The command that starts the page with the network of a weights file."""
    return (
        "python -m streamlit run dashboard/app.py -- --model package.module:factory "
        f"--weights {upload.title} --data yours.npz"
    )
