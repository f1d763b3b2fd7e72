"""The way a session came: every setting that was measured, to be drawn and gone back to."""

import json
from dataclasses import dataclass

import streamlit as st

from core.live import Look
from core.recipe import Recipe, to_json
from dashboard import words

MOST = 150  # points kept; the oldest go first


@dataclass(frozen=True)
class Visited:
    """A point of the trail. number: counts the visits of a session. written: bytes. accuracy, interval: fractions."""

    number: int
    recipe: Recipe
    written: int
    accuracy: float
    interval: tuple[float, float]
    text: str


def visit(seen: Look) -> None:
    """Add a look to the trail, or bring its point up to date, as the last one."""
    trail: dict[str, Visited] = st.session_state["trail"]
    key = to_json(seen.recipe, indent=None)
    found = seen.estimate
    before = trail.pop(key, None)
    st.session_state["visits"] = st.session_state.get("visits", 0) + (before is None)
    number = before.number if before else st.session_state["visits"]
    trail[key] = Visited(number, seen.recipe, seen.written, found.accuracy, found.accuracy_ci95, _sentence(seen))
    while len(trail) > MOST:
        trail.pop(next(iter(trail)))


def points() -> list[Visited]:
    """The trail, in the order of the visits."""
    return list(st.session_state["trail"].values())


def _sentence(seen: Look) -> str:
    value, unit = words.size(seen.written)
    return (
        f"{100 * seen.estimate.accuracy:.1f} % right on {words.count(seen.tally.images)} images, in {value} {unit}"
        f"<br>{_short(seen.recipe)}"
    )


def _short(recipe: Recipe) -> str:
    document = json.loads(to_json(recipe))
    changes = [document["default"], *document["layers"].values()]
    named = [
        ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in c.items())
        for c in changes
    ]
    places = ["all layers", *document["layers"]]
    said = [f"{place}: {change}" for place, change in zip(places, named, strict=True) if change]
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "") or "the dense model"


def recipe_of(number: object) -> Recipe | None:
    """The recipe of a trail point."""
    return next((point.recipe for point in st.session_state["trail"].values() if point.number == number), None)
