"""The Layers page without a browser: what its map says, and what a click or a table cell does to the recipe."""

import time
from collections.abc import Iterator
from pathlib import Path

import plotly.graph_objects as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core import jobs, live, loading, pipeline
from core.coding import CODERS
from core.live import Studio
from core.recipe import FIELDS as SETTINGS
from core.recipe import Recipe, Settings, merged
from core.sensitivity import sensitivity
from dashboard import controls, editing, figures, maps, sensing, work
from dashboard.fields import FIELDS
from dashboard.sensing import Subject
from dashboard.state import BELOW, EACH, Position
from tests.dashboard.test_page_logic import ODD, recipe_of, send

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")
MANY = "tests.dashboard.many:model"


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    yield
    for job in work._kept()[0].values():
        jobs.stop(job)
    for job in work._kept()[0].values():
        job.ended.wait(60)
    work._kept.clear()
    sensing._measured.clear()


@pytest.fixture
def page() -> AppTest:
    """The page of lenet5, which is quick to measure."""
    return opened(model="lenet5")


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(APP, default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at._page_hash = calc_hash("layers")
    at.run()
    assert not at.exception
    return at


def until_measured(at: AppTest) -> None:
    end = time.monotonic() + 60
    while any(job.running for job in work._kept()[0].values()) and time.monotonic() < end:
        time.sleep(0.1)
    at.run()


def deed(at: AppTest, n: int, what: str, layer: str, **more: object) -> AppTest:
    """The page after a deed in its table."""
    told = {"what": what, "layer": layer, "field": "", "text": "", "targets": [], "n": n, **more}
    return send(at, {"grid": {"deeds": [told]}})


def edit(at: AppTest, n: int, layer: str, **typed: str) -> AppTest:
    ((field, text),) = typed.items()
    return deed(at, n, "edit", layer, field=field, text=text)


def click(at: AppTest, n: int, *cell: object) -> AppTest:
    return send(at, {"heat": {"clicked": {"curve": 0, "point": 0, "customdata": list(cell), "n": n}}})


def said(at: AppTest) -> str:
    return at.session_state["facets"].said


def test_the_map_is_measured_in_the_background_and_has_the_figures_of_the_engine(page: AppTest) -> None:
    until_measured(page)
    of = Subject("lenet5", None, "digits", "sparsity", "magnitude")
    names = ("conv1", "conv2", "fc1", "fc2")
    made = sensing.progress(of, names)
    assert (made.cells, made.total, made.running, made.trouble) == (32, 32, False, "")
    study = pipeline.study(loading.load_model("lenet5"), loading.load_data("digits"), Recipe())
    ladder = {"sparsity": sensing.ladder("sparsity", "magnitude")}
    for mine, theirs in zip(sensing.rows(of, list(names)), sensitivity(study, Settings(), ladder), strict=True):
        assert {k: v for k, v in mine.items() if k != "divergence"} == {
            k: v for k, v in theirs.items() if k != "divergence"
        }


def test_another_tab_finds_the_same_job(page: AppTest) -> None:
    send(page, {"technique": {"picked": {"name": "technique", "value": "rank", "n": 1}}})
    job = sensing.find(Subject("lenet5", None, "digits", "rank", "svd"), ("conv1", "conv2", "fc1", "fc2"))
    assert job is not None
    opened(model="lenet5")
    assert sensing.find(*_map("rank", "svd")) is job
    until_measured(page)
    assert sensing.progress(*_map("rank", "svd")).complete


def _map(technique: str, method: str) -> tuple[Subject, tuple[str, ...]]:
    return Subject("lenet5", None, "digits", technique, method), ("conv1", "conv2", "fc1", "fc2")


def test_a_stopped_map_keeps_its_cells_and_goes_on_where_it_stopped() -> None:
    page = opened(model="digits_cnn")
    of, names = Subject("digits_cnn", None, "digits", "sparsity", "magnitude"), ("conv1", "conv2", "fc1", "fc2")
    sensing.stop(of, names)
    job = sensing.find(of, names)
    assert job is not None
    assert job.ended.wait(60)
    kept = sensing.progress(of, names).cells
    assert kept < 32
    page.run()
    assert sensing.find(of, names) is job, "nothing goes on by itself"
    send(page, {"run": {"picked": {"name": "run", "value": "", "n": 5}}})
    until_measured(page)
    assert sensing.progress(of, names).complete
    again = sensing.find(of, names)
    assert again is not None
    assert kept + len(again.events) == 32


@pytest.mark.parametrize(
    ("technique", "cell", "override"),
    [
        ("sparsity", ("fc1", 0.9), {"sparsity": 0.9}),
        ("bits", ("conv1", 3.0), {"bits": 3}),
        ("rank", ("fc2", 0.25), {"rank": 0.25}),
    ],
)
def test_a_click_on_a_cell_gives_the_layer_that_setting(
    technique: str, cell: tuple, override: dict, page: AppTest
) -> None:
    send(page, {"technique": {"picked": {"name": "technique", "value": technique, "n": 1}}})
    click(page, 1, *cell)
    assert recipe_of(page) == Recipe(layers={cell[0]: override})
    assert said(page).startswith(f"{cell[0]} now stands ")
    assert page.session_state["position"].layer == cell[0]
    send(page, {"tools": {"picked": {"name": "undo", "value": "", "n": 2}}})
    assert recipe_of(page) == Recipe()


@pytest.mark.parametrize("cell", [(), ("fc1",), ("fc9", 0.9), ("fc1", 0.123), (1, 2), ("fc1", "0.9"), (None, None)])
def test_what_is_no_cell_changes_nothing(cell: tuple, page: AppTest) -> None:
    click(page, 1, *cell)
    assert not page.exception
    assert recipe_of(page) == Recipe()


def test_a_click_replaces_a_threshold_and_the_method_that_was_not_measured() -> None:
    start = Recipe(layers={"fc1": {"threshold": 0.1, "criterion": "random", "pattern": "row", "bits": 4}})
    page = opened(model="lenet5")
    page.session_state["position"] = page.session_state["settled"] = Position("lenet5", "digits", start)
    click(page, 1, "fc1", 0.5)
    assert recipe_of(page).settings("fc1") == Settings(sparsity=0.5, bits=4)


def test_a_cell_of_the_table_is_edited_and_undone_one_by_one(page: AppTest) -> None:
    edit(page, 1, "fc1", sparsity="80 %")
    edit(page, 2, "fc1", bits="4")
    edit(page, 3, "", rank="50")
    assert recipe_of(page) == Recipe(Settings(rank=0.5), {"fc1": {"sparsity": 0.8, "bits": 4}})
    assert page.session_state["shown"][0].count("fc1") == 1
    for n, left in enumerate([{"sparsity": 0.8, "bits": 4}, {"sparsity": 0.8}, {}]):
        send(page, {"tools": {"picked": {"name": "undo", "value": "", "n": n}}})
        assert recipe_of(page) == Recipe(layers={"fc1": left} if left else {})


def test_edits_that_come_together_all_count(page: AppTest) -> None:
    told = [
        {"what": "edit", "layer": "fc1", "field": field, "text": text, "targets": [], "n": n}
        for n, (field, text) in enumerate((("sparsity", "50"), ("bits", "5"), ("coder", "kmeans")), start=1)
    ]
    send(page, {"grid": {"deeds": told}})
    assert recipe_of(page) == Recipe(layers={"fc1": {"sparsity": 0.5, "bits": 5, "coder": "kmeans"}})
    send(page, {"grid": {"deeds": told}})
    assert len(page.session_state["history"]) == 3


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("sparsity", text) for text in ("120", "abc", "-1")),
        *(("threshold", text) for text in ("-2", "1e999")),
        *(("steps", text) for text in ("0", "1.5")),
        *(("rank", text) for text in ("0", "101", "nan")),
        ("coder", "zip"),
        ("bits", "9"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence_and_nothing_is_lost(field: str, text: str, page: AppTest) -> None:
    edit(page, 1, "fc1", sparsity="50")
    edit(page, 2, "fc1", **{field: text})
    assert not page.exception
    assert recipe_of(page) == Recipe(layers={"fc1": {"sparsity": 0.5}})
    assert said(page).startswith("fc1: ")
    assert f"'{text}', expected " in said(page)
    assert page.session_state["drafts"] == {("fc1", field): text}
    edit(page, 3, "fc1", **{field: ""})
    assert not page.session_state["drafts"]


def test_an_empty_cell_takes_over_what_all_layers_have(page: AppTest) -> None:
    edit(page, 1, "", threshold="0.05")
    edit(page, 2, "fc1", sparsity="50")
    assert recipe_of(page) == Recipe(Settings(threshold=0.05), {"fc1": {"sparsity": 0.5}})
    edit(page, 3, "fc1", sparsity="")
    assert recipe_of(page) == Recipe(Settings(threshold=0.05))
    assert page.session_state["position"].mode == BELOW
    edit(page, 4, "", threshold="")
    assert recipe_of(page) == Recipe()
    assert page.session_state["position"].mode == EACH


def test_a_row_is_copied_to_the_checked_layers_in_one_step(page: AppTest) -> None:
    edit(page, 1, "fc1", sparsity="80")
    edit(page, 2, "fc1", bits="4")
    deed(page, 3, "copy", "fc1", targets=["conv2", "fc2", "nobody", "fc1"])
    override = {"sparsity": 0.8, "bits": 4}
    assert recipe_of(page) == Recipe(layers=dict.fromkeys(("fc1", "conv2", "fc2"), override))
    assert said(page) == "2 layers now have the settings of fc1."
    send(page, {"tools": {"picked": {"name": "undo", "value": "", "n": 1}}})
    assert recipe_of(page) == Recipe(layers={"fc1": override})


def test_settings_and_the_page_stay_when_the_page_is_left(page: AppTest) -> None:
    edit(page, 1, "fc1", sparsity="80")
    edit(page, 2, "fc1", rank="0")
    page._page_hash = calc_hash("")
    page.run()
    assert page.session_state["view"] == "Explore"
    page._page_hash = calc_hash("layers")
    page.run()
    assert recipe_of(page) == Recipe(layers={"fc1": {"sparsity": 0.8}})
    assert page.session_state["drafts"] == {("fc1", "rank"): "0"}


@pytest.mark.parametrize("field", SETTINGS)
def test_every_setting_has_a_cell_whose_text_is_read_back_equal(field: str) -> None:
    each = FIELDS[field]
    for value in VALUES[field]:
        held = merged(Settings(), {field: value})
        text = each.show(held)
        assert each.options is None or text in each.options
        assert merged(held, each.read(text, held)) == held


VALUES = {
    "sparsity": (0.0, 0.5, 0.999, 0.123456),
    "threshold": (0.0213, 3.0),
    "steps": (1, 7, 100),
    "rank": (1.0, 0.25, 0.031),
    "bits": (1, 8, 16, 32),
    "inputs_bits": (2, 8, 32),
    **{name: tuple(FIELDS[name].options) for name in ("criterion", "pattern", "scale", "factorizer", "compensate")},
    "coder": tuple(CODERS),
    "group": ("tensor", "channel", "64"),
    "rank_by": ("fraction", "energy"),
}


def test_nothing_that_a_browser_sends_raises(page: AppTest) -> None:
    odd_deed = some.fixed_dictionaries(
        {"what": some.sampled_from(["edit", "copy", "choose", "x"]), "n": some.integers(1, 10**9)},
        optional={
            "layer": some.sampled_from(["", "fc1", "zzz"]),
            "field": some.sampled_from([*SETTINGS, "zzz"]),
            "text": some.text(max_size=6) | some.sampled_from(["0", "50", "1e400", "full", "9" * 400]),
            "targets": some.just([]) | some.just(["fc2"]) | ODD,
        },
    )
    sent = some.fixed_dictionaries(
        {},
        optional={
            "grid": some.fixed_dictionaries({"deeds": ODD | some.lists(odd_deed, max_size=3)}),
            "heat": some.fixed_dictionaries({"clicked": ODD}),
            "tools": some.fixed_dictionaries(
                {"picked": some.fixed_dictionaries({"name": some.just("search"), "value": ODD, "n": ODD})}
            ),
        },
    )

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sent)
    def holds(raw: object) -> None:
        send(page, raw)
        assert not page.exception

    holds()


