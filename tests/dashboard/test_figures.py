"""Every figure is one that plotly would draw, and numbers read as people write them."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as some

import sample_models
from core import live, loading, pipeline, report
from core.certainty import doubt
from core.compress import Held, encode, matrices
from core.layer import layers
from core.live import Studio
from core.recipe import Recipe, Settings
from core.statistics import Tally, estimate
from core.theory import laws
from dashboard import figures, insights, words
from dashboard.trail import Visited

SETTINGS = (
    Settings(),
    Settings(sparsity=0.5, bits=3),
    Settings(rank=0.5, bits=8, sparsity=0.9),
    Settings(threshold=0.01),
)


@pytest.fixture(scope="module", params=sample_models.SAMPLES)
def studio(request: pytest.FixtureRequest) -> Studio:
    return Studio(pipeline.study(loading.load_model(request.param), loading.load_data("digits"), Recipe()))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.sparsity} {s.bits} {s.rank} {s.threshold}")
def test_every_figure_is_one_that_plotly_draws(settings: Settings, studio: Studio) -> None:
    seen = live.look(studio, Recipe(settings), 0.0)
    for layer in studio.study.known:
        encoded, row = seen.encoded[layer.name], seen.row(layer.name)
        held = Held(layer, settings, matrices(layer, settings), encoded)
        edges = report.bin_edges(layer, layer.spectrum if len(held.values) > 1 else None)
        table, lines = report.histogram(held, edges), report.thresholds(held)
        made = go.Figure(figures.histogram(table, lines, report.levels(encoded), layer.name))
        assert made.layout.uirevision == f"histogram {layer.name}"
        go.Figure(figures.spectrum(report.spectrum(layer.spectrum), row["rank"], layer.name))
        assert layer.name in words.histogram_title(layer.name, row)
        found = laws(held)
        assert len(go.Figure(insights.theory(found)).data) == (3 if found else 0)
        assert layer.name in words.theory_title(layer.name, found)
    assert len(go.Figure(figures.layers(seen.rows)).data[0].y) == len(studio.study.known)


@pytest.mark.parametrize("seconds", [None, 60.0], ids=["some images", "all images"])
def test_how_sure_the_answers_are_is_drawn_for_any_number_of_images(seconds: float | None, studio: Studio) -> None:
    dense, compressed = live.look(studio, Recipe(Settings(bits=2)), seconds).tally.sure
    for draw in (insights.entropy, insights.labels, insights.reliability):
        made = go.Figure(draw(dense, compressed))
        assert len(made.data[-1].x) > 1
    assert f"{doubt(compressed).entropy:.3f} bits" in words.entropy_title(dense, compressed)
    assert f"{100 * doubt(dense).error:.2f}" in words.reliability_title(dense, compressed)
    assert "label" in words.labels_title(compressed)


def _trail(*points: tuple[int, float]) -> list[Visited]:
    return [
        Visited(i, Recipe(), size, right, (max(0, right - 0.01), min(1, right + 0.01)), "a<br>b")
        for i, (size, right) in enumerate(points)
    ]


@pytest.mark.parametrize("points", [((1000, 1.0),), ((10, 0.0), (10**9, 0.5)), ((5000, 0.98), (5000, 0.98))])
def test_a_trail_anywhere_is_one_that_plotly_draws(points: tuple[tuple[int, float], ...]) -> None:
    made = go.Figure(figures.trail(_trail(*points), (0.99, 8000)))
    assert [trace.type for trace in made.data] == ["scatter"] * 3
    assert list(made.data[1].customdata) == list(range(len(points)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.histogram(pd.DataFrame(), (), np.array([]), "a"),
        lambda: figures.layers([]),
        lambda: figures.spectrum(pd.DataFrame(), 1, "a"),
        lambda: figures.trail([], (0.9, 100)),
    ],
    ids=["histogram", "layers", "spectrum", "trail"],
)
def test_an_empty_table_makes_an_empty_figure(draw) -> None:
    assert draw() == figures.empty()
    assert not go.Figure(draw()).data


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.signed(-0.04), "0.0"),
        (words.signed(-1.26), "−1.3"),
        (words.signed(2), "+2.0"),
        (words.percent(0.8), "80.0 %"),
        (words.percent(0.99999), "over 99.9 %"),
        (words.percent(0.00001), "under 0.1 %"),
        (words.percent(1.0), "100.0 %"),
        (words.percent(0.0), "0.0 %"),
        (words.short_count(320), "320"),
        (words.short_count(2_097_152), "2.1 M"),
        (words.size(999), ("999", "bytes")),
        (words.size(1000), ("1.0", "kB")),
        (words.size(212_400), ("212", "kB")),
        (words.size(8_487_000), ("8,487", "kB")),
        (words.size(12_300_000), ("12.3", "MB")),
        (words.ratio(1000, 1000), "as large as dense"),
        (words.ratio(1000, 250), "4.0 times smaller"),
        (words.ratio(1000, 1050), "1.05 times larger"),
        (words.threshold(0.0123456), "0.0123"),
        (words.threshold(0.0), "0"),
        (words.threshold(math.nan), ""),
        (words.layers_title([]), "No layer to compress"),
        (words.trail_title(1), "Where you have been: 1 setting measured"),
    ],
)
def test_numbers_read_as_people_write_them(said: object, expected: object) -> None:
    assert said == expected


@given(some.integers(1, 10**12))
@example(9_999_999)  # 10 MB but for a byte
def test_a_size_has_at_most_four_digits(size: int) -> None:
    value, _ = words.size(size)
    assert sum(letter.isdigit() for letter in value) <= 4


@given(some.floats(0, 1))
def test_a_share_is_never_said_to_be_all_or_nothing_unless_it_is(share: float) -> None:
    assert (words.percent(share) == "100.0 %") == (share == 1)
    assert (words.percent(share) == "0.0 %") == (share == 0)


def test_a_drop_is_in_points_and_the_dense_model_has_none() -> None:
    found = estimate(Tally(5000, 4500, 480, 10), 5000)
    assert words.drop(found, unchanged=True) == "the dense model"
    assert words.drop(found, unchanged=False).startswith("−9.4 ± ")
    assert words.interval(found).startswith("95 %: 8")


def test_weights_near_the_largest_float_have_a_histogram() -> None:
    model = torch.nn.Linear(6, 5, bias=False)
    torch.nn.init.constant_(model.weight, 3.4e38)
    (layer,) = layers(model.requires_grad_(False))
    held = Held(layer, Settings(), matrices(layer, Settings()), encode(layer, Settings()))
    table = report.histogram(held, report.bin_edges(layer, None))
    assert table["kept"].sum() == 30
    x = figures.histogram(table, (), np.array([]), "fc")["data"][2]["x"]
    assert np.isfinite(x).all()
