"""What a teacher does: put lessons in an order, and hand it on as a link, a small file or a page to print."""

from urllib.parse import urlencode

import streamlit as st

from core import lessons, live
from core.jobs import Job
from core.lessons import handout, plans
from core.lessons.plans import Plan
from dashboard import state, work
from dashboard.lessons import measuring, standing
from dashboard.state import Position

BEAT = 0.7  # seconds between two looks at a hand-out that is being made
LARGEST = 64_000  # bytes of a plan's file


def panel() -> None:
    """The whole of it, folded away until it is wanted: it runs again and again while a hand-out is made."""
    made = _made()
    beating = made is not None and made.running
    st.fragment(_panel, run_every=BEAT if beating else None)(beating)


def _panel(beating: bool) -> None:
    here, stand = state.position(), standing.stand()
    with st.container(key="ps-teaching"), st.expander("For teachers: an order of lessons, its link, file and hand-out"):
        left, right = st.columns(2, gap="large")
        with left:
            order = _order(stand.order)
            if stand.order and st.button("Show all lessons"):
                standing.follow_all()
                st.rerun()
            _take_in()
        with right:
            _hand_on(here, order)
    made = _made()
    if (made is not None and made.running) != beating:
        st.rerun()


def _order(now: tuple[str, ...]) -> tuple[str, ...]:
    titles = {each.name: each.title for each in lessons.lessons()}
    chosen = st.multiselect(
        "Lessons, in the order in which you choose them",
        list(titles),
        list(now),
        format_func=titles.__getitem__,
        placeholder="Choose lessons",
        key=f"order of {','.join(now)}",
    )
    st.markdown("A slider that you have moved in a lesson of this order will stand there for your students too.")
    return tuple(chosen)


def _hand_on(here: Position, order: tuple[str, ...]) -> None:
    if not order:
        st.markdown("Choose lessons, and their link and file appear here.")
        return
    plan = standing.plan_of(here, order)
    st.markdown("The link for your students:")
    st.code(link(plan), language=None, wrap_lines=True)
    with st.container(horizontal=True):
        st.download_button("Save as a file", plans.text(plan), "lesson-plan.json", on_click="ignore")
        if st.button("Follow it here"):
            standing.follow(plan)
            st.rerun()
    _print_out(here, plan)


def _print_out(here: Position, plan: Plan) -> None:
    """The hand-out with this model's figures, made in the background: every lesson of the plan is measured for it."""
    key = ("handout", *measuring.place(here), plans.text(plan))
    if st.button("Make a hand-out to print", disabled=_asked() == key):
        st.session_state["handout"] = key
        studio = measuring.studio_of(here)
        work.job(key, lambda: iter([handout.page(live.apart(studio), plan)]))
    made = _made() if _asked() == key else None
    if made is not None and made.events:
        st.download_button("Save the hand-out", made.events[0], "lessons.html", "text/html", on_click="ignore")
    elif made is not None and made.trouble:
        st.error(f"The hand-out could not be made: {made.trouble[0]}.")
    elif made is not None:
        st.markdown(f"Measuring {len(plan.lessons)} lessons of {plan.model} for it …")


def _asked() -> tuple | None:
    return st.session_state.get("handout")


def _made() -> Job | None:
    """The job of the hand-out that this session asked for last."""
    return work.find(_asked()) if _asked() else None


def link(plan: Plan) -> str:
    """The address that opens a plan."""
    asked = {"model": plan.model, "data": plan.data, **standing.link(plan.lessons, plan.values, plan.lessons[0])}
    return f"{(st.context.url or '/learn').split('?')[0]}?{urlencode(asked, safe=',:')}"


def _take_in() -> None:
    """A plan's file, taken in once."""
    given = st.file_uploader("Open a plan's file", type="json", max_upload_size=1)
    if given is None or st.session_state.get("plan taken in") == given.file_id:
        return
    st.session_state["plan taken in"] = given.file_id
    try:
        standing.follow(plans.read(_text(given.getvalue())))
    except ValueError as error:
        st.error(f"{error}.")
        return
    st.rerun()


def _text(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise ValueError(f"plan: the file has {len(raw):,} bytes, expected {LARGEST:,} at most")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("plan: the file is no UTF-8 text, expected one that 'For teachers' saved") from None
