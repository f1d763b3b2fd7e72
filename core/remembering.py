"""A search that keeps every recipe as it is measured and measures none that is kept; what was kept of one."""

import csv
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import NamedTuple

from core import runs
from core.keeping import On
from core.pipeline import Study
from core.recipe import Recipe, from_json, to_json
from core.runs import Store, searches
from core.runs.searches import Kept, Searched
from core.search import CONFIRMED, SEARCHED, Confirmed, Goal, Opened, Point, Progress, parts, whole

SECOND = 1.0  # of measuring, that a crash may lose
LATER = 30.0  # seconds until a store that could not be written to is tried again
FORMAT = "prunescope/search/1"
IMAGES = {SEARCHED: "the searching images", CONFIRMED: "the confirming images"}
FIGURES = Point._fields[1:]  # beside the recipe


class Noted(NamedTuple):
    """How a search is kept. number: in the store, 0 where it is not there. known: how many of its recipes were measured
    before. why: a sentence about why the latest of it is not kept, '' where it is."""

    number: int
    known: int
    why: str = ""


class Past(NamedTuple):
    """A search as it was kept. points: in the order they were measured. confirmed: on the other images, the last one
    the result."""

    search: Searched
    goal: Goal
    points: tuple[Point, ...]
    confirmed: tuple[Point, ...]


@dataclass(frozen=True, eq=False)
class _Notes:
    """What a search has measured, and how much of it is kept. store: opens it, or says why there is none."""

    store: Callable[[], Store]
    goal: Goal
    search: list[Searched] = field(default_factory=list)
    known: dict[tuple[str, str], Kept] = field(default_factory=dict)
    points: dict[tuple[str, str], Kept] = field(default_factory=dict)
    told: list[Noted] = field(default_factory=list)
    noted: list[int] = field(default_factory=lambda: [0])
    due: list[float] = field(default_factory=lambda: [0.0])

    def begin(self, on: On) -> None:
        """Find what is known of the subject."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        goal = asdict(self.goal)
        self.search.append(Searched(uuid.uuid4().hex, runs.subject(*on), self.goal.seed, goal, at))
        with suppress(ValueError, OSError):  # the first writing says what is wrong
            self.known.update({each[:2]: each for each in searches.known(self.store(), self.search[0])})

    def recall(self, part: str, recipe: Recipe, measure: Callable[[], Point]) -> Point:
        """The point of a recipe, as it is known or else measured, and noted."""
        key = part, to_json(recipe, indent=None)
        before = self.known.get(key)
        point = before and _point(before, recipe)
        if point is None:
            point = measure()
        self.points[key] = Kept(*key, dict(zip(FIGURES, point[1:], strict=True)))
        return point

    def write(self) -> None:
        """Keep what is not kept yet."""
        if self.noted[0] == len(self.points):
            return
        known = sum(key in self.known for key in self.points if key[0] == SEARCHED)
        try:
            number = searches.note(self.store(), self.search[0], list(self.points.values()), self.noted[0])
            self.noted[0], self.due[0] = len(self.points), time.monotonic() + SECOND
            self.told.append(Noted(number, known))
        except (ValueError, OSError) as error:
            self.due[0] = time.monotonic() + LATER
            self.told.append(Noted(self.told[-1].number if self.told else 0, known, f"{error}"))


def searching(
    load: Callable[[], On], goal: Goal, store: Callable[[], Store], enough: Callable[[], bool]
) -> Iterator[Opened | Progress | Confirmed | Noted]:
    """The steps of `core.search.whole` on the model and data that `load` reads, and how they are kept, where that
    changes.

    What `store` keeps of earlier searches on the same images, of the same seed, is not measured again. A search goes on
    without a store that cannot be used, and keeps all of it in the one that can be used again.
    """
    notes = _Notes(store, goal)

    def opened() -> tuple[Study, Study]:
        """The studies of both parts, once it is known what was measured of them before."""
        on = load()
        study, others = parts(*on, goal.seed)
        notes.begin(on)
        return study, others

    try:
        for step in whole(opened, goal, enough, notes.recall):
            yield step
            if time.monotonic() >= notes.due[0]:
                yield from _written(notes)
    except BaseException:  # whoever ends it in the middle keeps what there is
        notes.write()
        raise
    yield from _written(notes)


def _written(notes: _Notes) -> Iterator[Noted]:
    before = notes.told[-1:]
    notes.write()
    if notes.told[-1:] != before:
        yield notes.told[-1]


def _point(kept: Kept, recipe: Recipe) -> Point | None:
    """The point that was kept, None where a figure of it is missing or no number."""
    figures = [kept.figures.get(name) for name in FIGURES]
    sound = (
        value is None if name == "macs" and value is None else isinstance(value, int | float) and value is not True
        for name, value in zip(FIGURES, figures, strict=True)
    )
    return Point(recipe, *figures) if all(sound) else None


def past(store: Store, number: int) -> Past:
    """What is kept of a search; ValueError where there is no such search, or none of it can be read."""
    kept = searches.points(store, number)
    search = next((each for each in searches.listed(store) if each.number == number), None)
    try:
        goal = Goal(**search.goal)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"search {number} of '{store.path}' cannot be read ({error}); runs forget {number}") from None
    return Past(search, goal, _of(kept, SEARCHED), _of(kept, CONFIRMED))


def _of(kept: list[Kept], part: str) -> tuple[Point, ...]:
    found = []
    for each in kept:
        with suppress(ValueError):
            point = _point(each, from_json(each.recipe)) if each.part == part else None
            found += [point] if point else []
    return tuple(found)


def to_csv(kept: Past) -> str:
    """A line a recipe: the images it was measured on, its figures, the recipe as JSON."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["measured_on", *FIGURES, "recipe"])
    for part, points in _parts(kept).items():
        writer.writerows([IMAGES[part], *point[1:], to_json(point.recipe, indent=None)] for point in points)
    return text.getvalue()


def as_json(kept: Past) -> str:
    """The search, and its recipes with their figures under the images that they were measured on."""
    head = {
        each.name: getattr(kept.search, each.name) for each in fields(Searched) if each.name not in ("mark", "count")
    }
    rows = {
        IMAGES[part]: [
            dict(zip(FIGURES, point[1:], strict=True)) | {"recipe": json.loads(to_json(point.recipe))}
            for point in points
        ]
        for part, points in _parts(kept).items()
    }
    return json.dumps(
        {"format": FORMAT} | head | {"subject": asdict(kept.search.subject), "measured on": rows}, indent=1
    )


def _parts(kept: Past) -> dict[str, tuple[Point, ...]]:
    return {SEARCHED: kept.points, CONFIRMED: kept.confirmed}
