"""What the lessons on pruning and storing find, held against what it must be."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from core import lessons as learn
from core import pipeline
from core.lessons import looking
from core.lessons.measures import MEASURES
from core.lessons.wrong import WRONG
from core.loading import Data, Loaded
from core.pipeline import Study
from core.recipe import Recipe, Settings
from tests.core import plain, zoo

FIRST = (
    *("why_compress", "magnitude", "threshold", "distribution", "sensitivity", "better_scores", "patterns"),
    *("quantization", "sharing"),
)


def study_of(model: nn.Module, shape: tuple[int, ...] = (1, 8, 8), images: int = 400) -> Study:
    """A model on noise, labelled by its own answers."""
    x = zoo.random(images, *shape)
    with torch.no_grad():
        labels = model(x).argmax(1).numpy()
    return learn.study(
        Loaded("strange", model.eval().requires_grad_(False), "0" * 64, ""), Data("noise", x.numpy(), labels)
    )


@pytest.fixture(scope="module")
def subject() -> Study:
    return study_of(zoo.net())


def right_on(subject: Study, change: dict[str, torch.Tensor]) -> float:
    """Images that the model is right on with other parameters, in percent, by plain torch."""
    inputs, targets = subject.bench.inputs[: looking.IMAGES], subject.bench.targets[: looking.IMAGES]
    with torch.no_grad():
        answers = functional_call(subject.model, change, (inputs,)).argmax(1)
    return 100 * float((answers == targets).double().mean())


@pytest.mark.parametrize("name", FIRST)
def test_a_stranger_s_classifier_has_every_lesson_at_both_ends_of_its_control(name, subject):
    lesson = learn.lesson(name)
    for value in (lesson.control.low, lesson.control.start, lesson.control.high):
        figures = learn.measured(lesson, subject, value).figures
        for question in lesson.questions:
            assert learn.filled(question.explains, figures)
            assert 0 <= learn.right(question, figures) < len(question.choices)
    assert learn.filled(lesson.wrong.what, learn.ran_wrong(lesson, subject).figures)


def test_the_images_that_calibrate_are_not_those_that_are_measured(subject):
    assert len(subject.calibration) + len(subject.bench.targets) == 400
    assert not (subject.calibration[:, None] == subject.bench.inputs[None, :20]).flatten(2).all(2).any()


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_the_accuracy_is_that_of_the_pruned_network_run_by_torch(subject, sparsity):
    change = {}
    for layer in subject.known:
        count = round(sparsity * layer.matrix.numel())
        matrix = layer.matrix.clone()
        matrix.view(-1)[matrix.abs().flatten().argsort(stable=True)[:count]] = 0
        change[layer.parameter] = layer.parameter_of(matrix)
    assert MEASURES["magnitude"](subject, sparsity).figures["accuracy"] == pytest.approx(right_on(subject, change))


def test_one_border_removes_as_many_weights_as_were_asked_for(subject):
    table = MEASURES["threshold"](subject, 0.6).table
    sizes = {layer.name: layer.matrix.numel() for layer in subject.known}
    for _, rows in table.groupby("border"):
        removed = sum(row.removed / 100 * sizes[row.layer] for row in rows.itertuples())
        assert removed == pytest.approx(0.6 * sum(sizes.values()), abs=len(sizes))  # each layer rounds its count


def test_the_layer_that_loses_the_largest_part_is_the_answer(subject):
    found = MEASURES["threshold"](subject, 0.6)
    rows = found.table[found.table["border"] == "one for all"]
    assert found.answer == rows.loc[rows["removed"].idxmax(), "layer"]


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.5, 1.0])
def test_the_hill_counts_the_weights_inside_the_border(subject, cut):
    layer = looking.layer(subject, looking.largest(subject))
    figures = MEASURES["distribution"](subject, cut).figures
    inside = layer.matrix.abs() < np.float32(cut * figures["top"])
    assert figures["below"] == pytest.approx(100 * float(inside.double().mean()))
    bell = torch.distributions.Normal(0.0, figures["spread"])
    expected = 100 * (1 - 2 * float(bell.cdf(torch.tensor(-figures["border"]))))
    assert figures["bell"] == pytest.approx(expected, abs=1e-3)  # float32 beside float64


def test_the_most_sensitive_layer_costs_what_the_model_loses_without_it(subject):
    found = MEASURES["sensitivity"](subject, 0.9)
    only = Recipe(Settings(), {found.answer: {"sparsity": 0.9}})
    lost = looking.dense(subject) - right_on(subject, dict(pipeline.apply(subject, only).change.tensors))
    assert found.figures["worst"] == pytest.approx(lost)
    assert found.figures["worst"] == found.table["drop"].max()


def test_shared_values_are_nearer_to_the_weights_than_even_steps_and_than_shares_by_place(subject):
    for bits in (1, 2, 4):
        figures = MEASURES["sharing"](subject, bits).figures
        assert figures["off"] <= figures["off_even"]
        assert figures["values"] <= 2**bits
    figures = WRONG["shared_by_place"](subject).figures
    assert figures["off_best"] <= figures["off"]


def test_the_largest_square_leaves_one_weight_a_layer(subject):
    assert WRONG["below_the_largest_square"](subject).figures["stay"] == len(subject.known)


def test_a_norm_a_tensor_removes_whole_layers(subject):
    figures = WRONG["one_norm_a_tensor"](subject).figures
    assert 0 < figures["gone"] < len(subject.known)


def test_codes_run_over_all_their_numbers_and_equal_weights_have_none(subject):
    figures = WRONG["codes_alone"](subject).figures
    assert (figures["lowest"], figures["highest"], figures["flat"]) == (0, 255, "nan")


def test_zeros_save_no_byte_of_a_plain_file(subject):
    assert WRONG["zeros_in_full"](subject).figures["saved"] == 0


def test_the_gradient_of_the_mean_is_shorter_than_those_of_single_images_and_unread_ones_are_none(subject):
    figures = WRONG["gradient_of_the_mean"](subject).figures
    assert figures["unread"] == "None"
    assert figures["mean"] < figures["single"]  # Jensen


def test_a_recipe_is_measured_once_a_study(subject, monkeypatch):
    recipe = Recipe(Settings(sparsity=0.25))
    found = looking.measured(subject, recipe)
    monkeypatch.setattr(pipeline, "apply", None)
    assert looking.measured(subject, recipe) is found


def test_a_lesson_that_holds_layers_against_each_other_says_why_a_single_layer_has_none():
    single = study_of(nn.Sequential(OrderedDict(flat=nn.Flatten(), fc=nn.Linear(64, 3))))
    for lesson in map(learn.lesson, FIRST):
        if lesson.needs == "layers":
            assert "'strange' has one layer" in learn.why_not(lesson, single)
        else:
            assert learn.measured(lesson, single).figures


def test_data_without_a_class_an_image_have_no_lesson_and_say_so(subject):
    numbers = replace(subject, bench=replace(subject.bench, targets=torch.zeros(len(subject.bench.targets))))
    with pytest.raises(ValueError, match="lessons count right answers, and its data hold no class for each image"):
        learn.measured(learn.lesson("magnitude"), numbers)


def test_weights_that_are_no_numbers_are_refused_in_a_sentence():
    model = plain.model()
    with torch.no_grad():
        model.conv2.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="layer 'conv2': 1 of"):
        learn.measured(learn.lesson("magnitude"), study_of(model))


@pytest.mark.parametrize("value", [9.0, 0.0, float("nan")])
def test_a_value_that_the_control_cannot_have_is_refused(subject, value):
    with pytest.raises(ValueError, match=f"lesson 'quantization': bits is {value}, expected 1 to 8"):
        learn.measured(learn.lesson("quantization"), subject, value)
