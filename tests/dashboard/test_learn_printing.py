"""The hand-out of a plan: asked for, measured in the background, saved."""

import pytest
from streamlit.testing.v1 import AppTest

from core.lessons.plans import Plan
from dashboard import work
from dashboard.lessons import printing

PATIENCE = 60.0


def panel(names: tuple[str, ...]) -> AppTest:
    """The part of the page that hands out, for a plan of lessons on a small sample."""

    def part(names: tuple[str, ...]) -> None:
        from core.lessons.plans import Plan
        from dashboard import state
        from dashboard.lessons import printing

        state.choose_model("lenet_300_100")
        printing.handout(state.position(), Plan(names, "lenet_300_100", "digits"))

    at = AppTest.from_function(part, kwargs={"names": names}, default_timeout=PATIENCE).run()
    assert not at.exception
    return at


def ended(names: tuple[str, ...]) -> bool:
    job = work.find(printing._key(Plan(names, "lenet_300_100", "digits")))
    return job is not None and job.ended.wait(PATIENCE)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    work.forget("hand-out")


def test_a_hand_out_is_made_when_it_is_asked_for_and_then_saved() -> None:
    names = ("magnitude", "low_rank")
    at = panel(names)
    assert [button.label for button in at.button] == ["Make a hand-out to print"]
    at.button[0].click().run()
    assert ended(names)
    at.run()
    assert not at.exception
    assert [each.proto.label for each in at.get("download_button")] == ["Save the hand-out"]
    job = work.find(printing._key(Plan(names, "lenet_300_100", "digits")))
    assert len(job.events) == len(names) + 1
    assert job.events[-1].startswith("<!doctype html>")


def test_a_hand_out_that_was_cancelled_can_be_asked_for_again() -> None:
    names = ("magnitude", "threshold", "sensitivity", "patterns")
    at = panel(names)
    at.button[0].click().run()
    work.find(printing._key(Plan(names, "lenet_300_100", "digits"))).stopping.set()
    at.run()
    assert [button.label for button in at.button] == ["Make a hand-out to print"]
