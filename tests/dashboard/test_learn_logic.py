"""Learn without a browser: texts as runs, predictions beside measurements, what a link and a browser may send."""

import threading
from functools import partial
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from core import jobs, lessons, live, loading
from core.lessons.format import Plot
from core.live import Studio
from core.recipe import Recipe
from dashboard import work
from dashboard.lessons import drawing, measuring, steps, telling, verdicts
from dashboard.lessons.drawing import Here
from dashboard.lessons.standing import Sitting
from dashboard.live import predict
from dashboard.live.predict import Field
from dashboard.live.prose import Run
from dashboard.state import Position
from sample_models import SAMPLES

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")
DATA = SAMPLES["lenet5"].data
NAMES = [lesson.name for lesson in lessons.lessons()]
MARK = Field("mark", "m", "magnitude", "right", "%")
CURVE = Field("curve", "m", "quantization", "right", "%", points=("2", "4", "8"), along="bits")
PICK = Field("pick", "m", "sensitivity", choices=("fc1", "fc2"))


@pytest.fixture(scope="module")
def studio() -> Studio:
    return live.opened(lessons.study(loading.load_model("lenet5", None), loading.load_data(DATA)))


def learn(board: object = None) -> AppTest:
    """The Learn page after the browser has sent something."""
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["model"] = "lenet5"
    at.run()
    at.session_state["bound"] = "Learn"
    at.run()
    if board is not None:
        at.session_state["board"] = {"sent": board}
        at.run()
    assert not at.exception
    return at


