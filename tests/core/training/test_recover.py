import json
from dataclasses import asdict, replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from core import pipeline, training
from core.compress import encode, weights
from core.encoding import Sparse, leaves, shape_of
from core.exporting import write_folder
from core.layer import layers
from core.recipe import Recipe, Settings, from_json, to_json
from core.training import Kept, Options
from core.training import course as loop
from core.training.leaves import matrix
from core.training.losses import loss
from core.training.trainee import slopes
from tests.core import zoo
from tests.core.training import small

FEW = Options(steps=12, batch=32, looks=3)
RECIPES = {
    "pruned": Recipe(Settings(sparsity=0.7)),
    "coded": Recipe(Settings(sparsity=0.5, bits=3)),
    "shared": Recipe(Settings(bits=2, coder="kmeans")),
    "factored": Recipe(Settings(rank=0.6, sparsity=0.3, bits=4)),
    "inputs on grids": Recipe(Settings(bits=4, inputs_bits=4)),
    "one layer": Recipe(layers={"fc": {"sparsity": 0.9}}),
    "made good": Recipe(Settings(sparsity=0.5, bits=3, compensate="outputs"), batchnorm="recalibrate", bias="correct"),
    "kernels": Recipe(Settings(rank=0.7, factorizer="tucker2")),
    "channels": Recipe(Settings(sparsity=0.5, pattern="row"), shrink="remove"),
}
EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def run(task, options, folder=None):
    kept = Kept()
    return list(training.recover(task, options, kept, folder)), kept.best[0]


def figures(steps):
    """What must be the same twice: everything but the times."""
    return [asdict(step) | {"seconds": 0, "left": 0} for step in steps]


def same(one, other):
    mine, theirs = ({n: form.decode() for n, form in o.encoded.items()} | dict(o.beside) for o in (one, other))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


@EVERY_RECIPE
def test_a_recovered_folder_is_verified(recipe, tmp_path):
    model = zoo.net()
    task = small.task(recipe, FEW, model)
    _, best = run(task, FEW)
    applied = training.applied(task, best)
    files = pipeline.files(task.study, best.recipe, applied, pipeline.measure(task.study, applied))
    write_folder(tmp_path / "made", files)
    found = pipeline.verify(tmp_path / "made", small.loaded(model), small.data(model))
    assert found["images"] == len(task.study.bench.targets) == small.IMAGES - len(task.learn.y) - len(task.held.y)
    assert from_json(files["recipe.json"].decode()).recovered["by"] == "training"


@EVERY_RECIPE
def test_the_model_and_the_start_are_never_touched(recipe):
    model = zoo.net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    task = small.task(recipe, FEW, model)
    began = {name: form.decode().clone() for name, form in task.start[0].items()}
    run(task, FEW)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(form.decode(), began[name]) for name, form in task.start[0].items())
    assert not model.training
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())


@EVERY_RECIPE
def test_the_same_seed_gives_the_same_numbers_twice_and_another_one_others(recipe):
    task = small.task(recipe, FEW)
    (first, one), (second, two) = run(task, FEW), run(task, FEW)
    assert figures(first) == figures(second)
    assert same(one, two)
    assert not same(one, run(task, replace(FEW, seed=1))[1])


def test_masks_are_held_at_every_step():
    task = small.task(RECIPES["coded"], FEW)
    course = loop.Course(task, FEW)
    state = loop._begun(course)
    masks = {name: form.mask for name, form in task.start[0].items()}
    for _ in range(FEW.steps):
        state, _ = loop._stepped(course, state, course.plan[0])
        for name, (one,) in state.net.leaves.items():
            assert (matrix(one)[~masks[name]] == 0.0).all()
            assert torch.equal(one.mask, masks[name])


def test_what_comes_out_is_encoded_again_without_loss():
    task = small.task(RECIPES["shared"], FEW)
    _, best = run(task, FEW)
    for layer in task.study.known:
        again = zoo.linear(best.encoded[layer.name].decode())
        assert torch.equal(encode(again, task.recipe.default).decode(), best.encoded[layer.name].decode())


