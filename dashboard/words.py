"""Figures as words: numbers with units, and titles that are findings."""

import math
import re
from collections.abc import Sequence

import pandas as pd

from core.certainty import Certainty, doubt
from core.report import Row, total_of
from core.sentences import short
from core.statistics import Estimate
from core.theory import Law

JOINER = "\u2060"  # nothing to see, and no end of a line
LONGEST = 800  # letters of a stranger's text
MINUS = "−"
NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def plain(text: str) -> str:
    """A stranger's text in one line of LONGEST letters, in which markdown finds no link, picture or heading."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", " ", text).split())
    line = re.sub(r"(?i)(www(?=\.)|https?:(?=//)|@)", f"\\1{JOINER}", short(line, LONGEST))  # else a link
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:&])", r"\\\1", line)


def going_on(what: str, places: Sequence[tuple[str, str]]) -> str:
    """That some work of other models, each with its data, goes on; '' where none does. what: 'search', 'training'."""
    named = [f"{model} on {data}" for model, data in places]
    return f"Another {what} goes on: {' and '.join(named)}." if named else ""


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, a real minus, and no sign on nothing."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+") + text


def percent(share: float) -> str:
    """A share as per cent: "80.0 %"; never 100.0 or 0.0 for what is only near it."""
    text = f"{100 * share:.1f}"
    if text == "100.0" and share < 1:
        return "over 99.9 %"
    if text == "0.0" and share > 0:
        return "under 0.1 %"
    return f"{text} %"


def count(number: int) -> str:
    """A count as people read it: 2,097,152."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """A count in three digits: 2.1 M, 266 k, 320."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number}"


def size(written: int) -> tuple[str, str]:
    """Bytes as a figure of at most four digits and its unit, in powers of 1000."""
    for unit_size, unit, least in ((1e9, "GB", 9.9995), (1e6, "MB", 9.9995), (1e3, "kB", 1)):  # 9,999.5 kB are 10.0 MB
        if written >= least * unit_size:
            value = written / unit_size
            return (f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}"), unit
    return f"{written}", "bytes"


def ratio(dense: int, written: int) -> str:
    """How the compressed file compares with the dense one."""
    if written == dense:
        return "as large as dense"
    times = dense / written if written < dense else written / dense
    text = f"{times:.0f}" if times >= 10 else f"{times:.2f}" if times < 1.1 else f"{times:.1f}"
    return f"{text} times {'smaller' if written < dense else 'larger'}"


def drop(found: Estimate, unchanged: bool) -> str:
    """The change against the dense model, in points, with the larger reach of its 95 % interval."""
    if unchanged:
        return "the dense model"
    low, high = found.drop_ci95
    return f"{signed(-found.drop)} ± {max(high - found.drop, found.drop - low):.1f} points"


def interval(found: Estimate) -> str:
    """The accuracy's 95 % interval in per cent."""
    low, high = found.accuracy_ci95
    return f"95 %: {100 * low:.1f} to {100 * high:.1f}"


def removed(rows: list[Row]) -> str:
    """The share of all stored numbers that is removed: the sparsity of the model."""
    return f"{percent(total_of(rows, 'removed') / total_of(rows, 'stored'))} removed"


def histogram_title(name: str, row: Row) -> str:
    """What pruning leaves of a layer. row: of `report.layer_row`."""
    what = "number" if row["rank"] < row["full_rank"] else "weight"
    if not row["removed"]:
        return f"Every {what} of {name} stays"
    stays = 1 - row["sparsity"]
    if not stays:
        return f"No {what} of {name} stays"
    for parts in range(2, len(NUMBERS)):
        if abs(stays - 1 / parts) < 0.002:
            return f"One {what} of {name} in {NUMBERS[parts]} stays"
    return f"{percent(stays)} of the {what}s of {name} stay"


