"""A hand-out is one file to print: room for predictions first, and what was measured behind it."""

from collections import OrderedDict
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from torch import nn

from core import lessons as learn
from core import loading
from core.lessons import handout
from core.lessons.plans import Plan
from core.pipeline import Study

FEW = ("magnitude", "quantization", "sensitivity", "low_rank")
VOID = {"meta", "br"}


class Tags(HTMLParser):
    """Collects tags, and those that are open when they should not be."""

    def __init__(self) -> None:
        HTMLParser.__init__(self)
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def subject() -> Study:
    return learn.study(loading.load_model("lenet_300_100"), loading.load_data("digits"))


@pytest.fixture(scope="module")
def page(subject: Study) -> str:
    return handout.page(subject, Plan(FEW))


def test_every_tag_is_closed_and_nothing_is_loaded_or_run(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(tags.seen)
    assert "url(" not in page
    assert "src=" not in page


def test_no_figure_is_left_out(page: str) -> None:
    body = page.partition("</style>")[2]
    assert "{" not in body
    assert "}" not in body


def test_predictions_come_before_what_was_measured(page: str, subject: Study) -> None:
    sheets, _, found = page.partition('<h1 class="part">')
    for name in FEW:
        lesson = learn.lesson(name)
        assert handout._plain(lesson.title) in sheets
        assert handout._plain(lesson.title) in found
    accuracy = learn.measured(learn.lesson("magnitude"), subject).answer
    assert f"{accuracy:.4g} %" not in sheets
    assert f"{accuracy:.4g} %" in found


def test_the_lessons_come_in_the_order_of_the_plan(subject: Study) -> None:
    page = handout.page(subject, Plan(("low_rank", "magnitude")))
    assert page.index(learn.lesson("low_rank").title) < page.index(learn.lesson("magnitude").title)


def test_a_plan_s_value_is_where_it_is_measured(subject: Study) -> None:
    page = handout.page(subject, Plan(("magnitude",), values={"magnitude": 0.9}))
    found = learn.measured(learn.lesson("magnitude"), subject, 0.9)
    assert "Weights removed: 90 %" in page
    assert f"{found.figures['removed']:,}" in page


def test_a_lesson_that_the_model_cannot_have_says_why(subject: Study) -> None:
    starved = replace(subject, calibration=subject.calibration[:5])
    page = handout.page(starved, Plan(("fine_tuning",)))
    assert "5 images to learn from, and this lesson needs" in page


def test_a_model_s_name_is_text_and_never_a_tag(subject: Study) -> None:
    strange = replace(subject, loaded=replace(subject.loaded, name="<b>net</b>"), data='"><script>')
    page = handout.page(strange, Plan(("magnitude",)))
    assert "<b>" not in page
    assert "<script" not in page
    assert "&lt;b&gt;net&lt;/b&gt;" in page


def test_names_of_a_strangers_layers_are_words_and_no_holes_and_no_tags():
    names = ("<img src=x>", "{drop} *x* `y`")
    layers = (nn.Flatten(), nn.Linear(784, 6), nn.ReLU(), nn.Linear(6, 10))
    model = nn.Sequential(OrderedDict(zip(("flat", names[0], "relu", names[1]), layers, strict=True)))
    data = loading.load_data("digits")
    subject = learn.study(
        loading.Loaded("<b>", model.eval(), "", "digits"),
        replace(data, inputs=data.inputs[:300], targets=data.targets[:300]),
    )
    made = handout.page(subject, Plan(("magnitude", "sensitivity", "low_rank")))
    assert "<img" not in made
    assert "&lt;img src=x&gt;" in made
    assert "{drop}" in made
    told = Tags()
    told.feed(made)
    assert "img" not in told.seen
