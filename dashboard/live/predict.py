"""A prediction before the measurement: a marker on a scale, a curve that is drawn, or one of a few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live import prose
from dashboard.live.board import Part, sent
from dashboard.live.prose import Run

Guess = float | tuple[float, ...] | str
STEPS = 100  # of a scale


@dataclass(frozen=True)
class Field:
    """What is predicted. kind: 'mark' a place from low to high; 'curve' a height at each of `points`; 'pick' a choice.

    subject: what the prediction is of; one that the browser sent for another is not taken. lesson: what the browser
    notes as measured. along: what the points are.
    """

    kind: str
    subject: str
    lesson: str
    axis: str = ""
    unit: str = ""
    low: float = 0.0
    high: float = 100.0
    choices: tuple[str, ...] = ()
    along: str = ""
    points: tuple[str, ...] = ()

    @property
    def step(self) -> float:
        """How far an arrow key moves."""
        return (self.high - self.low) / STEPS

    @property
    def digits(self) -> int:
        """The decimals of a value: as many as tell two steps apart."""
        return max(0, -math.floor(math.log10(self.step) + 1e-9))


@dataclass(frozen=True)
class Told:
    """What has been measured. guess: the prediction, None before it. answer: None until it is there.

    busy: whether something is being measured, which can be cancelled.
    """

    guess: Guess | None = None
    answer: Guess | None = None
    verdict: str = ""
    busy: bool = False


@dataclass(frozen=True)
class Asked:
    """What a person did: 'Measure' with a guess, or, without, 'Predict again' or 'Cancel'."""

    guess: Guess | None


def part(field: Field, question: Sequence[Run], told: Told) -> Part:
    """The prediction for the board."""
    words = {
        "asked": told.guess is not None,
        "title": "Your prediction",
        "question": prose.sent(question),
        "digits": field.digits,
        "step": field.step,
    }
    return Part("predict", "plots", vars(field) | words | vars(told))


def asked(key: str, field: Field) -> Asked | None:
    """What was asked since the last run, once; nothing where the browser sends what no prediction of the field is."""
    raw = sent(key, "asked")
    if not isinstance(raw, Mapping) or st.session_state.get(f"asked of {key}") == raw.get("n"):
        return None
    st.session_state[f"asked of {key}"] = raw.get("n")
    if raw.get("subject") != field.subject:
        return None
    if raw.get("guess") is None:
        return Asked(None)
    guess = READERS[field.kind](field, raw["guess"])
    return None if guess is None else Asked(guess)


def _mark(field: Field, raw: object) -> float | None:
    known = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw)
    return min(field.high, max(field.low, float(raw))) if known else None


def _curve(field: Field, raw: object) -> tuple[float, ...] | None:
    heights = [_mark(field, each) for each in raw] if isinstance(raw, list) else []
    return tuple(heights) if len(heights) == len(field.points) and None not in heights else None


def _pick(field: Field, raw: object) -> str | None:
    return raw if isinstance(raw, str) and raw in field.choices else None


READERS = {"mark": _mark, "curve": _curve, "pick": _pick}
