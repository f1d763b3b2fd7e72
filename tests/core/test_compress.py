import numpy as np
import pytest
import torch
from torch import nn

from core import encoding, index
from core.coding import CODERS
from core.compress import TABLES, check, compress, encode, run, unchanged, weights
from core.decoding import from_tensors
from core.encoding import Affine, Dense, Sparse
from core.layer import layers
from core.patterns import PATTERNS, Wanted, removed_count
from core.recipe import Recipe, Settings
from tests.core import zoo

AWKWARD = zoo.awkward()
MIXES = [
    Settings(sparsity=0.5),
    Settings(threshold=0.3),
    Settings(bits=4),
    Settings(bits=1, group="tensor"),
    Settings(bits=3, group="4", coder="affine", sparsity=0.7),
    Settings(bits=1, sparsity=0.5, coder="affine"),
    Settings(rank=0.5),
    Settings(rank=0.5, bits=4),
    Settings(rank=0.3, sparsity=0.6),
    Settings(rank=0.6, sparsity=0.5, bits=2, group="tensor"),
    Settings(sparsity=0.99, bits=8),
    Settings(bits=4, scale="percentile"),
    Settings(bits=3, scale="squared_error", coder="affine", sparsity=0.5),
    Settings(bits=3, coder="kmeans", group="tensor"),
    Settings(bits=2, coder="kmeans", sparsity=0.6, rank=0.5),
    Settings(bits=3, coder="kmeans_linear", sparsity=0.3),
    Settings(bits=4, coder="nf4", group="4", sparsity=0.5),
    Settings(bits=5, coder="power_of_two", rank=0.5),
    Settings(bits=2, coder="ternary", group="tensor", sparsity=0.2),
    Settings(bits=8, coder="float8_e4m3", sparsity=0.5, rank=0.5),
    Settings(bits=8, coder="float8_e4m3", group="7"),
    Settings(bits=16, coder="bfloat16", sparsity=0.5),
    Settings(coder="float32", sparsity=0.5),
]

all_layers = pytest.mark.parametrize("name", AWKWARD)
all_mixes = pytest.mark.parametrize("settings", MIXES, ids=str)
even_coders = pytest.mark.parametrize("coder", ["symmetric", "affine"])
all_bits = pytest.mark.parametrize("bits", range(1, 9))


@all_layers
def test_default_settings_keep_the_matrix_itself(name):
    layer = AWKWARD[name]
    assert unchanged(layer, encode(layer, Settings()))


@all_layers
@all_mixes
def test_any_mix_decodes_finite_and_leaves_the_weights_alone(name, settings):
    layer = AWKWARD[name]
    before = layer.weight.clone()
    decoded = encode(layer, settings).decode()
    assert decoded.shape == layer.matrix.shape
    assert torch.isfinite(decoded).all()
    assert torch.equal(layer.weight, before)


@all_layers
@all_mixes
def test_the_stored_tensors_decode_to_the_same(name, settings):
    encoded = encode(AWKWARD[name], settings)
    again = from_tensors(encoded.form(), encoded.tensors())
    assert torch.equal(again.decode(), encoded.decode())
    assert again.information() == pytest.approx(encoded.information(), rel=1e-12)
    assert encoding.removed_values(again) == encoding.removed_values(encoded)


@all_layers
@all_mixes
def test_bits_are_those_of_the_stored_tensors(name, settings):
    encoded = encode(AWKWARD[name], settings)
    tensors = encoded.tensors()
    assert encoding.bits(encoded) == sum(8 * t.nbytes for t in tensors.values())
    assert {part: shape for part, (_, shape) in encoded.layout().items()} == {
        part: tuple(t.shape) for part, t in tensors.items()
    }


@all_layers
@pytest.mark.parametrize("sparsity", [0.01, 0.25, 0.5, 0.9, 0.999])
def test_a_sparsity_removes_exactly_its_count(name, sparsity):
    layer = AWKWARD[name]
    encoded = encode(layer, Settings(sparsity=sparsity))
    assert encoding.removed_values(encoded) == removed_count(layer.matrix.numel(), sparsity)


def test_ties_go_in_order_of_position():
    encoded = encode(zoo.linear(torch.full((2, 3), 0.5)), Settings(sparsity=0.5))
    assert encoded.mask.flatten().tolist() == [False] * 3 + [True] * 3


