"""Two kept runs' answers, held side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import behaviour, parting, runs
from core.recipe import Recipe, Settings
from core.runs import Run, Store
from tests.core.runs.example import SUBJECT, run

TRUE = np.arange(20, dtype=np.uint8) % 4


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.open_store(tmp_path / "runs.sqlite")


def answers(first: int, wrong: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    """Answers to the images from `first` on, those of `wrong` off by one class."""
    predicted = TRUE.copy()
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 4
    sure = np.full(20, 0.5, np.float32)
    made = {"true": TRUE, "predicted": predicted, "confidence": sure, "change": np.zeros(20, np.float32)}
    return {name: values[first:] for name, values in made.items()}


def kept(store: Store, i: int, calibrated: int, arrays: dict[str, np.ndarray]) -> Run:
    made = run(i)
    made = replace(made, report=dict(made.report) | {"calibration_images": calibrated})
    return runs.one(store, runs.record(store, made, arrays))


def test_a_pair_leaves_out_what_calibrated_either_and_keeps_the_images_numbers(store: Store) -> None:
    one, other = kept(store, 1, 0, answers(0, (2, 7, 9))), kept(store, 2, 5, answers(5, (9,)))
    for sides in ((one, other), (other, one)):
        pair = runs.pair(store, *sides)
        assert pair.images.tolist() == list(range(5, 20))
        assert pair.images[behaviour.flips(pair.before, pair.after)["image"]].tolist() == [7]


def test_a_pair_leaves_out_what_one_of_them_learned_from(store: Store) -> None:
    learned = {"by": "training", "images": 12, "seed": 3, "steps": 1}
    whole, stays = kept(store, 1, 0, answers(0, (2, 7, 9))), parting.left_out(20, learned)
    recipe = Recipe(Settings(sparsity=0.5), recovered=learned)
    report = dict(run(2).report) | {"calibration_images": 0}
    made = replace(runs.asked(SUBJECT, recipe, "recovered"), report=report)
    part = {name: values[stays] for name, values in answers(0).items()}
    after = runs.one(store, runs.record(store, made, part))
    for sides in ((whole, after), (after, whole)):
        pair = runs.pair(store, *sides)
        assert pair.images.tolist() == stays.tolist()
        flipped = pair.images[behaviour.flips(pair.before, pair.after)["image"]]
        assert flipped.tolist() == [image for image in (2, 7, 9) if image in stays]


def test_a_run_beside_itself_changes_nothing(store: Store) -> None:
    one = kept(store, 1, 0, answers(0, (1, 2)))
    pair = runs.pair(store, one, one)
    assert behaviour.agreement(pair.before, pair.after).fraction == 1.0


def test_other_data_and_missing_answers_are_a_sentence(store: Store) -> None:
    one, bare = kept(store, 1, 0, answers(0)), kept(store, 2, 0, {})
    with pytest.raises(ValueError, match=r"^run 2 keeps no answers to single images; measure it again"):
        runs.pair(store, one, bare)
    elsewhere = replace(one, subject=replace(SUBJECT, data="other", data_sha256="d" * 64))
    with pytest.raises(ValueError, match=r"measured on 'digits' and on 'other', expected the same images"):
        runs.pair(store, one, elsewhere)


def test_the_dense_run_is_that_of_the_empty_recipe_on_the_same_subject(store: Store) -> None:
    assert runs.dense_of(store, run(1)) is None
    number = runs.record(store, replace(runs.asked(SUBJECT, Recipe()), report={"accuracy": 1.0}))
    runs.record(store, replace(runs.asked(SUBJECT, Recipe(Settings(bits=4))), report={"accuracy": 0.5}))
    runs.record(store, replace(runs.asked(replace(SUBJECT, seed=1), Recipe()), report={"accuracy": 0.4}))
    assert runs.dense_of(store, run(1)).number == number
