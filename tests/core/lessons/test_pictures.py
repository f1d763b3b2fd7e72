"""The arrays behind a lesson's pictures are the layer's own cells, and what is inside is what torch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn
from torch.nn import functional

from core import encoding, evaluation, lessons, loading, pipeline
from core.evaluation import Change
from core.lessons import pictures
from core.loading import Data, Loaded
from core.pipeline import Study
from core.recipe import Recipe, Settings

KINDS = {
    "dense": Settings(),
    "pruned": Settings(sparsity=0.7),
    "rows": Settings(sparsity=0.4, pattern="row"),
    "coded": Settings(bits=3),
    "shared": Settings(sparsity=0.5, bits=2, coder="kmeans", group="tensor"),
    "factored": Settings(rank=0.3, bits=4),
    "floats": Settings(bits=16, coder="float16"),
}
each_kind = pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)


def made(*modules: nn.Module, inputs: tuple[int, ...] = (1, 9, 9)) -> Study:
    """A study of a small network with chance weights on chance images of three classes."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(*modules).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator))
    images = torch.rand((6, *inputs), generator=generator).numpy()
    data = Data("chance", images, np.array([0, 1, 2, 0, 1, 2]))
    return pipeline.study(Loaded("chance", model, "0", None), data, Recipe())


@pytest.fixture(scope="module")
def study() -> Study:
    return made(nn.Conv2d(1, 20, 3), nn.ReLU(inplace=True), nn.Conv2d(20, 40, 3), nn.Flatten(), nn.Linear(1000, 3))


@pytest.fixture(scope="module")
def digits() -> Study:
    return pipeline.study(loading.load_model("lenet5"), loading.load_data("digits"), Recipe())


@given(some.integers(1, 5000), some.integers(1, 80), some.integers(1, 100))
def test_an_even_choice_is_ascending_within_bounds_and_reaches_both_ends(count: int, most: int, run: int) -> None:
    chosen = pictures.even(count, most, run)
    assert 1 <= len(chosen) <= min(count, most)
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] == 0
    assert chosen[-1] < count
    if most >= 2 * run:
        assert chosen[-1] >= count - 2 * run  # what is no whole run may be left out at the end
    if len(chosen) < count and run <= most:
        assert all(first % run == 0 and first + run - 1 in chosen for first in chosen[::run])


@each_kind
def test_a_plane_holds_the_cells_of_the_matrix_before_and_after(study: Study, settings: Settings) -> None:
    encoded = pipeline.encoded_by(study, Recipe(settings))
    for layer in study.known:
        before, form = layer.matrix.clone(), encoded[layer.name]
        found = pictures.plane(layer, form)
        for i, row in enumerate(found.part.rows):
            for j, column in enumerate(found.part.columns):
                assert found.before[i, j] == layer.matrix[row, column]
        after = form.decode().numpy()[np.ix_(found.part.rows, found.part.columns)]
        assert np.array_equal(found.after, after)
        stored = encoding.bare(form)
        gone = (~stored.mask).numpy() if isinstance(stored, encoding.Sparse) else np.zeros(layer.matrix.shape, bool)
        assert np.array_equal(found.removed, gone[np.ix_(found.part.rows, found.part.columns)])
        assert not found.after[found.removed].any()
        assert torch.equal(layer.matrix, before)


@pytest.mark.parametrize("pattern", ["2:4", "4:8"])
def test_neighbours_that_a_pattern_counts_stay_neighbours(pattern: str, digits: Study) -> None:
    n, m = map(int, pattern.split(":"))
    layer = next(layer for layer in digits.known if layer.name == "fc1")
    form = pipeline.encoded_by(digits, Recipe(Settings(sparsity=1 - n / m, pattern=pattern)))["fc1"]
    gone = pictures.plane(layer, form).removed
    assert (gone.reshape(len(gone), -1, m).sum(2) == m - n).all()


