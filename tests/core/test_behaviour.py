"""What changed between two models' answers is what a plain count over the images says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import confusion_matrix
from torch import nn

from core import behaviour, evaluation
from core.certainty import doubt
from core.evaluation import Change
from core.statistics import estimate
from tests.core import zoo


def some_answers(images: int, classes: int, seed: int = 0) -> behaviour.Answered:
    made = np.random.default_rng(seed)
    kind = np.min_scalar_type(classes - 1)
    return {
        "true": np.random.default_rng(99).integers(0, classes, images).astype(kind),
        "predicted": made.integers(0, classes, images).astype(kind),
        "confidence": made.uniform(1 / classes, 1, images).astype(np.float32),
        "change": made.exponential(size=images).astype(np.float32),
    }


def a_bench(images: int = 230) -> evaluation.Bench:
    x = zoo.random(images, 1, 8, 8)
    with torch.no_grad():
        y = zoo.net()(x).argmax(1)
    y[::7] = (y[::7] + 1) % 3
    return evaluation.bench(zoo.net(), x.numpy(), y.numpy())


def halved() -> Change:
    weight = zoo.net().conv1.weight * 0.5
    return Change({"conv1.weight": weight}, {"conv1.weight": "half"})


SIZES = pytest.mark.parametrize(("images", "classes"), [(1, 2), (7, 2), (500, 10), (400, 1000)])


def test_the_answers_are_the_models_own() -> None:
    bench = a_bench()
    tally, found = behaviour.answered(bench, halved())
    net = zoo.net()
    with torch.no_grad():
        dense = net(bench.inputs).double()
        net.conv1.weight *= 0.5
        logits = net(bench.inputs).double()
    assert (found["predicted"] == logits.argmax(1).numpy()).all()
    assert np.allclose(found["confidence"], logits.softmax(1).amax(1), atol=1e-5)  # batches of other sizes
    z, z0 = logits - logits.mean(1, keepdim=True), dense - dense.mean(1, keepdim=True)
    assert np.allclose(found["change"], (z - z0).norm(dim=1) / z0.norm(dim=1), rtol=1e-3)
    *_, last = evaluation.tallies(a_bench(), halved())
    assert tally == last


def test_the_dense_model_does_not_move() -> None:
    bench = a_bench()
    dense = behaviour.dense_answered(bench)
    assert not dense["change"].any()
    _, same = behaviour.answered(bench, Change({}, {}))
    for name, values in dense.items():
        assert np.array_equal(values, same[name])
    assert behaviour.flips(dense, same).empty
    assert behaviour.agreement(dense, same).fraction == 1.0


def test_a_shift_of_all_logits_is_no_change() -> None:
    bench = a_bench()
    bias = zoo.net().fc.bias + 3.0
    _, found = behaviour.answered(bench, Change({"fc.bias": bias}, {"fc.bias": 1}))
    assert found["change"].max() < 1e-5  # the rounding of float32 logits


def test_dense_logits_are_computed_once_a_bench() -> None:
    bench = a_bench()
    calls = []
    net = bench.model
    net.conv1.register_forward_hook(lambda *_: calls.append(1))
    behaviour.dense_answered(bench)
    once = len(calls)
    behaviour.dense_answered(bench)
    assert len(calls) == once == bench.batches


def test_logits_that_are_no_numbers_still_give_numbers() -> None:
    _, found = behaviour.answered(a_bench(), Change({"fc.bias": torch.full((3,), torch.nan)}, {"fc.bias": 1}))
    assert all(np.isfinite(values).all() for values in found.values())


def test_a_dense_model_without_an_opinion_is_left_infinitely_far_behind() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval().requires_grad_(False)
    net[1].weight.zero_(), net[1].bias.zero_()
    bench = evaluation.bench(net, np.ones((5, 4), np.float32), np.zeros(5, np.int64))
    _, found = behaviour.answered(bench, Change({"1.bias": torch.tensor([1.0, 0, 0])}, {"1.bias": 1}))
    assert np.isinf(found["change"]).all()
    assert behaviour.logit_changes(behaviour.dense_answered(bench), found)["after"].iloc[-1] == 5


@SIZES
def test_confusions_are_those_of_scikit_learn(images: int, classes: int) -> None:
    before, after = some_answers(images, classes), some_answers(images, classes, 1)
    labels = range(classes)
    grown = confusion_matrix(after["true"], after["predicted"], labels=labels).astype(int)
    grown -= confusion_matrix(before["true"], before["predicted"], labels=labels)
    np.fill_diagonal(grown, 0)
    found = behaviour.confusions(before, after)
    assert len(found) == (grown > 0).sum()
    assert (grown[found["true"], found["predicted"]] == found["more"]).all()
    assert (found["after"] - found["before"] == found["more"]).all()
    assert found["more"].is_monotonic_decreasing


@SIZES
def test_classes_are_counted_as_by_hand(images: int, classes: int) -> None:
    before, after = some_answers(images, classes), some_answers(images, classes, 1)
    found = behaviour.by_class(before, after)
    assert list(found["class"]) == sorted(set(before["true"].tolist()))
    for row in found.itertuples():
        mine = before["true"] == row[1]
        was, stays = before["predicted"][mine] == row[1], after["predicted"][mine] == row[1]
        assert (row.images, row.lost, row.gained) == (mine.sum(), (was & ~stays).sum(), (stays & ~was).sum())
        assert (row.accuracy_before, row.accuracy_after) == pytest.approx((was.mean(), stays.mean()))
        assert row.drop == pytest.approx(100 * (was.mean() - stays.mean()))
        assert row.low <= row.drop <= row.high


@given(images=some.integers(1, 40), classes=some.integers(2, 5))
def test_flips_are_the_images_whose_answer_changed(images: int, classes: int) -> None:
    before, after = some_answers(images, classes), some_answers(images, classes, 1)
    rows = behaviour.flips(before, after).to_dict("records")
    assert [row["image"] for row in rows] == [
        i for i in range(images) if before["predicted"][i] != after["predicted"][i]
    ]
    for row in rows:
        true, old, new = row["true"], row["predicted_before"], row["predicted_after"]
        assert true == before["true"][row["image"]]
        assert row["kind"] == ("lost" if old == true else "gained" if new == true else "changed")
        assert row["confidence_after"] == after["confidence"][row["image"]]


@given(images=some.integers(1, 40), classes=some.integers(2, 5))
def test_the_summary_adds_up(images: int, classes: int) -> None:
    before, after = some_answers(images, classes), some_answers(images, classes, 1)
    found = behaviour.summary(before, after)
    kinds = behaviour.flips(before, after)["kind"].value_counts()
    assert all(found[kind] == kinds.get(kind, 0) for kind in ("lost", "gained", "changed"))
    assert found["agreement"] == pytest.approx(1 - kinds.sum() / images)
    assert found["agreement_ci95"][0] <= found["agreement"] <= found["agreement_ci95"][1]
    assert found["drop"] == pytest.approx(100 * (found["accuracy_before"] - found["accuracy_after"]))
    classes = behaviour.by_class(before, after)
    assert found["lost"] == classes["lost"].sum()
    assert behaviour.logit_changes(before, after)[["before", "after"]].sum().tolist() == [images, images]


def test_the_calibration_error_is_that_of_the_tally() -> None:
    bench = a_bench()
    tally, found = behaviour.answered(bench, halved())
    # a confidence in float32 may fall on the other side of a level: 2 / images for each
    assert behaviour.error_of_confidence(found) == pytest.approx(doubt(tally.sure[1]).error, abs=2 / 230)
    said = behaviour.summary(behaviour.dense_answered(bench), found)
    assert said["drop_ci95"] == list(estimate(tally, 230).drop_ci95)


def test_two_runs_swapped_swap_what_was_lost_and_gained() -> None:
    one, other = some_answers(300, 4), some_answers(300, 4, 1)
    there, back = behaviour.summary(one, other), behaviour.summary(other, one)
    assert (there["lost"], there["gained"], there["changed"]) == (back["gained"], back["lost"], back["changed"])
    assert there["drop"] == -back["drop"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda a: {name: values[:-1] for name, values in a.items()}, "10 and to 9 images"),
        (lambda a: {**a, "true": (a["true"] + 1) % 3}, "10 of 10 images have other labels"),
    ],
)
def test_answers_to_other_images_are_refused(edit, said: str) -> None:
    answers = some_answers(10, 3)
    for compare in (behaviour.by_class, behaviour.confusions, behaviour.flips, behaviour.summary):
        with pytest.raises(ValueError, match=said):
            compare(answers, edit(answers))
