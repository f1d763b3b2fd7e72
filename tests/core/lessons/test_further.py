"""What the lessons from entropy to theory find, held against what it must be."""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core import jobs, pipeline
from core import lessons as learn
from core.lessons import looking, school
from core.lessons.measures import MEASURES, moved, used
from core.lessons.measures.planned import planned, tried
from core.lessons.wrong import WRONG
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.stability import Stability, stability
from tests.core import zoo
from tests.core.lessons.test_measures import study_of

FURTHER = (
    *("entropy", "low_rank", "composing", "fine_tuning", "distillation", "iterating", "transfer", "stability"),
    *("adaptive", "pareto", "hardware", "export", "theory"),
)
ROUNDING = 1e-4  # percent: float32 products beside float64 sums


@pytest.fixture(scope="module")
def subject() -> Study:
    return study_of(zoo.net())


@pytest.mark.parametrize("name", FURTHER)
def test_a_stranger_s_classifier_has_every_lesson_at_both_ends_of_its_control(name, subject):
    lesson = learn.lesson(name)
    assert learn.why_not(lesson, subject) == ""
    for value in (lesson.control.low, lesson.control.high):
        figures = learn.measured(lesson, subject, value).figures
        for question in lesson.questions:
            assert learn.filled(question.explains, figures)
            assert 0 <= learn.right(question, figures) < len(question.choices)
    assert learn.filled(lesson.wrong.what, learn.ran_wrong(lesson, subject).figures)


def test_every_row_of_the_methods_has_a_lesson():
    assert {lesson.row for lesson in learn.lessons()} == set(range(1, 19))


def test_the_entropy_is_that_of_the_codes_counted_by_numpy(subject):
    recipe = Recipe(Settings(sparsity=0.8, bits=4, group="tensor"))
    bits = 0.0
    for form in pipeline.encoded_by(subject, recipe).values():
        _, counts = np.unique(form.decode().numpy(), return_counts=True)
        shares = counts / counts.sum()
        bits -= counts.sum() * float((shares * np.log2(shares)).sum())
    assert MEASURES["entropy"](subject, 0.8).answer == pytest.approx(bits / looking.weights(subject))


def test_a_negative_output_makes_the_entropy_of_raw_logits_no_number(subject):
    with torch.no_grad():
        logits = subject.model(subject.bench.inputs)
    asked = WRONG["log_of_logits"](subject).figures
    assert (asked["broken"], asked["asked"]) == (int((logits < 0).any(1).sum()), len(logits))


def test_the_error_of_a_rank_is_what_the_singular_values_of_torch_say(subject):
    layer = looking.layer(subject, looking.largest(subject))
    values = torch.linalg.svdvals(layer.matrix.double()).square()
    figures = MEASURES["low_rank"](subject, 0.25).figures
    assert figures["lost"] == pytest.approx(100 * float(values[figures["kept"] :].sum() / values.sum()), abs=ROUNDING)
    assert figures["energy"] + figures["lost"] == pytest.approx(100, abs=ROUNDING)


def test_thin_tables_hold_as_many_numbers_as_rows_and_columns_times_the_rank(subject):
    figures = MEASURES["low_rank"](subject, 0.25).figures
    assert figures["stored"] == figures["kept"] * (figures["rows"] + figures["columns"])
    assert figures["even"] == pytest.approx(figures["numbers"] / (figures["rows"] + figures["columns"]))


def test_a_full_decomposition_is_larger_than_its_matrix(subject):
    figures = WRONG["full_svd"](subject).figures
    assert figures["grew"] == len(subject.known)
    assert figures["full"] > figures["numbers"] == looking.weights(subject)


def test_pruned_weights_come_back_on_a_grid_without_zero(subject):
    figures = WRONG["grid_without_zero"](subject).figures
    assert figures["left"] < figures["zeros"]


@pytest.mark.parametrize("name", ["fine_tuning", "iterating"])
def test_what_was_removed_stays_zero_through_the_training(name, subject):
    sparsity = {"fine_tuning": 0.9, "iterating": 0.95}[name]
    figures = MEASURES[name](subject, 0.9 if name == "fine_tuning" else 2).figures
    removed = sum(round(sparsity * layer.matrix.numel()) for layer in subject.known)
    assert figures["zeros"] >= removed


def test_without_a_mask_removed_weights_come_back(subject):
    figures = WRONG["masks_not_held"](subject).figures
    assert figures["zeros"] < figures["held_zeros"]
    assert figures["kilobytes"] > figures["held_kilobytes"]


def test_no_image_that_is_learned_from_or_chosen_by_is_counted_on(subject):
    learned, chosen = school.images(subject)
    counted = {image.numpy().tobytes() for image in subject.bench.inputs}
    used = [image.numpy().tobytes() for part in (learned, chosen) for image in part.x]
    assert len(set(used)) == len(used)
    assert not counted & set(used)


def test_a_training_says_the_same_again():
    recipe = Recipe(Settings(sparsity=0.9))
    once, again = (school.trained(study_of(zoo.net()), recipe) for _ in range(2))
    assert once == again


def test_a_training_leaves_the_random_numbers_of_its_caller_alone(subject):
    before = torch.get_rng_state()
    moved.at_new_task(subject, fresh=True)
    school.trained(study_of(zoo.net()), Recipe(Settings(sparsity=0.5)))
    assert torch.equal(before, torch.get_rng_state())


def test_parts_of_what_is_left_do_not_add_up(subject):
    figures = WRONG["shares_added_up"](subject).figures
    # every layer rounds its counts, three times by half a weight at most
    most = 100 * 1.5 * len(subject.known) / looking.weights(subject)
    assert figures["removed"] == pytest.approx(100 * (1 - 0.7**3), abs=most)
    assert figures["added"] == pytest.approx(90)


