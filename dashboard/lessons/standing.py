"""Where a session stands in Learn: which lesson, in whose order, and what it has done in each."""

from dataclasses import dataclass, replace

import streamlit as st

from core import lessons
from core.lessons import Lesson
from dashboard import state
from dashboard.live.predict import Guess
from dashboard.state import Position

MOST = 60  # lessons in an order


@dataclass(frozen=True)
class Stand:
    """lesson: the open one's name. order: a teacher's, () for all. turned: counts the lessons opened by hand."""

    lesson: str
    order: tuple[str, ...] = ()
    turned: int = 0


@dataclass(frozen=True)
class Sitting:
    """What was done in a lesson with a model. guess: None before 'Measure'. value: the control's, None for its start.

    ran: whether the usual tutorial's version was run.
    """

    guess: Guess | None = None
    value: float | None = None
    ran: bool = False


def stand() -> Stand:
    """Where this session stands; at first where the link says."""
    if "learn" not in st.session_state:
        st.session_state["learn"] = _linked()
    return st.session_state["learn"]


def _linked() -> Stand:
    query = st.query_params
    try:
        order = checked(tuple(name for name in query.get("lessons", "").split(",") if name))
        first = Stand(named(order)[0].name, order)
        wanted = query.get("lesson", first.lesson)
        there = Stand(lessons.lesson(wanted).name, order)
        if "value" in query:
            linked = float(query["value"])
            sit(state.position(), there.lesson, Sitting(value=within(lessons.lesson(wanted), linked)))
    except ValueError as error:
        state.complain(f"The link cannot be opened as it stands: {error}.")
        return Stand(lessons.lessons()[0].name)
    return there


def checked(order: tuple[str, ...]) -> tuple[str, ...]:
    """An order of lessons, each of which there is; ValueError where one is unknown or there are too many."""
    if len(order) > MOST:
        raise ValueError(f"the order has {len(order)} lessons, expected {MOST} at most")
    return tuple(lessons.lesson(name).name for name in order)


def within(lesson: Lesson, value: float) -> float:
    """The value, as near as the lesson's control can have it; ValueError for what is no number."""
    if value != value:
        raise ValueError("value is no number, expected one that the lesson's control can have")
    low, high = (
        (0, len(lesson.control.stops) - 1) if lesson.control.stops else (lesson.control.low, lesson.control.high)
    )
    return min(high, max(low, value))


def named(order: tuple[str, ...]) -> tuple[Lesson, ...]:
    """The lessons of an order, all where it is ()."""
    return tuple(lessons.lesson(name) for name in order) or lessons.lessons()


def listed() -> tuple[Lesson, ...]:
    """The lessons of this session, the open one among them."""
    here = stand()
    found = named(here.order)
    return found if here.lesson in [each.name for each in found] else (*found, lessons.lesson(here.lesson))


def turn(name: str) -> None:
    """Open another lesson."""
    here = stand()
    if name != here.lesson:
        st.session_state["learn"] = replace(here, lesson=name, turned=here.turned + 1)


def order_by(order: tuple[str, ...]) -> None:
    """Follow a teacher's order from its first lesson."""
    here = stand()
    st.session_state["learn"] = replace(here, order=order, lesson=named(order)[0].name, turned=here.turned + 1)


def sitting(position: Position, lesson: str) -> Sitting:
    """What this session has done in a lesson with the position's model and data."""
    return st.session_state.get("sittings", {}).get((position.model, position.data, lesson), Sitting())


def sit(position: Position, lesson: str, done: Sitting) -> None:
    """Note what was done in a lesson."""
    key = (position.model, position.data, lesson)
    st.session_state["sittings"] = st.session_state.get("sittings", {}) | {key: done}


def link(position: Position) -> dict[str, str]:
    """What the address says of all this."""
    here = stand()
    value = sitting(position, here.lesson).value
    said = {"lesson": here.lesson, "lessons": ",".join(here.order), "value": "" if value is None else f"{value:g}"}
    return {name: text for name, text in said.items() if text}