@pytest.fixture(scope="module")
def many() -> Studio:
    data = loading.load_data("digits")
    return Studio(pipeline.study(loading.load_model(MANY), data, Recipe()))


def test_of_three_hundred_layers_the_largest_or_those_that_match_are_shown(many: Studio) -> None:
    known = many.study.known
    assert len(known) == 300
    largest = sensing.matching(known, "", sensing.SHOWN)
    assert len(largest) == sensing.SHOWN
    least = min(layer.matrix.numel() for layer in largest)
    assert least >= max(layer.matrix.numel() for layer in known if layer not in largest)
    assert [layer for layer in known if layer in largest] == list(largest)
    some_of_them = sensing.matching(known, " BLOCK17. ", sensing.LISTED)
    assert {layer.name.split(".")[0] for layer in some_of_them} == {"block17"}
    assert not sensing.matching(known, "zzz", 5)
    assert maps.shown_words(20, 300, 300, "") == "The 20 largest of 300 layers; search for others."
    assert maps.shown_words(3, 3, 300, "b") == "3 of 300 layers match."
    assert maps.shown_words(100, 170, 300, "b") == "The 100 largest of the 170 layers that match."
    assert maps.shown_words(0, 0, 300, "zz ") == "No layer has 'zz' in its name."
    looked = live.look(many, Recipe(), 0.0)
    lines = editing.lines(sensing.matching(known, "", sensing.LISTED), Position(MANY, "digits", Recipe()), looked)
    assert len(lines) == sensing.LISTED + 1


