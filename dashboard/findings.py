"""What a search is asked for and what it found, in words."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from core.recipe import UNCODED, Recipe, Settings
from core.search import AXES, Goal, Point, holds, surety
from dashboard import words

FEW = 4  # layers named, before the rest is counted
AXIS_WORDS = {name: axis.words for name, axis in AXES.items()}
NOTHING = "Start measures recipes over all techniques at once"


def settings(found: Settings) -> str:
    """How a layer is stored: '97.0 % removed by wanda, 3 bits, refit'; 'dense' where it stays as it is."""
    parts = []
    if found.prunes:
        much = words.percent(found.sparsity) if found.threshold is None else f"|w| below {found.threshold:.3g}"
        parts.append(f"{much} removed by {found.criterion}")
    if found.factors:
        parts.append(f"rank {words.percent(found.rank)} by {found.factorizer}")
    if found.bits < UNCODED:
        coder = "" if found.coder == Settings().coder else f" by {found.coder}"
        parts.append(f"{found.bits} bit{'s' if found.bits > 1 else ''}{coder}")
    if found.compensate != "none" and parts:
        parts.append("refit")
    return ", ".join(parts) or "dense"


def layers(recipe: Recipe) -> list[str]:
    """What each layer that a recipe changes becomes, many layers by what they share; then what is put right after."""
    said = {name: settings(recipe.settings(name)) for name in recipe.layers}
    changed = {name: what for name, what in said.items() if what != settings(Settings())}
    rest = [] if recipe.default == Settings() else [f"other layers: {settings(recipe.default)}"]
    after = [f"{afterwards(recipe)} afterwards"] if afterwards(recipe) else []
    after += [trained(recipe)] if recipe.recovered.get("by") else []
    each = [f"{name}: {what}" for name, what in changed.items()]
    return [*(each if len(each) <= FEW else _shared(changed)), *rest, *after] or ["the dense model"]


def _shared(changed: dict[str, str]) -> list[str]:
    """The layers that become the same, counted, the most first; a single one by its name."""
    counts = Counter(changed.values())
    alone = {what: name for name, what in changed.items() if counts[what] == 1}
    return [f"{alone[what]}: {what}" if what in alone else f"{n} layers: {what}" for what, n in counts.most_common()]


def trained(recipe: Recipe) -> str:
    """How a recovered recipe's model was trained: 'distilled for 600 steps', 'trained for 5 rounds of 120 steps'."""
    said = recipe.recovered
    way = "distilled" if said.get("alpha", 1) < 1 else "trained"
    rounds = f"{said['rounds']} rounds of " if said.get("rounds", 1) > 1 else ""
    how = f", by {said['how']}" if "how" in said else ""
    return f"{way} for {rounds}{said.get('steps', '?')} steps{how}"


def afterwards(recipe: Recipe) -> str:
    """What a recipe puts right once the layers are encoded; '' where nothing."""
    done = {"biases corrected": recipe.bias == "correct", "batch norms recalibrated": recipe.batchnorm != "keep"}
    return " and ".join(what for what, so in done.items() if so)


def brief(recipe: Recipe) -> str:
    """A recipe in a few lines."""
    said = layers(recipe)
    return "\n".join(said[:FEW]) + (f"\nand {len(said) - FEW} more" if len(said) > FEW else "")


def drop(low: float, middle: float, high: float) -> str:
    """Points lost, with the 95 % interval; a gain has a minus."""
    return f"{_points(middle)} points lost (95 %: {_points(low)} to {_points(high)})"


def lost(point: Point) -> str:
    """Points lost and their interval, for a cell."""
    return f"{_points(point.drop)} ({_points(point.low)} to {_points(point.high)})"


def ended(trouble: str) -> str:
    """What ended some work before its time, as a sentence."""
    return f"It ended early: {trouble.rstrip('.')}. What was measured until then stays."


def ended_with(count: int, known: int) -> str:
    """What a search that is over has done. known: recipes that an earlier one had measured."""
    before = f", {known} of them by earlier searches" if known else ""
    return f"Ended: {count} recipe{'' if count == 1 else 's'} measured{before}"


def unkept(why: str) -> str:
    """What keeps a search out of the store, as a sentence."""
    return f"What is measured is shown here and not kept for later: {why.rstrip('.')}."


def earlier(at: datetime, drop: object, size: object, count: int) -> str:
    """A search of the store, as an option."""
    limit = f"at most {drop:g} points lost" if isinstance(drop, int | float) else f"in {_bytes(size)}"
    return f"{at.day} {at:%b %Y, %H:%M}: {limit}, {count} recipe{'' if count == 1 else 's'}"


def _bytes(written: object) -> str:
    return size(written) if isinstance(written, int) else "an unknown size"


def keeping(done: int, count: int) -> tuple[float, str]:
    """The share of a front that is kept, and that in words."""
    return done / max(1, count), f"{done} of {count} recipes measured on all images and kept as runs"


def kept(numbers: Sequence[int]) -> str:
    """The end of a sentence: which runs a front became; '' where none."""
    if not numbers:
        return ""
    return f"; run{'s' if len(numbers) > 1 else ''} {', '.join(map(str, sorted(numbers)))} kept for Compare"


def _points(value: float) -> str:
    return f"{value:.2f}".replace("-", words.MINUS) if round(value, 2) else "0.00"


