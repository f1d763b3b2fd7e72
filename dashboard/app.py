"""The dashboard: `python -m streamlit run dashboard/app.py [-- --model M --data D]`."""

import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:  # `streamlit run` puts only this file's folder on the path
    sys.path.insert(0, ROOT)

from dashboard.views import explore  # noqa: E402

st.set_page_config("Prunescope", page_icon="✂️", layout="wide", initial_sidebar_state="collapsed")
st.navigation([st.Page(explore.page, title="Explore", default=True)], position="hidden").run()
