"""What stands above every view: the way to the others, and what to do first."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import runs
from dashboard import offers, state, terms

STYLE = Path(__file__).with_name("page.css").read_text("utf-8")


def head(pages: Sequence[StreamlitPage], here: str) -> None:
    """The page's own css, the links to all views, what to do first in this one, and what the model is."""
    state.arrive(here)
    st.html(f"<style>{STYLE}</style>")
    about = html.escape(_about(state.position().model))
    with st.container(horizontal=True, key="ps-head"):
        st.html("<b class='ps-brand'>Prunescope</b>")
        if len(pages) > 1:
            for page in pages:
                st.page_link(page, label=page.title, disabled=page.title == here)
        st.html(f"<span class='ps-first'>{_first(here)}</span><span class='ps-about'>{about}</span>")


def _first(here: str) -> str:
    """What to do first, its words of the glossary explained."""
    return "".join(each if each.startswith("<") else terms.marked(each) for each in re.split("(</?b>)", FIRST[here]))


def _about(model: str) -> str:
    """What a model is, in a sentence; '' for a stranger's."""
    number = runs.number_of(model)
    if number is None:
        return offers.about(model)
    return f"{state.named(model)[0]} as trained in run {number}."


FIRST = {
    "Explore": "Drag <b>Prune</b>: the accuracy moves while you drag, and every figure is measured.",
    "Layers": "Each layer alone, the others dense: <b>click a cell</b>, and the layer gets that setting.",
    "Trade-offs": "Say what may be lost and press <b>Start</b>: every dot is a recipe that was measured; click one.",
    "Recover": "Press <b>Start</b>: training gives back what the recipe lost; the best look is kept as a run.",
    "Compare": "Keep runs in Explore, pick two here: see which images they answer differently.",
    "Model": "<b>Drop a file below</b>: it is read as data, never run, and goes when you leave.",
    "Export": "Press <b>Make and check</b>: the tool that a format is for reads the file back.",
    "Learn": "Say what you think, press <b>Measure</b>, then move the one slider: the figures are this model's own.",
}