def size(written: float) -> str:
    """A file's size with its unit."""
    return " ".join(words.size(int(written)))


def times(factor: float) -> str:
    """How many times smaller, fewer or faster; '–' where nobody knows."""
    return "–" if math.isnan(factor) else f"{factor:.0f}×" if factor >= 100 else f"{factor:.1f}×"


def macs(number: float) -> str:
    """Multiplications, in short."""
    return "–" if math.isnan(number) else words.short_count(int(number))


def milliseconds(row: pd.Series) -> str:
    """Measured time at batch 1, by which variant, and whether none is saved; '–' where it was not timed."""
    if math.isnan(row["milliseconds"]):
        return "–"
    saved = ", no time saved" if row["saves"] is False else ""
    return f"{row['milliseconds']:.3g} ms, {row['variant'].replace('_', ' ')}{saved}"


def time_note(found: pd.DataFrame) -> str:
    """How many of the timed recipes save bytes and no time; '' where all that were timed save both."""
    timed = found[found["saves"].notna()]
    slow = timed[~timed["saves"].astype(bool) & (timed["smaller"] > 1)]
    if slow.empty:
        return ""
    return (
        f"{len(slow)} of {len(timed)} timed recipes save bytes but no time to speak of on this machine: codes "
        "and masks run decoded, at float32 speed."
    )


def hover(row: pd.Series, point: Point) -> str:
    """The sentence of a point of the plot."""
    timed = "" if math.isnan(row["milliseconds"]) else f", {milliseconds(row)}"
    figures = f"{size(row['bytes'])}, {times(row['smaller'])} smaller, {macs(row['macs'])} MACs{timed}"
    lost = drop(row["low"], row["drop"], row["high"])
    return f"{figures}<br>{lost} on {words.count(point.images)} images<br>" + brief(point.recipe).replace("\n", "<br>")


def asked(goal: Goal) -> str:
    """What must be kept to."""
    return f"at most {size(goal.bytes)}" if goal.drop is None else f"at most {goal.drop:g} points lost"


def title(found: pd.DataFrame, goal: Goal, told: Point | None) -> str:
    """The finding of the plot. told: the result as it was confirmed, None before that."""
    best = found[found["best"]]
    if best.empty:
        return f"No recipe keeps to {asked(goal)} yet"
    row = best.iloc[0]
    if told:
        kept = "" if holds(told, goal) else f": {asked(goal)} does not hold"
        return f"Confirmed: {times(row['smaller']).rstrip('×')} times smaller for {_points(told.drop)} points{kept}"
    if not row["number"]:
        return f"Only the dense model keeps to {asked(goal)} so far"
    return f"{times(row['smaller']).rstrip('×')} times smaller for {_points(row['drop'])} points"


def plotted(count: int, images: int, axes: tuple[str, str], beyond: int) -> str:
    """What the plot shows. count: recipes. beyond: those that lie outside the axes."""
    across, up = (AXIS_WORDS[name] for name in axes)
    outside = f"; {beyond} outside the axes" if beyond else ""
    recipes = f"{count} recipe{'' if count == 1 else 's'} on {words.count(images)} images"
    return (
        f"{recipes}, {up} against {across}; click opens one in Explore; line: none is better in both; "
        f"dotted: dense, dashed: the goal{outside}"
    )


def front_title(count: int, beside: bool = False) -> str:
    """What the table holds. beside: whether the best recipe stands among those on the line though it is not."""
    if not count:
        return "No front yet"
    return f"{count} recipe{'s' if count > 1 else ''} on the line{' and the best one' if beside else ''}"


def division(searched: int, others: int, calibration: int) -> str:
    """Which images are for what."""
    return (
        f"Found with {words.count(searched)} images, confirmed on {words.count(others)} others that nothing was chosen "
        f"by. Layers are calibrated on {words.count(calibration)} more. Explore measures on both parts together."
    )


def divided(searched: int, others: int) -> str:
    """The same of a search that was kept. others: 0 where none of its recipes were confirmed."""
    told = f", confirmed on {words.count(others)} others that nothing was chosen by" if others else ", none confirmed"
    return f"Found with {words.count(searched)} images{told}. Explore measures on both parts together."


def confirmed(points: tuple[Point, ...], goal: Goal) -> str:
    """What the other images said of the result."""
    if not points:
        return f"No recipe keeps to {asked(goal)}: allow more, or search longer."
    point = points[-1]
    held = "holds" if holds(point, goal) else "does NOT hold"
    lost = drop(point.low, point.drop, point.high)
    sure = "" if goal.drop is None else f", sure to {words.percent(surety(point, goal))} for images like these"
    tries = f" It is the {ORDINALS[len(points)]} tried on them, so be a little less sure." if len(points) > 1 else ""
    return f"Confirmed on {words.count(point.images)} other images: {lost}; {asked(goal)} {held} there{sure}.{tries}"


def left(seconds: float) -> str:
    """Time left, in words."""
    whole = math.ceil(seconds)
    if whole <= 0:
        return "time is up"
    return f"{whole} s left" if whole < 100 else f"{math.ceil(whole / 60)} min left"


EARLIER = ("No search yet; {} earlier", "The search that runs; {} earlier", "The last search; {} earlier")
ORDINALS = ("", "first", "second", "third")
