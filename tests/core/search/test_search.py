import copy

import numpy as np
import pytest
import torch

from core import pipeline
from core.exporting import file_bytes
from core.loading import Data, Loaded
from core.search import Goal, best, confirmed, front, holds, lab, parts, safe, search
from tests.core.zoo import net


def noise(count: int = 900) -> tuple[Loaded, Data]:
    """The small network on noise, labelled by its own answers: all of its accuracy is there to lose."""
    model = net()
    images = np.random.default_rng(0).normal(size=(count, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        labels = model(torch.from_numpy(images)).argmax(1).numpy()
    return Loaded("net", model, "0" * 64, ""), Data("noise", images, labels)


def run(goal: Goal, most: int = 400):
    loaded, data = noise()
    study, others = parts(loaded, data)
    steps = [step for step, _ in zip(search(study, goal), range(most), strict=False)]
    return study, others, steps, [step.point for step in steps if step.point]


def test_the_three_parts_share_no_image():
    loaded, data = noise()
    study, others = parts(loaded, data)
    held = [study.calibration, study.bench.inputs, others.bench.inputs]
    images = [part.numpy().tobytes() for whole in held for part in whole]
    assert len(images) == len(set(images)) == len(data.targets)
    assert abs(len(study.bench.targets) - len(others.bench.targets)) <= 1


def test_too_few_images_are_refused():
    loaded, data = noise(40)
    with pytest.raises(ValueError, match="40 images, expected 60 at least"):
        parts(loaded, data)


def test_what_is_found_is_smaller_than_dense_and_keeps_to_the_drop():
    goal = Goal(drop=5.0, seconds=20)
    _, others, _, points = run(goal)
    found = best(points, goal)
    assert found.bytes < points[0].bytes / 2
    assert safe(found, goal)
    told = confirmed(others, points, goal)
    assert 1 <= len(told) <= 3
    assert told[0].recipe == found.recipe
    assert holds(told[-1], goal) or len(told) > 1


def test_each_figure_is_that_of_the_recipe_applied():
    study, _, _, points = run(Goal(drop=5.0, seconds=20))
    for point in points[:3] + points[-3:]:
        applied = pipeline.apply(study, point.recipe)
        tally = pipeline.measure(study, applied)
        assert point.accuracy == tally.correct / tally.images
        assert point.images == tally.images
        assert point.bytes == file_bytes(study.loaded.model, study.known, applied.encoded)


def test_a_size_is_kept_to_and_more_bytes_never_cost_divergence():
    worst = np.inf
    for size in (2500, 4000):
        goal = Goal(bytes=size, seconds=10)
        found = best(run(goal)[3], goal)
        assert found.bytes <= size
        assert found.divergence <= worst * 1.05
        worst = found.divergence


def test_it_can_be_left_at_any_step():
    goal = Goal(drop=5.0, seconds=20)
    _, _, steps, points = run(goal, most=2)
    assert len(steps) == 2
    assert best(points, goal) == points[0]


def test_where_every_measurement_is_slow_at_most_one_goes_on_after_the_time(monkeypatch):
    now = [0.0]

    def slowed(function, seconds):
        def slow(*given):
            now[0] += seconds
            return function(*given)

        return slow

    monkeypatch.setattr(lab, "alone", slowed(lab.alone, 10))
    monkeypatch.setattr(lab, "measured", slowed(lab.measured, 5))
    study, _ = parts(*noise())
    goal = Goal(drop=5.0, seconds=60)
    points = [step.point for step in search(study, goal, lambda: now[0]) if step.point]
    assert len(points) > 1
    assert now[0] <= goal.seconds + 5


def test_a_layer_whose_weights_are_no_numbers_is_named():
    loaded, data = noise()
    with torch.no_grad():
        loaded.model.conv2.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="layer 'conv2': 1 of 144 weights are NaN"):
        next(search(parts(loaded, data)[0], Goal(drop=5.0)))


def test_the_model_is_untouched():
    loaded, data = noise()
    before = copy.deepcopy(loaded.model.state_dict())
    study, _ = parts(loaded, data)
    for _ in zip(search(study, Goal(drop=5.0, seconds=5)), range(60), strict=False):
        pass
    assert all(torch.equal(before[name], tensor) for name, tensor in loaded.model.state_dict().items())


def test_the_front_holds_what_no_other_point_beats():
    points = run(Goal(drop=5.0, seconds=10))[3]
    kept = front(points)
    assert kept
    assert not any(other.bytes <= point.bytes and other.accuracy > point.accuracy for point in kept for other in points)
    for point in points:
        assert any(one.bytes <= point.bytes and one.accuracy >= point.accuracy for one in kept)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "expected one of the two"),
        ({"drop": 1.0, "bytes": 10}, "expected one of the two"),
        ({"drop": -1.0}, "drop is -1.0"),
        ({"bytes": 0}, "bytes is 0"),
        ({"drop": 1.0, "seconds": 0.0}, "seconds is 0.0"),
        ({"drop": 1.0, "cost": "joules"}, "cost is 'joules'"),
        ({"bytes": 10, "cost": "macs"}, "expected a drop"),
    ],
)
def test_an_impossible_goal_is_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        Goal(**asked)