def test_values_behind_codes_decay_by_their_share_alone():
    recipe = Recipe(Settings(bits=4, coder="kmeans"))
    none, left, all_of_it = (
        run(small.task(recipe, options), options)[1]
        for options in (replace(FEW, decay=0.0), replace(FEW, decay=5.0, codes_decay=0.0), replace(FEW, decay=5.0))
    )
    assert same(left, none)
    assert not same(all_of_it, none)


def test_codes_stay_within_their_bits_and_masks_within_their_count():
    task = small.task(RECIPES["coded"], FEW)
    _, best = run(task, FEW)
    for layer in task.study.known:
        form = best.encoded[layer.name]
        assert isinstance(form, Sparse)
        assert form.survivors == layer.matrix.numel() - round(0.5 * layer.matrix.numel())
        assert int(form.values.codes.max()) < 8


def test_a_killed_training_goes_on_as_if_it_never_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVED", -1.0)  # a checkpoint at every look
    for name, recipe, options in (
        ("coded", RECIPES["coded"], FEW),
        ("shared", RECIPES["shared"], FEW),
        ("rounds", RECIPES["coded"], replace(FEW, rounds=3, rewind="weights")),
        ("one schedule", RECIPES["coded"], replace(FEW, rounds=2, rewind="none", codes_rate=0.5)),
        ("movement", RECIPES["coded"], replace(FEW, steps=60, how="movement")),
        ("regrow", RECIPES["pruned"], replace(FEW, steps=60, how="regrow")),
        ("factored", RECIPES["factored"], replace(FEW, rounds=2)),
        ("thin", THIN, replace(FEW, rounds=2)),
    ):
        task = small.task(recipe, options, plain_net() if recipe is THIN else None)
        whole, best = run(task, options)
        for looks in range(1, len(whole)):
            folder = tmp_path / f"{name} {looks}"
            going = training.recover(task, options, Kept(), folder)
            started = [next(going) for _ in range(looks)]
            going.close()
            rest, resumed = run(task, options, folder)
            assert figures(started + rest) == figures(whole), name
            assert same(resumed, best), name


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    run(small.task(RECIPES["coded"], FEW), FEW, tmp_path / "c")
    other = replace(FEW, rate=0.01)
    with pytest.raises(ValueError, match="belongs to another model, data, recipe or other options"):
        run(small.task(RECIPES["coded"], other), other, tmp_path / "c")
    (tmp_path / "c" / "numbers.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        run(small.task(RECIPES["coded"], FEW), FEW, tmp_path / "c")


def test_the_parts_of_the_data_share_no_image():
    task = small.task(RECIPES["coded"], FEW)
    parts = [task.learn.x, task.held.x, task.study.bench.inputs]
    images = [{image.numpy().tobytes() for image in part} for part in parts]
    assert sum(map(len, images)) == len(set().union(*images)) == small.IMAGES


def test_without_labels_the_answer_does_not_rest_on_them():
    options = replace(FEW, alpha=0.0)
    task = small.task(RECIPES["coded"], options)
    wrong = replace(
        task, learn=replace(task.learn, y=(task.learn.y + 1) % 3), held=replace(task.held, y=task.held.y * 0)
    )
    (one, best), (other, second) = run(task, options), run(wrong, options)
    assert figures(one) == figures(other)
    assert same(best, second)


def test_a_smaller_network_learns_from_a_larger_one():
    torch.manual_seed(1)
    student = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    teacher, options = small.loaded(), Options(steps=150, batch=64, alpha=0.0, temperature=2.0)
    images = small.data(teacher.model)
    made = small.loaded(student.eval().requires_grad_(False))
    task = training.taught_by(training.task(made, images, Recipe(), options), teacher)
    agreed = [float((student(task.held.x).argmax(1) == task.held.y).float().mean())]
    steps, best = run(task, options)
    assert best.recipe.recovered["teacher"] == teacher.name
    assert steps[-1].loss < steps[0].loss
    assert best.accuracy > agreed[0]


def test_a_teacher_of_other_classes_is_refused():
    task = small.task(RECIPES["pruned"], FEW)
    other = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5)).eval().requires_grad_(False)
    with pytest.raises(ValueError, match="answers in 5 classes, the model in 3"):
        training.taught_by(task, small.loaded(other))


