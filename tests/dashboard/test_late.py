"""A request of a view that was left neither waits for the next one nor empties it."""

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from dashboard import late


@pytest.fixture
def requests() -> ScriptRequests:
    """Those of a session whose script has begun to run."""
    held = ScriptRequests()
    held.request_rerun(RerunData())
    held.on_scriptrunner_ready()
    return held


def test_nothing_waits_at_first(requests: ScriptRequests) -> None:
    assert not late.asked_of_others(requests, frozenset({"explore"}))


def test_a_request_of_this_view_is_left_alone(requests: ScriptRequests) -> None:
    requests.request_rerun(RerunData(fragment_id="explore"))
    assert not late.asked_of_others(requests, frozenset({"explore"}))


def test_a_request_of_the_view_before_gives_way_to_a_run_of_the_page(requests: ScriptRequests) -> None:
    requests.request_rerun(RerunData(fragment_id="layers", page_script_hash="before"))
    assert late.asked_of_others(requests, frozenset({"explore"}))
    requests.request_rerun(RerunData(page_script_hash="now"))
    assert not late.asked_of_others(requests, frozenset({"explore"}))
    request = requests.on_scriptrunner_ready()
    assert request.type is ScriptRequestType.RERUN
    assert request.rerun_data.page_script_hash == "now"
    assert not request.rerun_data.fragment_id_queue
