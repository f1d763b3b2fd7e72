"""What a comparison says, in words."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from core.recipe import UNCODED
from core.runs import Run
from dashboard import findings, words

DIMENSION_WORDS = {
    "bytes": "file size",
    "sparsity": "weights removed",
    "bits_per_weight": "bits a weight",
    "macs": "multiplications",
    "accuracy": "accuracy",
    "entropy_bits_per_weight": "entropy a weight",
    "calibration_error": "calibration error",
}
KINDS = {"all": "All", "lost": "Lost", "gained": "Gained", "changed": "Wrong both ways"}
FLIPPED = {"lost": "lost: right, then wrong", "gained": "gained: wrong, then right", "changed": "wrong both ways"}
SORTS = {"after": "surest after first", "before": "surest before first"}
ELSEWHERE = "These images are not those of the data chosen at the left: choose them there to see their pictures."
NO_PICTURES = "The inputs of this data are no pictures: here they are by their number."
FIELD_WORDS = {
    "sparsity": "share removed",
    "bits": "bits a weight",
    "rank": "rank kept",
    "inputs_bits": "bits of inputs",
}


def value(dimension: str, number: float) -> str:
    """A figure of a dimension with its unit."""
    if math.isnan(number):
        return "–"
    return VALUES[dimension](number)


def _bits(number: float) -> str:
    return f"{number:.2f} bits"


VALUES = {
    "bytes": findings.size,
    "sparsity": lambda number: words.percent(number),
    "bits_per_weight": _bits,
    "macs": lambda number: words.short_count(int(number)),
    "accuracy": lambda number: f"{100 * number:.1f} %",
    "entropy_bits_per_weight": _bits,
    "calibration_error": lambda number: f"{100 * number:.2f} points",
}


def does(run: Run) -> str:
    """What a run's recipe does, on one line; '' where this program cannot read it."""
    try:
        said = findings.layers(run.recipe)
    except ValueError:
        return ""
    return "; ".join(said).removeprefix("other layers: ")


def called(run: Run, dense: bool) -> str:
    """What a run is called where its letter alone would not do."""
    return run.name or ("the dense model" if dense else f"run {run.number}")


def accuracy(run: Run) -> str:
    """A run's accuracy, '–' where it was not measured."""
    return value("accuracy", run.report.get("accuracy", math.nan))


def size(run: Run) -> str:
    """A run's file size, '–' where it was not measured."""
    return value("bytes", run.report.get("bytes", math.nan))


def lost(run: Run, dense: bool) -> str:
    """What a run changes in accuracy, in points; '' for the dense model."""
    return "" if dense or "drop" not in run.report else f"{words.signed(-run.report['drop'], 2)} points"


def when(run: Run) -> str:
    """When a run was kept, to the minute, in UTC."""
    return run.at[:16].replace("T", " ")


def shelf(count: int, every: bool, subject: tuple[str, str]) -> tuple[str, str]:
    """The title of the list and what stands below it. subject: names of the model and its data."""
    title = f"{count} run{'' if count == 1 else 's'} kept"
    where = "of all models" if every else f"of {subject[0]} on {subject[1]}"
    return title, f"{where}; pick two to six"


def sentence(run: Run, letter: str, dense: bool) -> str:
    """The sentence of a run's point."""
    report = run.report
    drop = (
        ""
        if dense or "drop_ci95" not in report
        else "<br>" + findings.drop(report["drop_ci95"][0], report["drop"], report["drop_ci95"][1])
    )
    on = f" on {words.count(report['images'])} images" if "images" in report else ""
    return f"{letter}: {called(run, dense)}<br>{accuracy(run)} right{on}, {size(run)}{drop}<br>{does(run)}"


def scatter_title(pair: tuple[Run, Run], letters: tuple[str, str]) -> str:
    """How the second run of the pair stands to the first."""
    before, after = (run.report for run in pair)
    if not all({"bytes", "accuracy"} <= report.keys() for report in (before, after)):
        return "Accuracy against file size"
    ratio = words.ratio(before["bytes"], after["bytes"])
    much = f"as large as {letters[0]}" if before["bytes"] == after["bytes"] else f"{ratio} than {letters[0]}"
    return f"{letters[1]} is {much} and {_accurate(100 * (after['accuracy'] - before['accuracy']))}"


def _accurate(more: float) -> str:
    if round(abs(more), 1) == 0:
        return "as accurate"
    return f"{abs(more):.1f} points {'more' if more > 0 else 'less'} accurate"


def parallel_title(table: pd.DataFrame, letters: Mapping[int, str]) -> str:
    """Which run is the smallest, and how it stands in the others' accuracy."""
    known = table.dropna(subset=["bytes", "accuracy"])
    if known.empty:
        return "Figures side by side"
    small = known.loc[known["bytes"].idxmin()]
    rank = int((known["accuracy"] > small["accuracy"]).sum())
    where = (
        "and the most accurate"
        if not rank
        else f"and {rank} of the others {'is' if rank == 1 else 'are'} more accurate"
    )
    return f"{letters[int(small['number'])]} is the smallest file, {where}"