def test_a_map_is_one_that_plotly_draws_and_says_why_a_cell_cannot_be_had() -> None:
    measured = {"layer": "a", "setting": 0.5, "drop": 1.24, "low": 0.5, "high": 2.0, "accuracy": 0.97, "images": 1000}
    rows = [measured | {"note": ""}, {"layer": "b", "setting": 0.5, "note": "layer 'b': its weights are NaN"}]
    made = go.Figure(maps.heat(["a", "b"], ("sparsity", [0.5, 0.9]), rows, {("a", 0.5)}))
    (trace,) = made.data
    assert trace.type == "heatmap"
    assert [list(line) for line in trace.z] == [[1.24, None], [None, None]]
    assert [list(line) for line in trace.text] == [["1.2", ""], ["–", ""]]
    assert trace.hovertext[0][0] == (
        "a with 50 % removed, the others dense: 1.2 points lost (95 %: 0.5 to 2.0)<br>97.0 % right on 1,000 images"
    )
    assert trace.hovertext[1][0] == "b with 50 % removed cannot be had: layer 'b': its weights are NaN"
    assert trace.hovertext[1][1] == "b with 90 % removed: not measured yet"
    assert maps.heat([], ("sparsity", [0.5]), [], set()) == figures.empty()
    assert maps.heat(["a"], ("sparsity", []), [], set()) == figures.empty()


def test_every_method_of_a_map_has_settings_that_it_can_have() -> None:
    for technique, methods in sensing.METHODS.items():
        for method in methods:
            of = Subject("lenet5", None, "digits", technique, method)
            for step in sensing.ladder(technique, method):
                held = merged(sensing.base(of), step)
                assert getattr(held, sensing.FIELDS[technique]) == method
                assert controls.fitted(Recipe(held)) == Recipe(held)
    assert "float16" not in sensing.METHODS["bits"]
