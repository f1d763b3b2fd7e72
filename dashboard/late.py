"""What the browser still asked for a view that it was leaving.

Streamlit keeps such a request while the next view runs, then carries it out for a page that is gone, and the browser
empties the one that it shows. A run of the whole page takes the place of every request that waits.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType


def asked_of_others(requests: ScriptRequests, here: frozenset[str]) -> bool:
    """Whether a request waits that is of none of the fragments of this run. here: their ids."""
    waits = requests._state is ScriptRequestType.RERUN  # Streamlit tells nobody; its version is pinned
    asked = set(requests._rerun_data.fragment_id_queue) if waits else set()
    return bool(asked) and not asked & here


def overtake() -> None:
    """Run the page again where a request of a view that was left waits; at the end of a run."""
    context = get_script_run_ctx()
    if context is None or context.script_requests is None:
        return
    if asked_of_others(context.script_requests, context.shared.new_fragment_ids.snapshot()):
        st.rerun()