def differing_title(table: pd.DataFrame, count: int) -> str:
    """In how many settings the recipes differ."""
    if table.empty:
        return f"The {count} recipes ask for the same"
    return f"The recipes differ in {len(table)} setting{'' if len(table) == 1 else 's'}"


def setting(field: str, found: object) -> str:
    """A value of a recipe's setting."""
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return "none"
    if field in ("sparsity", "rank"):
        return words.percent(float(found)) if found < 1 or field == "sparsity" else "full"
    return (
        "not coded"
        if field in ("bits", "inputs_bits") and found == UNCODED
        else f"{found:.4g}"
        if isinstance(found, float)
        else str(found)
    )


def field(name: str) -> str:
    """A setting's name in words."""
    return FIELD_WORDS.get(name, name.replace("_", " "))


def classes_title(table: pd.DataFrame) -> str:
    """The class that lost most, where that is more than chance; else that none did."""
    worst = table.loc[table["drop"].idxmax()]
    if worst["low"] <= 0:
        best = table.loc[table["drop"].idxmin()]
        if best["high"] < 0:
            return f"Class {int(best['class'])} gains most: {-best['drop']:.1f} points"
        return "No class changes by more than chance"
    return f"Class {int(worst['class'])} loses most: {worst['drop']:.1f} points"


def classes_note(shown: int, count: int) -> str:
    """What the plot of classes shows."""
    some = f" of the {shown} of {count} classes that changed most" if shown < count else " of each class"
    return f"accuracy{some}, after less before, with 95 % intervals; dotted: no change"


def class_sentence(row: tuple) -> str:
    """The sentence of a class."""
    name = row[1]
    return (
        f"class {name}: {words.percent(row.accuracy_before)} before, {words.percent(row.accuracy_after)} after, "
        f"{words.signed(-row.drop)} points (95 %: {words.signed(-row.high)} to {words.signed(-row.low)})<br>"
        f"{row.lost} lost, {row.gained} gained of {row.images} images"
    )


def confusions_title(table: pd.DataFrame) -> str:
    """The mistake that grew most."""
    if table.empty:
        return "No mistake became more frequent"
    row = table.iloc[0]
    return f"{row['true']} is taken for {row['predicted']} more often: {row['before']} → {row['after']} images"


def changes_title(figures: Mapping[str, object]) -> str:
    """How far the scores of half of the images moved."""
    moved = figures["median_change_after"]
    if not moved:
        return "Half of the images keep their scores exactly"
    return f"Half of the images' scores moved by more than {words.percent(moved)}"


def summary_title(figures: Mapping[str, object]) -> str:
    """How many of the images both answer alike."""
    return f"Both answer {words.percent(figures['agreement'])} of the images alike"


def summary_rows(figures: Mapping[str, object]) -> list[list[str]]:
    """The figures of a comparison: name, before, after, change."""
    low, high = figures["drop_ci95"]
    least, most = figures["agreement_ci95"]
    change = f"{words.signed(-figures['drop'], 2)} ({words.signed(-high, 2)} to {words.signed(-low, 2)})"
    errors = [figures[f"calibration_error_{side}"] for side in ("before", "after")]
    moved = [figures[f"median_change_{side}"] for side in ("before", "after")]
    return [
        ["accuracy", f"{100 * figures['accuracy_before']:.2f} %", f"{100 * figures['accuracy_after']:.2f} %", change],
        ["calibration error", *(value("calibration_error", each) for each in errors), _moved(errors)],
        ["scores moved by", *map(words.percent, moved), "median"],
        ["answered alike", "", words.percent(figures["agreement"]), f"{_share(least)} to {_share(most)} %"],
        *([name, "", f"{words.count(figures[kind])} images", ""] for kind, name in FLIPPED.items()),
    ]


def _share(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _moved(errors: Sequence[float]) -> str:
    return f"{words.signed(100 * (errors[1] - errors[0]), 2)}"


def flips_title(counts: Mapping[str, int]) -> str:
    """How many images flipped, and which way."""
    total = sum(counts.values())
    if not total:
        return "No image is answered differently"
    many = f"{words.count(total)} image{'' if total == 1 else 's'} flipped"
    lost, gained, changed = (words.count(counts[kind]) for kind in FLIPPED)
    return f"{many}: {lost} lost, {gained} gained, {changed} wrong both ways"


def flip_lines(row: tuple, letters: tuple[str, str]) -> tuple[str, ...]:
    """What stands below a picture: its class, both answers with their confidences."""
    sides = zip(
        letters, (row.predicted_before, row.predicted_after), (row.confidence_before, row.confidence_after), strict=True
    )
    answers = [
        f"{letter} {'✓' if answer == row.true else '✗'} {answer} · {100 * sure:.0f} %" for letter, answer, sure in sides
    ]
    return f"is {row.true}", *answers


def flip_name(row: tuple, letters: tuple[str, str]) -> str:
    """What a screen reader says of a picture."""
    return (
        f"image {row.image}, class {row.true}: {letters[0]} says {row.predicted_before} with "
        f"{100 * row.confidence_before:.0f} %, {letters[1]} says {row.predicted_after} with "
        f"{100 * row.confidence_after:.0f} %"
    )
