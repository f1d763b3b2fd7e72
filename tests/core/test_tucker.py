from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from core import encoding, report
from core.compress import compress, encode, matrices, run, unchanged, weights
from core.decoding import from_tensors
from core.encoding import Tucker
from core.exporting import deserialize, file_bytes, serialize
from core.factoring import tucker2
from core.granting import note, notes
from core.layer import Layer, layers
from core.recipe import RANK_BY, Recipe, Settings
from tests.core import zoo
from tests.core.test_compress import AWKWARD

MIXES = [
    Settings(rank=0.5, factorizer="tucker2"),
    Settings(rank=0.01, factorizer="tucker2"),
    Settings(rank=0.6, factorizer="tucker2", bits=4),
    Settings(rank=0.6, factorizer="tucker2", sparsity=0.5),
    Settings(rank=0.6, factorizer="tucker2", sparsity=0.7, bits=3, coder="affine", group="4"),
    Settings(rank=0.8, factorizer="tucker2", rank_by="energy", bits=8),
    Settings(rank=0.3, factorizer="tucker2", rank_by="error"),
    Settings(rank=0.5, factorizer="tucker2", threshold=0.1),
]


def convolution(*shape: int, groups: int = 1, fill: float | None = None) -> Layer:
    """A convolution whose weight has this shape, (out, in / groups, *kernel)."""
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(shape) - 3]
    made = kind(shape[1] * groups, shape[0], shape[2:], groups=groups, bias=False)
    weight = zoo.random(*shape) if fill is None else torch.full(shape, fill)
    made.weight = nn.Parameter(weight, requires_grad=False)
    return layers(nn.Sequential(made))[0]


LAYERS = {
    "plain": convolution(8, 6, 3, 3),
    "more outputs than the rest": convolution(40, 2, 3, 3),
    "more inputs than the rest": convolution(2, 40, 3, 3),
    "one dimension": convolution(6, 5, 4),
    "three dimensions": convolution(4, 3, 2, 2, 2),
    "grouped": convolution(12, 4, 3, 3, groups=3),
    "one channel": convolution(8, 1, 3, 3),
    "one filter": convolution(1, 8, 3, 3),
    "depthwise": convolution(8, 1, 3, 3, groups=8),
    "zeros": convolution(4, 6, 3, 3, fill=0.0),
    "one value": convolution(4, 6, 3, 3, fill=-0.25),
}
all_layers = pytest.mark.parametrize("name", LAYERS)
all_mixes = pytest.mark.parametrize("settings", MIXES, ids=str)


def product(layer: Layer, rank: int) -> torch.Tensor:
    factors = map(encoding.Dense, layer.decompositions("tucker2", None).factors(rank))
    return Tucker(*factors, layer.groups, layer.weight[0, 0].numel()).decode()


@all_layers
def test_full_ranks_are_the_weight(name):
    layer = LAYERS[name]
    assert torch.allclose(product(layer, layer.full_rank), layer.matrix, atol=1e-5)  # three float32 factors


@all_layers
def test_more_rank_never_raises_the_error_and_iterations_lower_it(name):
    layer = LAYERS[name]
    whole = float(layer.matrix.square().sum())
    errors = [float((product(layer, r) - layer.matrix).square().sum()) for r in range(1, layer.full_rank + 1)]
    slack = 1e-6 * whole  # three float32 factors
    assert all(later <= error + slack for error, later in pairwise(errors))
    predicted = layer.decompositions("tucker2", None).errors
    assert all(error <= before * whole + slack for error, before in zip(errors, predicted.tolist(), strict=True))
    assert predicted.tolist() == sorted(predicted.tolist(), reverse=True)


def test_the_error_before_iterations_is_that_of_the_two_truncated_modes():
    layer = LAYERS["plain"]
    modes = tucker2(layer.weight, 1)
    for rank, predicted in enumerate(modes.errors, 1):
        out, into = modes.ranks[rank - 1]
        left, right = modes.left[0, :, :out], modes.right[0, :, :into]
        kept = torch.einsum("oikl,oa,ca,ib,db->cdkl", layer.weight.double(), left, left, right, right)
        error = (kept - layer.weight.double()).square().sum() / layer.weight.double().square().sum()
        assert float(predicted) == pytest.approx(float(error), abs=1e-12)


