"""What a teacher does: put lessons in an order, and hand it on as a link, a small file or a page to print."""

from urllib.parse import urlencode

import streamlit as st

from core import lessons
from core.lessons import plans
from core.lessons.plans import Plan
from dashboard import state, words
from dashboard.lessons import printing, standing
from dashboard.state import Position

LARGEST = 64_000  # bytes of a plan's file


@st.fragment
def panel() -> None:
    """The whole of it, folded away until it is wanted."""
    here, stand = state.position(), standing.stand()
    with st.container(key="ps-teaching"), st.expander("For teachers: an order of lessons, its link and its file"):
        left, right = st.columns(2, gap="large")
        with left:
            order = _order(stand.order)
            if stand.order and st.button("Show all lessons"):
                standing.follow_all()
                st.rerun()
        with right:
            _hand_on(here, order)
            _take_in()


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
    printing.handout(here, plan)


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
        st.error(words.plain(f"{error}."))
        return
    st.rerun()


def _text(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise ValueError(f"plan: the file has {len(raw):,} bytes, expected {LARGEST:,} at most")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("plan: the file is no UTF-8 text, expected one that 'For teachers' saved") from None