def test_the_index_and_the_plain_pattern_make_the_same_mask():
    layer = zoo.linear(zoo.random(40, 50).round(decimals=1))
    for sparsity in np.linspace(0.01, 0.99, 37):
        plain = PATTERNS["element"](layer.matrix.abs(), Wanted(sparsity), 1)
        encoded = encode(layer, Settings(sparsity=sparsity))
        assert torch.equal(encoded.mask, plain)


def test_a_threshold_removes_what_lies_below_it_and_keeps_what_lies_on_it():
    encoded = encode(zoo.linear(torch.tensor([[0.5, -0.5, 0.25, 0.0, 1.0]])), Settings(threshold=0.5))
    assert encoded.decode().tolist() == [[0.5, -0.5, 0.0, 0.0, 1.0]]


@even_coders
@all_bits
@pytest.mark.parametrize("group", ["tensor", "channel", "7"])
def test_survivors_are_off_by_half_a_step_at_most(coder, bits, group):
    layer = zoo.linear(zoo.random(6, 20))
    encoded = encode(layer, Settings(bits=bits, coder=coder, group=group))
    step = encoding.spread(encoded.scale, 20, encoded.block).expand(6, 20)
    if coder == "symmetric" and bits == 1:  # only the sign is kept, at the mean
        assert torch.equal(encoded.decode().sign(), layer.matrix.sign())
    else:
        assert ((encoded.decode() - layer.matrix).abs() <= step * 0.5001).all()


@even_coders
@pytest.mark.parametrize("group", ["tensor", "channel", "7"])
def test_more_bits_never_raise_the_error(coder, group):
    layer = zoo.linear(zoo.random(16, 64))
    errors = [
        float((encode(layer, Settings(bits=b, coder=coder, group=group)).decode() - layer.matrix).square().sum())
        for b in range(2, 9)
    ]
    assert errors == sorted(errors, reverse=True)


@all_bits
def test_affine_codes_are_the_published_formula(bits):
    weight = zoo.random(3, 50)
    encoded = encode(zoo.linear(weight), Settings(bits=bits, coder="affine", group="tensor"))
    top = 2**bits - 1
    expected = ((weight - weight.min()) / (weight.max() - weight.min()) * top).round()
    agree = (encoded.codes.float() == expected).float().mean()
    assert agree > 0.98  # the two orders of division round ties apart
    assert int(encoded.codes.max()) == top


def test_an_oracle_agrees_on_eight_bit_codes():
    weight = zoo.random(5, 40)
    encoded = encode(zoo.linear(weight), Settings(bits=8, group="channel"))
    scale = encoded.scale.flatten()
    oracle = torch.fake_quantize_per_channel_affine(weight, scale, torch.zeros(5, dtype=torch.int32), 0, -127, 127)
    assert torch.allclose(encoded.decode(), oracle, atol=float(scale.max()) * 1.001)  # a tie may round to either side
    assert torch.isclose(encoded.decode(), oracle, atol=1e-6).float().mean() > 0.99


@pytest.mark.parametrize("kind", ["NaN", "infinity"])
@pytest.mark.parametrize("settings", [Settings(sparsity=0.5), Settings(bits=4), Settings(rank=0.5)], ids=str)
def test_weights_that_are_not_finite_are_named_with_their_layer(kind, settings):
    weight = zoo.random(4, 5)
    weight[1, 2] = float("nan" if kind == "NaN" else "inf")
    layer = zoo.linear(weight)
    assert unchanged(layer, encode(layer, Settings()))
    with pytest.raises(ValueError, match="layer '0': 1 of 20 weights are NaN or infinite"):
        encode(layer, settings)


@all_layers
def test_composition_is_nesting(name):
    layer = AWKWARD[name]
    encoded = encode(layer, Settings(rank=0.01, sparsity=0.5, bits=4))
    sides = encoding.leaves(encoded)
    assert len(sides) == (2 if layer.full_rank > 1 else 1)
    for side in sides:
        held = side.values if isinstance(side, Sparse) else side
        assert isinstance(held, Affine)


def test_pruning_never_makes_the_file_larger():
    layer = zoo.linear(zoo.random(50, 60))
    dense = encoding.bits(encode(layer, Settings()))
    sizes = [encoding.bits(encode(layer, Settings(sparsity=s))) for s in np.linspace(0.001, 0.999, 50)]
    assert max(sizes) <= dense
    assert sizes == sorted(sizes, reverse=True)