def test_rounds_keep_what_was_removed_removed_and_end_at_the_recipe():
    options = replace(FEW, rounds=4, looks=2)
    task = small.task(RECIPES["coded"], options)
    course, gone = loop.Course(task, options), {}
    state, reached = loop._begun(course), []
    while state is not None:
        state, _ = loop._advanced(course, state)
        state, step = loop._looked(course, state, 0.0)
        for name, (one,) in state.net.leaves.items():
            assert (matrix(one)[gone.get(name, torch.zeros_like(one.mask))] == 0).all()
            gone[name] = ~one.mask
        reached.append(step.sparsity)
        state = loop._next(course, state)
    assert reached == sorted(reached)
    assert reached[-1] == pytest.approx(0.5, abs=0.01)  # counts are whole
    assert [phase.coded for phase in course.plan] == [False] * 4 + [True]


@pytest.mark.parametrize("criterion", ["wanda", "taylor"])
def test_rounds_can_ask_what_layers_see(criterion):
    options = replace(FEW, rounds=2)
    task = small.task(Recipe(Settings(sparsity=0.6, criterion=criterion)), options)
    steps, _ = run(task, options)
    assert steps[-1].sparsity == pytest.approx(0.6, abs=0.01)  # counts are whole


def plain_net():
    """Nothing but convolutions and linear layers, whose channels can all go."""
    torch.manual_seed(1)
    parts = (nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 30), nn.ReLU())
    return nn.Sequential(*parts, nn.Linear(30, 5)).eval().requires_grad_(False)


THIN = Recipe(Settings(sparsity=0.97, criterion="concentrated", bits=3), {"7": {"sparsity": 0.5}}, shrink="remove")


def test_channels_that_stayed_while_others_went_stay_when_codes_come():
    options = replace(FEW, rounds=2, codes_rate=0.5)
    recipe = Recipe(Settings(sparsity=0.5, pattern="row", bits=4), {"7": {"sparsity": 0.0}}, shrink="remove")
    course = loop.Course(small.task(recipe, options, plain_net()), options)
    state, masks = loop._begun(course), []
    while state is not None:
        for _ in range(options.looks):
            state, _ = loop._looked(course, loop._advanced(course, state)[0], 0.0)
        masks.append({name: form.decode() != 0 for name, form in state.best.encoded.items()})
        state = loop._next(course, state)
    for before, after in pairwise(masks):
        assert all(not bool((after[name] & ~before[name]).any()) for name in before)
    for mask in masks[-2:]:
        assert {name: int(there.any(1).sum()) for name, there in mask.items()} == {"0": 3, "2": 4, "5": 15, "7": 5}


def test_a_network_without_its_removed_channels_learns_as_the_whole_one_does():
    options = replace(FEW, rounds=2, alpha=0.5)
    course = loop.Course(small.task(THIN, options, plain_net()), options)
    for phase in range(len(course.plan)):
        net = loop._entered(course, course.base, phase, None).net
        assert net.lean is not None
        batch = loop._batch(course, loop._begun(course))
        sides = (net, replace(net, lean=None))
        found, expected = (slopes(one, batch, lambda logits, of: loss(logits, of, options.aim)) for one in sides)
        assert torch.allclose(found[0], expected[0], rtol=1e-5)  # sums in another order
        for name, gradient in expected[1].items():
            near = 1e-5 * float(gradient.abs().max()) + 1e-7
            assert torch.allclose(found[1][name], gradient, rtol=0, atol=near), name


def test_rewound_weights_are_the_first_ones():
    options = replace(FEW, rounds=2, rewind="weights")
    task = small.task(RECIPES["pruned"], options)
    course = loop.Course(task, options)
    state = loop._begun(course)
    for _ in range(3):
        state, _ = loop._looked(course, loop._advanced(course, state)[0], 0.0)
    state = loop._next(course, state)
    assert (state.phase, state.step) == (1, 0)
    for layer in task.study.known:
        (one,) = state.net.leaves[layer.name]
        assert torch.equal(matrix(one), layer.matrix * one.mask)


