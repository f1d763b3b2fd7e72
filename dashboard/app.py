"""The dashboard: `python -m streamlit run dashboard/app.py [-- --model M --data D]`."""

import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:  # `streamlit run` puts only this file's folder on the path
    sys.path.insert(0, ROOT)

from dashboard import head, late, panels, state  # noqa: E402
from dashboard.views import compare, explore, exports, layers, learn, model, recover, tradeoffs  # noqa: E402

VIEWS = {
    "Explore": explore.page,
    "Layers": layers.page,
    "Trade-offs": tradeoffs.page,
    "Recover": recover.page,
    "Compare": compare.page,
    "Export": exports.page,
    "Model": model.page,
    "Learn": learn.page,
}

st.set_page_config("Prunescope", page_icon="✂️", layout="wide", initial_sidebar_state="collapsed")
PAGES = [
    st.Page(view, title=title, url_path=title.lower(), default=title == next(iter(VIEWS)))
    for title, view in VIEWS.items()
]
chosen = st.navigation(PAGES, position="hidden")
bound = state.bound()
if bound:
    st.switch_page(next(page for page in PAGES if page.title == bound))
usable = panels.standing()
head.head(PAGES, chosen.title)
if usable:
    chosen.run()
    state.write_link()
    late.overtake()
else:
    panels.trouble()