def linked(query: dict) -> AppTest:
    """Where a session stands that begins with a link."""

    def begin() -> None:
        from dashboard.lessons import standing

        standing.stand()

    at = AppTest.from_function(begin, default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    assert not at.run().exception
    return at


def test_a_text_is_made_of_its_marks_and_terms() -> None:
    found = telling.runs("Go by *size*: `w < t`, weights {n:.1f} % and a Weight.", {"n": 4.25})
    meaning = lessons.glossary()["weight"]
    assert "".join(run.text for run in found) == "Go by size: w < t, weights 4.2 % and a Weight."
    assert [run for run in found if run.kind] == [
        Run("size", "em"),
        Run("w < t", "code"),
        Run("weights", "term", meaning),
        Run("Weight", "again", meaning),
    ]


def test_a_term_within_another_word_is_none() -> None:
    assert telling.runs("lightweight") == (Run("lightweight"),)


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_is_whole_and_every_symbol_of_it_is_explained(name: str, studio: Studio) -> None:
    lesson = lessons.lesson(name)
    found = telling.formula(lesson, measuring.opening(studio, name))
    assert "".join(run.text for run in found) == lesson.formula
    assert {run.text for run in found if run.kind == "symbol"} == {each.symbol for each in lesson.symbols}


@pytest.mark.parametrize("name", NAMES)
def test_the_code_that_is_shown_is_ours(name: str) -> None:
    where, source = steps.source_of(lessons.lesson(name).code)
    file, _, line = where.partition(", line ")
    lines = (steps.ROOT / file).read_text("utf-8").splitlines()
    assert "\n".join(lines[int(line) - 1 :]).startswith(source)
    assert source.startswith(("def ", "@"))


@pytest.mark.parametrize("name", [name for name in NAMES if not lessons.lesson(name).slow])
def test_every_lessons_plot_is_a_figure_of_plotlys(name: str, studio: Studio) -> None:
    lesson = lessons.lesson(name)
    found = measuring.at(studio, name, lesson.control.start)
    made = drawing.figure(found.table, lesson.plot, Here(lesson.control.start * lesson.control.times, 0, 1))
    go.Figure(made)
    assert made["data"]
    assert drawing.figure(found.table.head(0), lesson.plot) == drawing.empty()


def test_the_ring_stands_where_the_control_stands() -> None:
    table, plot = (
        pd.DataFrame({"bits": [2, 4, 8], "right": [10.0, 90.0, 99.0]}),
        Plot("line", "bits", "right", "b", "%"),
    )
    curve, ring = drawing.figure(table, plot, Here(4.0, 1, 16))["data"]
    assert (ring["x"], ring["y"]) == ([4.0], [90.0])
    assert drawing.figure(table, plot, Here(5.0, 1, 16))["data"][1]["x"] == []
    assert curve["x"] == [2.0, 4.0, 8.0]


def test_the_axis_holds_all_that_the_control_can_be_set_to() -> None:
    table, plot = pd.DataFrame({"bits": [2, 4], "right": [10.0, 90.0]}), Plot("line", "bits", "right", "b", "%")
    ranges = [drawing.figure(table, plot, Here(at, 1, 16))["layout"]["xaxis"]["range"] for at in (1, 4, 16)]
    assert ranges[0] == ranges[1] == ranges[2]
    assert ranges[0][0] < 1 < 16 < ranges[0][1]


def test_many_numbers_are_drawn_as_a_histogram_and_what_goes_is_orange() -> None:
    bins = pd.DataFrame({"value": range(20), "weights": 20, "what": "stays"})
    table = pd.concat([bins, bins.assign(what="goes", weights=[*[0] * 15, *[9] * 5])], ignore_index=True)
    plot = Plot("bars", "value", "weights", "value", "weights", "what")
    stays, goes, *said = drawing.figure(table, plot)["data"]
    assert (stays["fillcolor"], goes["fillcolor"]) == (drawing.COMPRESSED, drawing.REMOVED)
    assert [len(each["text"]) for each in said] == [20, 5]
    assert (stays["x"][0], stays["x"][-1]) == (-0.5, 19.5)
    assert drawing.key(table, plot) == "blue: stays; orange: goes"


def test_the_ring_is_for_a_control_that_lies_across_the_plot() -> None:
    plot = Plot("line", "removed", "right", "weights removed, %", "right")
    assert drawing.counts(plot, "Weights removed")
    assert not drawing.counts(plot, "Rounds")


def test_series_differ_in_words_too() -> None:
    table = pd.DataFrame({"x": [1, 1], "y": [2, 3], "of": ["size", "chance"]})
    plot = Plot("line", "x", "y", "x", "y", "of")
    assert drawing.key(table, plot) == "blue, solid: size; grey, dashed: chance"
    looks = [trace["line"] for trace in drawing.figure(table, plot)["data"]]
    assert looks[0]["color"] != looks[1]["color"]
    assert looks[0]["dash"] != looks[1]["dash"]


@pytest.mark.parametrize(
    ("field", "guess", "answer", "said"),
    [
        (MARK, 60.0, 91.44, "You said 60 %. Measured: 91.4 %. You are 31.4 points away."),
        (MARK, 91.0, 91.44, "You said 91 %, and so it is."),
        (
            CURVE,
            (0.0, 50.0, 90.0),
            (30.0, 50.0, 99.0),
            "Your curve is 13.0 points away on average, the furthest at 2 bits: 30.0 points.",
        ),
        (PICK, "fc1", "fc1", "You picked fc1, and so it is."),
        (PICK, "fc1", "fc2", "You picked fc1. Measured: fc2."),
    ],
)
def test_a_prediction_is_told_beside_what_was_measured(field: Field, guess: object, answer: object, said: str) -> None:
    assert verdicts.verdict(field, guess, answer) == said


ANYTHING = some.recursive(some.none() | some.booleans() | some.floats() | some.text(), some.lists)


@given(some.sampled_from((MARK, CURVE, PICK)), ANYTHING)
def test_a_guess_that_the_browser_sends_is_one_of_the_field_or_none(field: Field, raw: object) -> None:
    guess = predict.READERS[field.kind](field, raw)
    heights = {"mark": (guess,), "curve": guess or (), "pick": ()}[field.kind]
    assert guess is None or field.kind == "pick" or all(0 <= each <= 100 for each in heights)
    assert guess is None or field.kind != "pick" or guess in field.choices
    assert guess is None or field.kind != "curve" or len(guess) == 3


def test_a_prediction_is_measured_and_another_lesson_begins_with_none() -> None:
    lesson = lessons.lesson("magnitude")
    at = learn({"learn-contents": {"chosen": {"name": "magnitude", "n": 1}}})
    asked = {"subject": f"lenet5 {DATA} magnitude", "guess": 40.0, "n": 1}
    at.session_state["board"] = {"sent": {"learn-predict": {"asked": asked}}}
    at.run()
    sitting = at.session_state["sittings"]["lenet5", DATA, "magnitude"]
    assert (sitting.guess, sitting.value) == (40.0, None)
    rev = at.session_state["thumb of learn-control"].rev
    sample = {"value": 30, "seq": 1, "final": True, "rev": rev, "subject": asked["subject"]}
    at.session_state["board"] = {"sent": {"learn-predict": {"asked": asked}, "learn-control": {"sample": sample}}}
    at.run()
    sitting = at.session_state["sittings"]["lenet5", DATA, "magnitude"]
    assert (sitting.guess, sitting.value) == (40.0, 0.3)
    assert lesson.control.start != 0.3
    assert "magnitude" in at.query_params["lesson"]


def test_what_cannot_be_measured_says_why_and_leaves_the_lesson_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("layer 'fc1': nothing can be made of it, choose another model")

    monkeypatch.setitem(lessons.MEASURES, NAMES[0], fails)
    monkeypatch.setattr("dashboard.lessons.doing.pictures", fails)
    at = learn()
    measuring.at.cache_clear()
    asked = {"subject": f"lenet5 {DATA} {NAMES[0]}", "guess": 5.0, "n": 1}
    for sent in ({"learn-predict": {"asked": asked}}, {"learn-predict": {"asked": asked | {"guess": None, "n": 2}}}):
        at.session_state["board"] = {"sent": sent}
        at.run()
        assert not at.exception
        assert not at.error
    assert at.session_state["sittings"]["lenet5", DATA, NAMES[0]].guess is None
    found = measuring.found(at.session_state["position"], lessons.lesson(NAMES[0]), Sitting(guess=5.0))
    assert found.trouble == "layer 'fc1': nothing can be made of it, choose another model"


def test_a_lesson_that_everyone_has_left_is_measured_no_further_and_anew_on_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()

    def long(*_: object) -> None:
        while True:
            begun.set()
            jobs.breathe()

    monkeypatch.setattr(lessons, "measured", long)
    monkeypatch.setattr(measuring, "UNSEEN", 0.5)
    position, lesson = Position("lenet5", DATA, Recipe()), lessons.lesson("iterating")
    look = partial(measuring.found, position, lesson, Sitting(guess=50.0))
    assert look().running
    assert begun.wait(30)
    first = work.find(measuring._key(position, lesson, None))
    assert first.ended.wait(30)
    assert look().running
    assert work.find(measuring._key(position, lesson, None)) is not first
    measuring.cancel(position, lesson, Sitting(guess=50.0))


@pytest.mark.parametrize("raw", [None, 3, [], {"name": [], "n": 1}, {"name": "magic", "n": {}}, {"picked": 3}])
def test_what_no_browser_sends_changes_nothing(raw: object) -> None:
    told = {"chosen": raw, "asked": raw, "picked": raw, "sample": raw}
    at = learn(dict.fromkeys(("learn-contents", "learn-predict", "learn-control", "learn-run", "learn-foot"), told))
    assert at.session_state["learn"].lesson == NAMES[0]
    assert "sittings" not in at.session_state


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"lessons": "magic"}, "lesson is 'magic', expected one of"),
        ({"lesson": "magic"}, "lesson is 'magic', expected one of"),
        ({"values": "magnitude:9"}, "the control of 'magnitude' is set to 9.0"),
        ({"values": "magnitude"}, "values has 'magnitude', expected a lesson and a number"),
    ],
)
def test_a_link_that_cannot_be_opened_says_why(query: dict, said: str) -> None:
    at = linked(query)
    assert said in at.session_state["trouble"]
    assert at.session_state["learn"].lesson == NAMES[0]


def test_a_plan_from_a_link_sets_the_order_and_the_controls() -> None:
    stand = linked({"lessons": "quantization,magnitude", "values": "magnitude:0.5"}).session_state["learn"]
    assert (stand.lesson, stand.order, stand.values) == (
        "quantization",
        ("quantization", "magnitude"),
        {"magnitude": 0.5},
    )


def test_the_link_of_a_plan_opens_it() -> None:
    at = learn()
    (choose,) = at.multiselect
    choose.set_value(["sharing", "magnitude"]).run()
    (code,) = at.code
    assert code.value.endswith(f"?model=lenet5&data={DATA}&lesson=sharing&lessons=sharing,magnitude")


def test_what_went_wrong_is_words_alone_whatever_a_link_says() -> None:
    def show() -> None:
        from dashboard import panels
        from dashboard.lessons import standing

        standing.stand()
        panels.trouble()

    at = AppTest.from_function(show, default_timeout=60)
    at.query_params["lesson"] = "![x](http://127.0.0.1/x.png)" + "y" * 500
    (told,) = at.run().error
    assert "![" not in told.value
    assert "y" * 100 not in told.value