def histogram_note(row: Row, table: pd.DataFrame, marks: tuple[tuple[float, ...], int]) -> str:
    """What the histogram plots, and what its lines and ticks are. marks: thresholds, and how many values codes take."""
    lines, levels = marks
    beyond = int(row["stored"] - table["kept"].sum() - table["removed"].sum())
    what = "entries of two factors" if row["rank"] < row["full_rank"] else "weights"
    cut = f"; removed up to {threshold(max(lines))}" if lines else ""
    ticks = "; ticks: values of codes" if levels else ""
    outside = f", {short_count(beyond)} beyond the axis" if beyond else ""
    return f"{short_count(row['stored'])} {what}{outside}{cut}{ticks}"


def layers_title(rows: list[Row]) -> str:
    """Which layer weighs most, and whether it also gives most."""
    if not rows:
        return "No layer to compress"
    largest = max(rows, key=lambda row: row["weights"])
    saved = {row["layer"]: 4 * row["weights"] - row["bytes"] for row in rows}
    share = largest["weights"] / sum(row["weights"] for row in rows)
    gives_most = len(rows) > 1 and saved[largest["layer"]] == max(saved.values()) > 0
    return f"{largest['layer']} holds {percent(share)} of the weights" + (" and gives the most" if gives_most else "")


def stay_sentence(row: Row) -> str:
    """What stays of a layer, for its bar. row: of `report.layer_row`."""
    stays = count(row["stored"] - row["removed"])
    return f"{row['layer']}: {stays} of {count(row['stored'])} numbers stay, {percent(row['sparsity'])} are removed"


def bits_sentence(row: Row) -> str:
    """What a layer is stored in, for its ring and dot."""
    return (
        f"{row['layer']} is stored in {row['bits_per_weight']:.2f} bits a weight; "
        f"the entropy of its codes is {row['entropy_bits_per_weight']:.2f}"
    )


def spectrum_title(name: str, table: pd.DataFrame, rank: int) -> str:
    """How much of a layer's energy a rank keeps: the rank that is set, or half of the full one."""
    full = len(table)
    if full < 2:
        return f"{name} has one rank only: nothing to cut"
    if rank < full:
        return f"Rank {rank} of {full} keeps {percent(table['energy'][rank - 1])} of the energy of {name}"
    return f"Half the rank of {name} holds {percent(table['energy'][full // 2 - 1])} of its energy"


def theory_title(name: str, found: list[Law]) -> str:
    """How near theory comes to what was measured, for the law it fits least."""
    expected = [law for law in found if not law.ideal and law.predicted and law.measured]
    if not found:
        return f"{name} is dense: theory predicts no error"
    if not expected:
        return f"{name} beside an ideal code of the same entropy"
    law = max(expected, key=lambda law: abs(math.log(law.measured / law.predicted)))
    return f"{name} at {law.name}: the error is {100 * law.measured / law.predicted:.1f} % of the predicted"


def theory_note(predicted: float | None, measured: float) -> str:
    """What the plot is, and the change of the loss; predicted: None where no image has been looked at."""
    by = "no image looked at" if predicted is None else f"diagonal Fisher: {predicted:+.3g}"
    return f"ring: predicted, dot: measured; loss {measured:+.3g} nats ({by})"


def entropy_title(dense: Certainty, compressed: Certainty) -> str:
    """How unsure the answers are on average."""
    return f"H(Y) is {doubt(compressed).entropy:.3f} bits on average, dense {doubt(dense).entropy:.3f}"


def labels_title(compressed: Certainty) -> str:
    """Which label the answers are least sure of."""
    means = {label: mean for label, mean in enumerate(doubt(compressed).by_class) if not math.isnan(mean)}
    label = max(means, key=means.get)
    return f"Least sure of label {label}: {means[label]:.3f} bits on average"


def reliability_title(dense: Certainty, compressed: Certainty) -> str:
    """How far confidence is from the share of right answers."""
    return f"Confidence is off by {100 * doubt(compressed).error:.2f} points, dense {100 * doubt(dense).error:.2f}"


def trail_title(settings: int) -> str:
    """How many settings the trail shows."""
    return f"Where you have been: {settings} setting{'' if settings == 1 else 's'} measured"


def threshold(value: float) -> str:
    """A threshold in three significant digits."""
    return "0" if not value else f"{value:.3g}" if not math.isnan(value) else ""