@pytest.mark.parametrize("rewind", ["none", "rate"])
def test_steps_stay_shares_of_the_first_sizes_where_nothing_begins_again(rewind):
    options = replace(FEW, rounds=2, rewind=rewind, rate=1.0)
    course = loop.Course(small.task(RECIPES["coded"], options), options)
    state = loop._begun(course)
    first = dict(state.memory.sizes)
    for _ in range(3):
        state, _ = loop._looked(course, loop._advanced(course, state)[0], 0.0)
    state = loop._next(course, state)
    assert state.phase == 1
    same_sizes = [torch.equal(size, first[name]) for name, size in state.memory.sizes.items() if name in first]
    assert all(same_sizes) == (rewind == "none")


@pytest.mark.parametrize("how", ["movement", "regrow"])
def test_moving_masks_end_at_the_count_of_the_recipe(how):
    options = replace(FEW, steps=60, how=how)
    task = small.task(RECIPES["pruned"], options)
    _, best = run(task, options)
    differs = 0
    for layer in task.study.known:
        mask, first = best.encoded[layer.name].mask, task.start[0][layer.name].mask
        assert int(mask.sum()) == int(first.sum())
        differs += int((mask != first).sum())
        assert (best.encoded[layer.name].decode()[~mask] == 0).all()
    assert differs > 0


def test_moving_masks_take_single_weights_only():
    options = replace(FEW, how="regrow")
    task = small.task(Recipe(Settings(sparsity=0.5, pattern="row")), options)
    with pytest.raises(ValueError, match="expected 'element' where masks move"):
        run(task, options)


def test_training_makes_good_what_pruning_lost():
    options = Options(steps=150, batch=64)
    task = small.task(Recipe(Settings(sparsity=0.8)), options)
    before = pipeline.measure(task.study, pipeline.trained(task.study, task.recipe, *task.start))
    _, best = run(task, options)
    after = pipeline.measure(task.study, training.applied(task, best))
    assert after.correct > before.correct


def test_a_loss_that_is_no_number_is_said():
    task = small.task(RECIPES["pruned"], FEW)
    broken = replace(task, learn=replace(task.learn, x=task.learn.x * torch.nan))
    with pytest.raises(ValueError, match=r"training: the loss is nan after 4 steps, lower the rate 0.02"):
        run(broken, FEW)


def test_a_training_that_is_done_is_not_done_again(tmp_path):
    task = small.task(RECIPES["coded"], FEW)
    _, best = run(task, FEW, tmp_path / "c")
    steps, again = run(task, FEW, tmp_path / "c")
    assert steps == []
    assert same(best, again)


def test_too_few_images_are_refused():
    whole = small.loaded()
    data = small.data(whole.model)
    few = replace(data, inputs=data.inputs[:20], targets=data.targets[:20])
    with pytest.raises(ValueError, match="expected 8 at least in each part"):
        training.task(whole, few, Recipe(), FEW)


def test_a_recipe_says_how_it_was_recovered_and_refuses_what_it_does_not_know():
    task = small.task(RECIPES["coded"], FEW)
    assert from_json(to_json(task.recipe)) == task.recipe
    assert task.recipe.recovered["images"] == len(task.learn.y) + len(task.held.y)
    document = json.loads(to_json(task.recipe))
    document["recovered"]["luck"] = 1
    with pytest.raises(ValueError, match="recovered has 'luck'"):
        from_json(json.dumps(document))


def test_a_folder_that_keeps_more_than_its_recipe_is_refused(tmp_path):
    model = zoo.net()
    task = small.task(RECIPES["pruned"], FEW, model)
    _, best = run(task, FEW)
    applied = training.applied(task, best)
    stricter = replace(best.recipe, default=replace(best.recipe.default, sparsity=0.9))
    files = pipeline.files(task.study, stricter, applied, pipeline.measure(task.study, applied))
    write_folder(tmp_path / "made", files)
    with pytest.raises(ValueError, match="in another form than"):
        pipeline.verify(tmp_path / "made", small.loaded(model), small.data(model))


def test_factors_learn_as_factors():
    task = small.task(RECIPES["factored"], FEW)
    _, best = run(task, FEW)
    for name, form in best.encoded.items():
        assert list(map(shape_of, leaves(form))) == list(map(shape_of, leaves(task.start[0][name])))
    changed = weights(layers(task.study.loaded.model), best.encoded)
    assert any(not torch.equal(tensor, weights(task.study.known, task.start[0])[n]) for n, tensor in changed.items())