def test_iterations_find_a_lower_error_where_the_modes_depend_on_each_other():
    modes = LAYERS["plain"].decompositions("tucker2", None)
    change = (product(LAYERS["plain"], 3) - LAYERS["plain"].matrix).square().sum()
    assert float(change / LAYERS["plain"].matrix.square().sum()) < 0.99 * float(modes.errors[2])


def test_a_weight_of_low_ranks_is_found_exactly():
    core, left, right = zoo.random(3, 2, 3, 3), zoo.random(9, 3, seed=1), zoo.random(6, 2, seed=2)
    weight = torch.einsum("abkl,oa,ib->oikl", core, left, right)
    modes = tucker2(weight, 1)
    assert modes.ranks[2] == (3, 2)
    factors = map(encoding.Dense, modes.factors(3))
    assert torch.allclose(Tucker(*factors, 1, 9).decode().view(weight.shape), weight, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_form_is_three_real_convolutions(groups):
    made = nn.Conv2d(8, 12, 3, padding=1, groups=groups, bias=False)
    layer = layers(made)[0]
    settings = Settings(rank=0.5, factorizer="tucker2")
    left, core, right = matrices(layer, settings)
    into = right.shape[0] // groups
    x = zoo.random(2, 8, 9, 9)
    three = nn.functional.conv2d(x, right[:, :, None, None], groups=groups)
    three = nn.functional.conv2d(three, core.view(-1, into, 3, 3), padding=1, groups=groups)
    three = nn.functional.conv2d(three, left[:, :, None, None], groups=groups)
    one = run(made, weights((layer,), {layer.name: encode(layer, settings)}), x)
    assert torch.allclose(one, three, atol=1e-5)  # float32 sums in another order


@all_layers
@all_mixes
def test_the_stored_tensors_decode_to_the_same_and_count_the_same(name, settings):
    layer = LAYERS[name]
    encoded = encode(layer, settings)
    tensors = encoded.tensors()
    again = from_tensors(encoded.form(), {part: tensor.clone() for part, tensor in tensors.items()})
    assert torch.equal(again.decode(), encoded.decode())
    assert encoding.shape_of(encoded) == tuple(encoded.decode().shape) == tuple(layer.matrix.shape)
    assert again.information() == pytest.approx(encoded.information(), rel=1e-12)
    assert encoding.removed_values(again) == encoding.removed_values(encoded)
    assert encoding.bits(encoded) == sum(8 * tensor.nbytes for tensor in tensors.values())


@all_layers
@all_mixes
def test_every_factor_is_pruned_and_counted(name, settings):
    layer = LAYERS[name]
    encoded, held = encode(layer, settings), matrices(layer, settings)
    leaves = encoding.leaves(encoded)
    assert [encoding.shape_of(leaf) for leaf in leaves] == [tuple(matrix.shape) for matrix in held]
    assert encoding.stored_values(encoded) == sum(matrix.numel() for matrix in held)
    if settings.sparsity:
        expected = sum(round(settings.sparsity * matrix.numel()) for matrix in held)
        assert encoding.removed_values(encoded) == expected
    row = report.layer_row(layer, encoded, 1)
    assert row["rank"] == (held[0].shape[1] if len(held) == 3 else layer.full_rank)
    edges = report.bin_edges(layer, layer.decompositions("tucker2", None) if len(held) == 3 else None)
    assert report.histogram(zoo.held(layer, settings), edges)["removed"].sum() <= encoding.removed_values(encoded)


@all_mixes
def test_the_file_reads_back_and_has_the_size_that_was_shown(settings):
    model = zoo.net()
    known = layers(model)
    encoded = compress(known, Recipe(Settings(), {"conv2": overrides(settings)}))
    data = serialize(model, known, encoded, {})
    assert len(data) == file_bytes(model, known, encoded)
    again, decoded = deserialize(data, model, known)
    assert again["conv2"].form() == encoded["conv2"].form()
    for name, tensor in (model.state_dict() | weights(known, encoded)).items():
        assert torch.equal(decoded[name], tensor)


def overrides(settings: Settings) -> dict:
    return {name: value for name, value in vars(settings).items() if value != getattr(Settings(), name)}


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": 0},
        {"kernel": 3},
        {"groups": 0},
        {"groups": 2},
        {"left": {"kind": "dense", "rows": 8, "columns": 2}},
        {"left": {"kind": "dense", "rows": 1, "columns": 32}},
        {"core": {"kind": "tucker"}},
        {"right": {"kind": "low_rank"}},
    ],
)
def test_a_form_that_makes_no_product_is_refused(change):
    encoded = encode(LAYERS["plain"], Settings(rank=0.5, factorizer="tucker2"))
    assert encoded.form()["left"] == {"kind": "dense", "rows": 8, "columns": 4}
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        from_tensors(encoded.form() | change, encoded.tensors()).decode()


