"""Export without a browser: what is said before, made in the background, and handed over."""

import io
import re
import time
import zipfile
from html import unescape

import pytest
from streamlit.testing.v1 import AppTest

from core.exporters import EXPORTERS
from core.exporters.format import Checked
from core.recipe import Recipe, Settings
from dashboard import outgoing, words
from dashboard.state import Position

HERE = Position("lenet_300_100", "digits", Recipe(Settings(sparsity=0.5, bits=4)))


def script() -> None:
    """The head's position and the view alone."""
    from dashboard import panels
    from dashboard.views import exports

    if panels.standing():
        exports.page()


def until(at: AppTest, sentence: str) -> None:
    """Runs the page as its browser would until it says something."""
    for _ in range(600):
        if sentence in said(at):
            return
        time.sleep(0.1)
        at.run()
        assert not at.exception
    raise AssertionError(f"no {sentence!r} in {said(at)}")


def said(at: AppTest) -> str:
    """All texts of the page, without what HTML says of them."""
    made = "\n".join([*(each.value for each in at.markdown), *(each.proto.body for each in at.get("html"))])
    return unescape(re.sub("<[^>]*>", "", made))


@pytest.fixture
def page() -> AppTest:
    at = AppTest.from_function(script, default_timeout=60)
    at.session_state["position"] = at.session_state["settled"] = HERE
    at.session_state["history"] = []
    at.session_state["trail"] = {}
    at.run()
    until(at, "state_dict of decoded weights")
    return at


def test_every_format_says_what_it_keeps_before_the_click(page: AppTest) -> None:
    assert all(name in said(page) for name in EXPORTERS)
    assert "mask of fc1, fc2, fc3: as weight_mask" in said(page)
    assert {button.key for button in page.button} == {f"make {name}" for name in EXPORTERS}


def test_a_format_is_made_read_back_and_handed_over(page: AppTest) -> None:
    page.button(key="make torch").click().run()
    until(page, "Read back: all 200 images answered alike")
    assert "make torch" not in {button.key for button in page.button}
    (files, checked) = outgoing.found(HERE, "torch").events[0]
    assert checked.bytes == len(files["model.pt"])


def test_what_is_not_to_be_had_is_said_in_its_row(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(exporter: object, subject: object) -> None:
        raise ValueError("torch.export cannot follow this model (why)")

    monkeypatch.setattr(outgoing.exporters, "export", failing)
    page.button(key="make torch_export").click().run()
    until(page, words.plain("Not exported: torch.export cannot follow this model (why)."))
    assert page.button(key="make torch_export")


def test_several_files_go_as_one_archive() -> None:
    assert outgoing.bundle({"a.pt": b"1"}, "x") == (b"1", "a.pt")
    data, name = outgoing.bundle({"a": b"1", "b": b"2"}, "x")
    assert name == "x.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {each: archive.read(each) for each in archive.namelist()} == {"x/a": b"1", "x/b": b"2"}


def test_what_a_tool_computes_by_itself_is_told() -> None:
    told = outgoing.verdict(Checked(1e-6, 1e-6, 4.5, 0.995, 200, 125_000, 0.07))
    assert "99.5 % of 200 images answered alike, logits off by 1e-06 at most of 4.5 (0.07 as the tool computes" in told
    rounded = outgoing.verdict(Checked(1e-3, 1e-7, 4.5, 1.0, 200, 125_000))
    assert "logits off by 0.001 at most of 4.5, by 1e-07 from what this format can hold of the recipe; " in rounded
    assert "unless told" not in outgoing.verdict(Checked(1e-6, 1e-6, 4.5, 1.0, 200, 125_000, 1e-6))
