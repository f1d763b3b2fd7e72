"""Components whose html, css and js are files beside the python module."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str, *, isolated: bool = True) -> ComponentRenderer:
    """The registered component of `name`.html, .css and .js; `isolated` puts it in a shadow root."""
    html, css, js = ((HERE / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"prunescope_{name}", html=html, css=css, js=js, isolate_styles=isolated)
