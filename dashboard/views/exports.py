"""Export: every format, what it keeps of this recipe, and its file once the tool it is for has read it back."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from core import exporters
from core.exporters import EXPORTERS
from dashboard import outgoing, panels, state, terms, words
from dashboard.outgoing import Prepared
from dashboard.state import Position

BEAT = 0.7  # seconds between two looks at what is being made


def page() -> None:
    """The whole view: a fragment that runs again and again while something is made."""
    beating = outgoing.running(state.position())
    st.fragment(exports, run_every=BEAT if beating else None)(beating)


def exports(beating: bool) -> None:
    """One run: measure the position where it is not, then a row for each format."""
    here = state.position()
    try:
        job = outgoing.prepared(here)
    except (ValueError, OSError) as error:
        state.complain(f"{error}.")
        panels.trouble()
        return
    if outgoing.running(here) != beating:
        st.rerun()
    panels.trouble()
    if job.trouble:
        st.error(words.plain(f"This recipe cannot be exported: {job.trouble[0]}."))
    elif not job.events:
        st.markdown("Measuring the recipe of Explore on every image …")
    else:
        (prepared,) = job.events
        with st.container(key="ps-exports"):
            known: set[str] = set()
            _report(prepared, known)
            for name in EXPORTERS:
                _row(here, prepared, name, known)


def _report(prepared: Prepared, known: set[str]) -> None:
    about, said, done = _columns()
    about.html(_named("report", "what was chosen, what it costs, how it was measured", known))
    said.html(_listed(["one HTML page that needs no network, the same as JSON, the layers as CSV"], known))
    done.download_button("Download", *prepared.report, on_click="ignore", key="download report")


def _named(name: str, about: str, known: set[str]) -> str:
    return f"<p><b>{escape(name)}</b><br>{terms.marked(about, known)}</p>"


def _listed(sentences: Sequence[str], known: set[str]) -> str:
    return f"<ul>{''.join(f'<li>{terms.marked(each, known)}</li>' for each in sentences)}</ul>"


def _columns() -> tuple:
    with st.container(border=True):
        return tuple(st.columns([3, 5, 4], gap="medium"))


def _row(here: Position, prepared: Prepared, name: str, known: set[str]) -> None:
    exporter = EXPORTERS[name]
    about, said, done = _columns()
    about.html(_named(name, exporter.about, known))
    said.html(_listed(prepared.said[name], known))
    absent, job = exporters.missing(exporter), outgoing.found(here, name)
    with done:
        if absent:
            st.markdown(f"This format {absent}")
        elif job is None or job.trouble:
            if job is not None:
                st.markdown(words.plain(f"Not exported: {job.trouble[0]}."))
            if st.button("Make and check", key=f"make {name}"):
                outgoing.export(here, name, prepared.subject)
                st.rerun()
        elif job.running or not job.events:
            st.markdown("Making it and reading it back …")
        else:
            ((files, checked),) = job.events
            data, file = outgoing.bundle(files, exporter.name.removesuffix("/"))
            st.markdown(outgoing.verdict(checked))
            st.download_button("Download", data, file, on_click="ignore", key=f"download {name}")