def test_small_factors_of_a_huge_product_are_refused_before_they_are_multiplied():
    model = nn.Sequential(nn.Conv2d(64, 64, 3, bias=False))
    known, n = layers(model), 64 * 64 * 9
    sides = {"left": (n, 1), "core": (1, 9), "right": (1, n)}
    factors = {side: encoding.Dense(torch.ones(shape)) for side, shape in sides.items()}
    forged = Tucker(**factors, groups=1, kernel=9)  # 48 GB when decoded
    data = serialize(model, known, {known[0].name: forged}, {})
    with pytest.raises(ValueError, match=rf"layer '0': it decodes to \({n}, {9 * n}\), expected \(64, 576\)"):
        deserialize(data, model, known)


FLAT = {"linear": AWKWARD["wide"], "1x1": convolution(6, 4, 1, 1)}


@pytest.mark.parametrize("by", RANK_BY)
@pytest.mark.parametrize("layer", FLAT.values(), ids=FLAT)
def test_a_kernel_of_one_position_stays_whole_and_says_why(layer, by):
    wanted = Settings(rank=0.5, factorizer="tucker2", rank_by=by)
    assert unchanged(layer, encode(layer, wanted))
    assert note(layer, wanted) == "its rank stays full: tucker2 needs a kernel of 2 positions or more; svd can lower it"
    assert note(layer, Settings(factorizer="tucker2")) == ""


def test_what_a_layer_cannot_have_leaves_it_the_rest():
    layer = FLAT["linear"]
    wanted = Settings(rank=0.5, factorizer="tucker2", sparsity=0.5, bits=4)
    assert torch.equal(encode(layer, wanted).decode(), encode(layer, Settings(sparsity=0.5, bits=4)).decode())


def test_the_factorizer_itself_refuses_a_kernel_of_one_position():
    with pytest.raises(ValueError, match="weight of 6x4x1x1, expected a kernel of 2 positions or more: use svd"):
        tucker2(FLAT["1x1"].weight, 1)


def test_a_default_of_tucker2_factors_the_convolutions_and_the_report_names_the_others():
    model = zoo.net()
    recipe = Recipe(Settings(rank=0.5, factorizer="tucker2"))
    encoded = compress(layers(model), recipe)
    assert {name for name, form in encoded.items() if isinstance(form, Tucker)} == {"conv1", "conv2"}
    left = notes(layers(model), recipe)
    assert (left["conv1"], left["conv2"]) == ("", "")
    assert report.left_as_they_were(left) == [f"fc: {left['fc']}"]


def test_a_sentence_names_a_few_layers_and_counts_the_rest():
    notes = {f"fc{i}": "its rank stays" for i in range(6)} | {"conv": "", "last": "its inputs stay"}
    assert report.left_as_they_were(notes) == ["fc0, fc1, fc2, fc3 and 2 more: its rank stays", "last: its inputs stay"]


def test_the_factors_of_a_rank_are_iterated_once_for_code_and_picture():
    layer, wanted = convolution(6, 4, 3, 3), Settings(rank=0.5, factorizer="tucker2")
    assert all(a is b for a, b in zip(matrices(layer, wanted), matrices(layer, replace(wanted, bits=4)), strict=True))
    other = matrices(layer, replace(wanted, rank=0.9))
    assert all(a is not b for a, b in zip(matrices(layer, wanted), other, strict=True))