def test_entropy_is_shannons_for_the_stored_codes():
    layer = zoo.linear(torch.tensor([[1.0, -1.0, 0.2, 0.1]]))
    encoded = encode(layer, Settings(bits=2, sparsity=0.5))  # codes: 1, -1, 0, 0
    assert encoded.information() == pytest.approx(4 * 1.5)


def test_the_entropy_bound_is_never_above_the_codes_width():
    layer = zoo.linear(zoo.random(30, 40))
    for bits in range(1, 9):
        assert encode(layer, Settings(bits=bits)).information() <= layer.matrix.numel() * bits


def test_a_model_lists_its_layers_and_a_shared_weight_once():
    shared = nn.Linear(4, 4)
    twin = nn.Linear(4, 4)
    twin.weight = shared.weight
    model = nn.Sequential(nn.Embedding(10, 4), shared, twin, nn.LayerNorm(4), nn.Conv1d(4, 2, 3), nn.Conv3d(1, 2, 2))
    assert [layer.kind for layer in layers(model)] == ["Embedding", "Linear", "Conv", "Conv"]


def test_the_model_is_not_touched_by_a_run():
    model = zoo.net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    known = layers(model)
    changed = weights(known, compress(known, Recipe(Settings(sparsity=0.5, bits=2))))
    assert set(changed) == {"conv1.weight", "conv2.weight", "fc.weight"}
    x = zoo.random(2, 1, 8, 8)
    assert not torch.equal(run(model, changed, x), model(x))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_the_identity_recipe_gives_bit_identical_logits():
    model = zoo.net()
    known = layers(model)
    changed = weights(known, compress(known, Recipe()))
    x = zoo.random(3, 1, 8, 8)
    assert not changed
    assert torch.equal(run(model, changed, x), model(x))


@pytest.mark.parametrize("field", TABLES)
def test_a_method_nobody_knows_is_refused_by_name(field):
    known = layers(zoo.net())
    recipe = Recipe(layers={"fc": {field: "magic"}})
    with pytest.raises(ValueError, match=f"layer 'fc': {field} is 'magic', expected one of"):
        check(recipe, known)


def test_a_layer_the_model_lacks_is_refused_by_name():
    with pytest.raises(ValueError, match="layer 'fc9' is not in the model, its layers are conv1, conv2, fc"):
        check(Recipe(layers={"fc9": {"bits": 4}}), layers(zoo.net()))


def test_half_precision_weights_come_back_in_their_own_type():
    module = nn.Linear(8, 8).half()
    known = layers(module)
    changed = weights(known, compress(known, Recipe(Settings(bits=4))))
    assert changed["weight"].dtype == torch.float16


def test_every_method_names_its_source_or_its_formula():
    for table in TABLES.values():
        for method in table.values():
            assert method.__doc__


def test_dense_is_what_an_index_sorts():
    layer = zoo.linear(zoo.random(9, 9))
    assert isinstance(encode(layer, Settings()), Dense)
    assert np.array_equal(layer.index.values, np.sort(layer.matrix.numpy(), None))
    assert index.cut(layer.index, 0.0) == (0, 0) or index.cut(layer.index, 0.0)[0] == index.cut(layer.index, 0.0)[1]


@pytest.mark.parametrize(
    "settings", [Settings(bits=8, coder="affine", group="tensor"), Settings(bits=1, group="tensor")]
)
def test_a_range_beyond_float32_is_named_with_its_layer(settings):
    with pytest.raises(ValueError, match="layer '0': its weights span more than a float32 can"):
        encode(zoo.linear(torch.tensor([[3.3e38, -3.3e38]])), settings)


@pytest.mark.parametrize("coder", ["kmeans", "kmeans_linear"])
@pytest.mark.parametrize("pruned", [{}, {"sparsity": 0.4}, {"sparsity": 0.8, "steps": 3}, {"threshold": 0.3}], ids=str)
@pytest.mark.parametrize("name", ["3x5", "zeros", "one value", "tied", "wide", "grouped", "tiny"])
def test_codes_clustered_from_the_layers_index_are_those_of_its_matrix(name, pruned, coder):
    layer, settings = AWKWARD[name], Settings(bits=2, coder=coder, group="tensor", **pruned)
    encoded = encode(layer, settings)
    mask, form = (encoded.mask, encoded.values) if isinstance(encoded, Sparse) else (None, encoded)
    plain = CODERS[coder](layer.matrix, mask, settings)
    assert torch.equal(form.levels, plain.levels)
    assert torch.equal(form.codes, plain.codes)