def test_filters_are_the_kernels_that_their_numbers_name(study: Study) -> None:
    layer = study.known[1]
    form = pipeline.encoded_by(study, Recipe(Settings(sparsity=0.7)))[layer.name]
    found = pictures.filters(layer, form)
    assert found.total == 20 * 40
    after = form.decode().view(layer.weight.shape)
    for n, (filter_, source) in enumerate(zip(found.filters, found.inputs, strict=True)):
        assert np.array_equal(found.before[n], layer.weight[filter_, source])
        assert np.array_equal(found.after[n], after[filter_, source])
        assert np.array_equal(found.removed[n], after[filter_, source].numpy() == 0)


def test_a_code_stands_for_the_value_that_its_cell_decodes_to(study: Study) -> None:
    layer = study.known[2]
    form = pipeline.encoded_by(study, Recipe(KINDS["shared"]))[layer.name]
    found = pictures.codes(layer, form)
    levels = form.values.levels[0].numpy()
    stays = ~found.removed
    assert found.count == 4
    assert stays.any()
    assert found.removed.any()
    assert np.array_equal(levels[found.codes[stays]], found.values[stays])


@pytest.mark.parametrize("coder", ["symmetric", "affine", "kmeans"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_codes_are_below_the_count_and_reach_an_end_of_it(coder: str, bits: int, digits: Study) -> None:
    layer = next(layer for layer in digits.known if layer.name == "fc1")
    form = pipeline.encoded_by(digits, Recipe(Settings(bits=bits, coder=coder, group="tensor")))["fc1"]
    found = pictures.codes(layer, form)
    first, last = int(form.codes.min()), int(form.codes.max())
    assert last < found.count
    assert first == 0 or last == found.count - 1  # the largest |w| is on the grid's first or last value
    assert len(form.codes.unique()) <= found.count <= 2**bits


def test_codes_of_factors_are_those_of_the_left_one(study: Study) -> None:
    layer = study.known[2]
    found = pictures.codes(layer, pipeline.encoded_by(study, Recipe(KINDS["factored"]))[layer.name])
    assert found.which == "left"
    assert found.part.shape == (3, 1)


@pytest.mark.parametrize("name", ["dense", "pruned", "floats"])
def test_floats_have_no_codes(name: str, study: Study) -> None:
    layer = study.known[2]
    with pytest.raises(ValueError, match="has no codes: its numbers are stored as floats"):
        pictures.codes(layer, pipeline.encoded_by(study, Recipe(KINDS[name]))[layer.name])


@pytest.mark.parametrize("rank", [0.1, 0.5, 0.9])
def test_what_a_rank_loses_is_the_energy_of_the_singular_values_it_cuts(rank: float, digits: Study) -> None:
    forms = pipeline.encoded_by(digits, Recipe(Settings(rank=rank)))
    for layer in digits.known:
        values = torch.linalg.svdvals(layer.matrix.double())
        kept = max(1, round(rank * len(values)))
        wanted = float(values[kept:].square().sum() / values.square().sum())
        # factors are float32: a relative error of 1e-7 in each entry leaves about that share of the energy
        assert pictures.plane(layer, forms[layer.name]).lost == pytest.approx(wanted, rel=1e-4, abs=1e-7)


def test_maps_are_what_the_convolution_gives(study: Study) -> None:
    applied = pipeline.apply(study, Recipe(Settings(sparsity=0.5, pattern="row")))
    first, second = study.known[:2]
    image = study.bench.inputs[2:3]
    found = pictures.maps(study, applied.change, second, 2)
    state = study.model.state_dict()
    for side, tensors in ((found.dense, state), (found.compressed, {**state, **applied.change.tensors})):
        hidden = functional.conv2d(image, tensors["0.weight"], tensors["0.bias"]).relu()
        wanted = functional.conv2d(hidden, tensors["2.weight"], tensors["2.bias"])[0].numpy()
        # sums of 180 products in another order: 180 roundings of float32
        assert np.allclose(side, wanted[found.channels], rtol=1e-4, atol=1e-4)
    assert (found.total, found.removed_of) == (40, 20)
    assert pictures.maps(study, applied.change, first, 0).total == 20


def test_a_removed_channel_says_the_same_everywhere(study: Study) -> None:
    applied = pipeline.apply(study, Recipe(Settings(sparsity=0.5, pattern="row")))
    found = pictures.maps(study, applied.change, study.known[0], 0)
    assert found.removed.any()
    for compressed, dense, gone in zip(found.compressed, found.dense, found.removed, strict=True):
        assert (np.ptp(compressed) == 0) == gone
        assert np.ptp(dense) > 0


def test_the_dense_model_has_no_removed_channel(digits: Study) -> None:
    found = pictures.maps(digits, Change({}, {}), digits.known[0], 0)
    assert not found.removed.any()
    assert np.array_equal(found.dense, found.compressed)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Settings(bits=2)),
        Recipe(Settings(sparsity=0.5, pattern="row"), shrink="remove"),
        Recipe(Settings(bits=3), equalize="ranges"),
    ],
    ids=["coded", "shrunk", "equalized"],
)
def test_answers_to_an_image_are_those_of_the_measurement(recipe: Recipe) -> None:
    whole = pipeline.study(loading.load_model("lenet5"), loading.load_data("digits"), recipe)
    change = pipeline.apply(whole, recipe).change
    logits = next(evaluation.outputs(whole.bench, change)).double()
    for image in (0, 7):
        found = pictures.answered(whole, change, whole.bench.inputs[image : image + 1])
        wanted = evaluation.dense_logits(whole.bench, 0)[image].double().softmax(0)
        # one image and a hundred are multiplied in another order
        assert np.allclose(found.dense, wanted, atol=1e-4)
        assert np.allclose(found.compressed, logits[image].softmax(0), atol=1e-4)
        assert found.compressed.sum() == pytest.approx(1)


