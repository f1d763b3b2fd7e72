"""Where a session stands in Learn: which lesson, by whose plan, and what it has done in each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from core import lessons
from core.lessons import Lesson, plans
from core.lessons.plans import Plan
from dashboard import offers, state
from dashboard.live.predict import Guess
from dashboard.state import Position


@dataclass(frozen=True)
class Stand:
    """lesson: the open one's name. order: a teacher's, () for all. values: of controls, a teacher's.

    turned: counts the lessons opened by hand.
    """

    lesson: str
    order: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
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
        order = tuple(name for name in query.get("lessons", "").split(",") if name)
        values = dict(_value(each) for each in query.get("values", "").split(",") if each)
        names = plans.Plan(order or tuple(each.name for each in lessons.lessons()), values=values).lessons
        return Stand(lessons.lesson(query.get("lesson", names[0])).name, order, values)
    except ValueError as error:
        state.complain(f"The link cannot be opened as it stands: {error}.")
        return Stand(lessons.lessons()[0].name)


def _value(written: str) -> tuple[str, float]:
    """A lesson and its control's value, of a text such as 'magnitude:0.5'."""
    name, _, value = written.partition(":")
    try:
        return name, float(value)
    except ValueError:
        raise ValueError(f"values has {written!r}, expected a lesson and a number such as magnitude:0.5") from None


def listed() -> tuple[Lesson, ...]:
    """The lessons of this session, the open one among them."""
    here = stand()
    found = tuple(lessons.lesson(name) for name in here.order) or lessons.lessons()
    return found if here.lesson in [each.name for each in found] else (*found, lessons.lesson(here.lesson))


def turn(name: str) -> None:
    """Open another lesson."""
    here = stand()
    if name != here.lesson:
        st.session_state["learn"] = replace(here, lesson=name, turned=here.turned + 1)


def follow(plan: Plan) -> None:
    """Follow a plan from its first lesson. ValueError where this page has not the plan's model or data."""
    for what, name, known in (("model", plan.model, offers.models()), ("data", plan.data, offers.data_sets())):
        if name and name not in known:
            raise ValueError(
                f"plan: {what} is {name!r}, which this page does not have, expected one of {', '.join(known)}"
            )
    if plan.model and plan.model != state.position().model:
        state.choose_model(plan.model)
    if plan.data:
        state.choose_data(plan.data)
    st.session_state["learn"] = Stand(plan.lessons[0], plan.lessons, plan.values, stand().turned + 1)
    st.session_state["sittings"] = {}


def follow_all() -> None:
    """Follow no plan: all lessons in their own order."""
    st.session_state["learn"] = replace(stand(), order=(), values={})


def plan_of(position: Position, order: tuple[str, ...]) -> Plan:
    """The plan of an order of lessons on the position's model, with the controls where this session has them."""
    at = {name: value for name in order if (value := sitting(position, name).value) is not None}
    return Plan(order, position.model, position.data, at)


def sitting(position: Position, lesson: str) -> Sitting:
    """What this session has done in a lesson with the position's model and data."""
    known = st.session_state.get("sittings", {})
    return known.get((position.model, position.data, lesson)) or Sitting(value=_planned(lesson))


def _planned(lesson: str) -> float | None:
    value = stand().values.get(lesson)
    return None if value == lessons.lesson(lesson).control.start else value


def sit(position: Position, lesson: str, done: Sitting) -> None:
    """Note what was done in a lesson."""
    key = (position.model, position.data, lesson)
    st.session_state["sittings"] = st.session_state.get("sittings", {}) | {key: done}


def link(order: tuple[str, ...], values: Mapping[str, float], lesson: str) -> dict[str, str]:
    """What an address says of a plan and the lesson that is open."""
    at = ",".join(f"{name}:{value:g}" for name, value in values.items())
    said = {"lesson": lesson, "lessons": ",".join(order), "values": at}
    return {name: text for name, text in said.items() if text}


def here() -> dict[str, str]:
    """What the address says of where this session stands."""
    at = stand()
    return link(at.order, at.values, at.lesson)
