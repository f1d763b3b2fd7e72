"""The pictures of lessons as parts of the board, for every sample; no browser."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

import sample_models
from core import lessons, live, loading, pipeline
from core.live import Studio
from core.loading import Data, Loaded
from core.recipe import Recipe, Settings
from dashboard.lessons import answers, pictures
from dashboard.live import board, canvas

SETTINGS = {
    "dense": Settings(),
    "pruned and shared": Settings(sparsity=0.8, bits=4, coder="kmeans", group="tensor"),
    "rows": Settings(sparsity=0.5, pattern="row"),
    "rank": Settings(rank=0.1),
}
EVERY = tuple(pictures.PICTURES)


@pytest.fixture(scope="module")
def studios() -> dict[str, Studio]:
    return {
        name: live.opened(lessons.study(loading.load_model(name), loading.load_data(sample.data)))
        for name, sample in sample_models.SAMPLES.items()
    }


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the browser sent, by part."""
    sent: dict[str, object] = {}
    monkeypatch.setattr(board.st, "session_state", {"board": {"sent": sent}})
    return sent


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("model", sample_models.SAMPLES)
def test_every_sample_has_every_picture_or_a_sentence(
    model: str, settings: Settings, studios: dict[str, Studio]
) -> None:
    parts = pictures.drawn(EVERY, studios[model], Recipe(settings))
    assert tuple(parts) == EVERY
    for name, part in parts.items():
        json.dumps(dict(part.data), allow_nan=False)
        if part.data["title"] == pictures.WITHOUT[name]:
            assert re.fullmatch(r".{20,}\.", part.data["note"])
            assert not part.data["tiles"]


def test_what_a_model_cannot_have_is_said_in_its_place(studios: dict[str, Studio]) -> None:
    parts = pictures.drawn(("filters", "activations", "codes"), studios["lenet_300_100"], Recipe(Settings()))
    assert {name: part.data["note"] for name, part in parts.items()} == {
        "filters": "model 'lenet_300_100' has no convolution over pictures.",
        "activations": "model 'lenet_300_100' has no convolution over pictures.",
        "codes": "fc1 has no codes: its numbers are stored as floats, each by itself.",
    }


def test_a_table_is_no_example_and_nothing_to_draw_on() -> None:
    model = nn.Sequential(nn.Linear(5, 3)).eval().requires_grad_(False)
    data = Data("table", np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32), np.arange(6) % 3)
    studio = live.opened(pipeline.study(Loaded("table", model, "0", ""), data, Recipe()))
    parts = pictures.drawn(("example", "canvas", "matrix"), studio, Recipe(Settings()))
    assert parts["example"].data["note"] == "the inputs of this model are no pictures."
    assert parts["canvas"].data["note"].startswith("you can draw only for models that take square grey pictures")
    assert parts["matrix"].data["tiles"]