def test_inputs_on_a_grid_are_rounded_for_an_answer_too() -> None:
    whole = lessons.study(loading.load_model("lenet_300_100"), loading.load_data("digits"))
    change = pipeline.apply(whole, Recipe(Settings(inputs_bits=2))).change
    found = pictures.answered(whole, change, whole.bench.inputs[:1])
    logits = next(evaluation.outputs(whole.bench, change))[0].double()
    assert not np.allclose(found.compressed, found.dense, atol=1e-3)
    assert np.allclose(found.compressed, logits.softmax(0), atol=1e-4)


def test_the_model_is_as_it_was_afterwards(study: Study) -> None:
    before = {name: tensor.clone() for name, tensor in study.loaded.model.state_dict().items()}
    change = pipeline.apply(study, Recipe(Settings(sparsity=0.5))).change
    pictures.maps(study, change, study.known[1], 0)
    pictures.answered(study, change, study.bench.inputs[:1])
    assert all(torch.equal(tensor, before[name]) for name, tensor in study.loaded.model.state_dict().items())


def test_a_model_without_convolution_says_so() -> None:
    whole = made(nn.Flatten(), nn.Linear(81, 3))
    layer, form = whole.known[0], pipeline.encoded_by(whole, Recipe())["1"]
    with pytest.raises(ValueError, match="1 has no filters to look at"):
        pictures.filters(layer, form)
    with pytest.raises(ValueError, match="1 has no pictures inside"):
        pictures.maps(whole, Change({}, {}), layer, 0)
    assert pictures.convolutions(whole.known) == ()


def test_a_kernel_of_one_place_is_no_filter() -> None:
    whole = made(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(324, 3))
    with pytest.raises(ValueError, match="0 has no filters to look at"):
        pictures.filters(whole.known[0], pipeline.encoded_by(whole, Recipe())["0"])


def test_channels_that_are_stored_no_more_are_removed_cells() -> None:
    whole = made(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3))
    recipe = Recipe(Settings(bits=4), {"0": {"sparsity": 0.5, "pattern": "row"}}, shrink="remove")
    form = pipeline.apply(whole, recipe).encoded["0"]
    found = pictures.plane(whole.known[0], form)
    assert found.removed.all(1).sum() == 4
    assert np.array_equal(found.removed.all(1), found.removed.any(1))
    assert not found.after[found.removed].any()
    with pytest.raises(ValueError, match="0 is stored as a smaller matrix"):
        pictures.codes(whole.known[0], form)