def test_the_new_task_has_the_same_images_and_labels_of_its_own(subject):
    there = moved.at_new_task(subject)
    assert torch.equal(there.bench.inputs, subject.bench.inputs[: looking.looked_at(subject)])
    assert torch.equal(there.bench.targets, subject.bench.targets[: looking.looked_at(subject)] % 2)
    assert there.loaded.model is not subject.loaded.model


def test_the_plan_removes_as_many_weights_as_were_asked_for(subject):
    encoded = pipeline.encoded_by(subject, planned(subject, 0.7))
    gone = sum(int((form.decode() == 0).sum()) for form in encoded.values())
    assert gone == round(0.7 * looking.weights(subject))


def test_a_recipe_is_beaten_where_another_is_no_larger_and_no_less_right(subject):
    points = {(point.bytes, point.accuracy) for point in tried(subject)}

    def beaten(size: int, accuracy: float) -> bool:
        return any(b <= size and a >= accuracy and (b, a) != (size, accuracy) for b, a in points)

    free = {point for point in points if not beaten(*point)}
    table = MEASURES["pareto"](subject, 1.0).table
    kept = table[table["what"] == "not beaten"]
    found = {(round(1000 * row.kilobytes), row.accuracy) for row in kept.itertuples()}
    assert found == {(size, 100 * accuracy) for size, accuracy in free}


def test_the_ratio_alone_has_the_smallest_file_that_was_tried(subject):
    figures = WRONG["ratio_alone"](subject).figures
    points = tried(subject)
    assert figures["times"] == points[0].bytes / min(point.bytes for point in points)


def test_a_plain_file_of_torch_saves_nothing_and_masks_add_to_it(subject):
    figures = MEASURES["export"](subject, 0.8).figures
    assert figures["own"] < figures["torch"] < figures["pruned"]
    assert WRONG["masks_beside"](subject).figures["times"] > 1


def test_every_way_that_is_timed_is_in_the_table(subject):
    found = MEASURES["hardware"](subject, 0.8)
    assert {"dense", "decoded"} <= set(found.table["how"])
    assert (found.table["milliseconds"] > 0).all()
    assert found.figures["nominal"] == 8


def test_the_layer_whose_signal_is_furthest_is_the_answer(subject):
    found = MEASURES["stability"](subject, 0.9)
    logs = np.abs(np.log(found.table["signal"].to_numpy() / 100))
    assert found.answer == found.table["layer"].iloc[int(logs.argmax())]


@pytest.mark.parametrize("bits", [3, 5, 7])
def test_theory_says_a_twelfth_of_the_squared_step_a_weight(subject, bits):
    squares = errors = 0.0
    for layer in subject.known:
        steps = layer.matrix.double().abs().amax(1) / (
            2 ** (bits - 1) - 1
        )  # a grid a row, its top weight the last code
        errors += float(steps.square().sum()) * layer.matrix.shape[1] / 12
        squares += float(layer.matrix.double().square().sum())
    assert MEASURES["theory"](subject, bits).figures["predicted"] == pytest.approx(100 * errors / squares, rel=1e-5)


def test_the_squares_that_go_are_a_smaller_part_than_the_weights_that_go(subject):
    figures = WRONG["error_by_count"](subject).figures
    assert figures["error"] < figures["count"]  # the smallest go first


def test_a_model_with_few_images_or_much_to_multiply_is_not_trained_and_says_so(subject):
    few = study_of(zoo.net(), images=60)
    vast = replace(subject, uses=dict.fromkeys(subject.uses, 10**9))
    for lesson in map(learn.lesson, ("fine_tuning", "distillation", "iterating", "transfer")):
        assert "12 images to learn from, and this lesson needs 40" in learn.why_not(lesson, few)
        assert "million multiplications an image" in learn.why_not(lesson, vast)


def test_a_model_whose_last_layer_is_no_linear_one_cannot_move_and_says_so():
    net = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten()))
    why = learn.why_not(learn.lesson("transfer"), study_of(net))
    assert "'strange' cannot move to another task" in why
    assert "no Linear one" in why


def test_a_training_that_nobody_waits_for_ends_at_its_next_look(subject, monkeypatch):
    looked = threading.Event()

    def endless(*_: object) -> Iterator[None]:
        while True:
            looked.set()
            yield None

    monkeypatch.setattr(school, "recover", endless)
    recipe = Recipe(Settings(sparsity=0.77))
    job = jobs.start(lambda: iter([school.trained(subject, recipe)]), "trains")
    assert looked.wait(30)
    jobs.stop(job)
    assert job.ended.wait(30)
    assert (job.events, job.trouble) == ([], [])


def test_a_layer_with_a_number_for_a_name_is_called_a_layer():
    bare = study_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)))
    lesson = learn.lesson("sensitivity")
    found = learn.measured(lesson, bare)
    assert learn.choices(lesson, bare) == ("layer 1", "layer 3")
    assert found.answer in learn.choices(lesson, bare)
    assert found.figures["largest"] == "layer 1"
    assert (found.figures["worst_layer"] == "layer 1") == (learn.right(lesson.questions[0], found.figures) == 0)


def test_a_model_that_says_the_same_of_every_image_has_no_signal_and_says_so(subject, monkeypatch):
    def silent(*given: object) -> Stability:
        found = stability(*given)
        return found._replace(table=found.table.assign(variance_ratio=math.inf))

    monkeypatch.setattr(used, "passed", silent)
    with pytest.raises(ValueError, match="no layer says different things"):
        learn.measured(learn.lesson("stability"), subject)