def colours(weight: float = 0.1) -> Studio:
    """A network on small pictures in colour, one of whose weights is given."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3)).eval().requires_grad_(False)
    model[3].weight[0, 0] = weight
    images = np.random.default_rng(0).normal(size=(6, 3, 12, 12)).astype(np.float32)
    return live.opened(pipeline.study(Loaded("colours", model, "0", ""), Data("c", images, np.arange(6) % 3), Recipe()))


def test_pictures_in_colour_have_all_but_the_canvas() -> None:
    parts = pictures.drawn(EVERY, colours(), Recipe(Settings(bits=4)))
    assert [name for name, part in parts.items() if part.data["title"] == pictures.WITHOUT[name]] == ["canvas"]
    assert parts["canvas"].data["note"].endswith("this one takes 3 x 12 x 12.")
    assert "which input it looks at" in parts["filters"].data["note"]


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_said_not_drawn_as_numbers(weight: float) -> None:
    parts = pictures.drawn(EVERY, colours(weight), Recipe())
    for name in ("codebook", "reconstruction"):
        assert parts[name].data["note"] == "weights of 3 that are NaN or infinite: 1."
    for part in parts.values():
        json.dumps(dict(part.data), allow_nan=False)


def test_a_large_matrix_says_how_much_of_it_is_shown(studios: dict[str, Studio]) -> None:
    part = pictures.drawn(("matrix",), studios["lenet_300_100"], Recipe(Settings(sparsity=0.8)))["matrix"]
    assert part.data["note"] == "32 of 300 rows, 64 of 784 columns, evenly chosen"
    assert part.data["title"] == "One weight of fc1 in five stays"


@pytest.mark.parametrize("pruned", [False, True])
def test_removed_cells_are_in_the_key_where_there_are_any(pruned: bool, studios: dict[str, Studio]) -> None:
    settings = Settings(sparsity=0.5 if pruned else 0.0, bits=4)
    parts = pictures.drawn(("matrix", "filters", "codes"), studios["lenet5"], Recipe(settings))
    for part in parts.values():
        assert ("gone" in [each["tone"] for each in part.data["key"]]) == pruned


def test_the_value_of_the_control_changes_the_pictures(studios: dict[str, Studio]) -> None:
    lesson = lessons.lesson("magnitude")
    first, last = (pictures.pictures(lesson, studios["lenet5"], value) for value in (0.5, 0.9))
    assert tuple(first) == lesson.pictures
    assert all(first[name].data != last[name].data for name in lesson.pictures)


def test_another_image_is_asked_for_by_its_number(studios: dict[str, Studio], page: dict[str, object]) -> None:
    studio = studios["lenet5"]
    page["example"] = {"image": 7}
    part = pictures.drawn(("example",), studio, Recipe(Settings()))["example"]
    assert part.data["image"] == 7
    assert f"image 8 of {len(studio.study.bench.targets):,}" in part.data["note"]
    assert f"label is {int(studio.study.bench.targets[7])}" in part.data["note"]


def test_the_dense_settings_answer_as_the_dense_model(studios: dict[str, Studio]) -> None:
    part = pictures.drawn(("example",), studios["digits_cnn"], Recipe(Settings()))["example"]
    assert all(bar["dense"] == pytest.approx(bar["compressed"], abs=1e-6) for bar in part.data["bars"])
    assert sum(bar["dense"] for bar in part.data["bars"]) == pytest.approx(1)
    assert part.data["title"].startswith("Both answer")


def test_an_unknown_picture_is_refused_by_name(studios: dict[str, Studio]) -> None:
    with pytest.raises(ValueError, match="picture is 'poem', expected one of matrix, filters"):
        pictures.drawn(("poem",), studios["lenet5"], Recipe(Settings()))


def test_a_drawing_is_answered(studios: dict[str, Studio], page: dict[str, object]) -> None:
    studio = studios["lenet5"]
    empty = pictures.drawn(("canvas",), studio, Recipe(Settings()))["canvas"]
    assert [bar["words"] for bar in empty.data["bars"]] == [["–", "–"]] * 10
    sheet = np.zeros((canvas.SIDE, canvas.SIDE), np.uint8)
    sheet[8:56, 30:35] = 255
    page["canvas"] = {"drawing": {"ink": ink_of(sheet), "seq": 5}}
    part = pictures.drawn(("canvas",), studio, Recipe(Settings()))["canvas"]
    assert part.data["title"] == "Both answer 1"
    assert part.data["ack"] == 5
    assert sum(bar["dense"] for bar in part.data["bars"]) == pytest.approx(1)


def ink_of(sheet: np.ndarray) -> str:
    return base64.b64encode(sheet.tobytes()).decode()


@pytest.mark.parametrize(
    ("called", "classes", "asks"),
    [
        (("5", "6", "7"), 3, "Draw one of these: 5, 6 or 7"),
        (("cat", "dog"), 2, "Draw one of these: cat or dog"),
        (("cat",), 1, "Draw cat: the model knows nothing else"),
        ((), 10, "Draw something of class 0 to 9"),
        ((), 2, "Draw something of class 0 or 1"),
        (("a", "b"), 3, "Draw one of these: a, b or class 2"),
        (tuple("abcdefghijkl"), 12, "Draw one of these: a, b, c, d, e, f, g, h, i, j, or of 2 other classes"),
    ],
)
def test_what_to_draw_is_said_in_the_words_of_the_models_classes(
    called: tuple[str, ...], classes: int, asks: str
) -> None:
    assert answers.to_draw(called, classes) == asks


def test_a_class_without_a_name_is_a_number(studios: dict[str, Studio]) -> None:
    studio = studios["lenet5"]
    bare = live.opened(replace(studio.study, classes=()))
    title = pictures.drawn(("example",), bare, Recipe(Settings()))["example"].data["title"]
    assert title.startswith("Both answer class ")
    assert pictures.drawn(("canvas",), bare, Recipe(Settings()))["canvas"].data["title"].endswith("class 0 to 9")
