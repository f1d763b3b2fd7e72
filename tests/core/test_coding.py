import numpy as np
import pytest
import torch

from core import encoding
from core.coding import CODERS, SCALES, WIDTHS, check_width, fitted, nearest_width
from core.compress import check, encode
from core.decoding import from_tensors
from core.encoding import Coded, Rounded, Sparse
from core.layer import layers
from core.recipe import BITS, UNCODED, Recipe, Settings
from tests.core import zoo

AWKWARD = zoo.awkward()
EVEN = ("symmetric", "affine")
GROUPS = ("tensor", "channel", "3")
ABLE = [(coder, bits) for coder, widths in WIDTHS.items() for bits in widths]
MIXES = [
    Settings(coder=coder, bits=bits, group=group, scale=scale)
    for coder, bits in ABLE
    for group in GROUPS
    for scale in SCALES
    if coder in EVEN or scale == "range"
]

all_layers = pytest.mark.parametrize("name", AWKWARD)
all_groups = pytest.mark.parametrize("group", GROUPS)
all_able = pytest.mark.parametrize(("coder", "bits"), ABLE)
scaled = pytest.mark.parametrize("scale", ["percentile", "squared_error"])


def coded(name: str, settings: Settings, mask: torch.Tensor | None = None) -> Coded | None:
    """The coder's own form; None where the type cannot hold the layer's weights."""
    form = CODERS[settings.coder](AWKWARD[name].matrix, mask, settings)
    if not form.finite():
        assert (settings.coder, name) == ("float16", "huge")
        return None
    return form


def half_of(matrix: torch.Tensor) -> torch.Tensor:
    """A mask that keeps every other weight, the first row's not at all."""
    mask = torch.arange(matrix.numel()).view(matrix.shape) % 2 == 0
    mask[0] = False
    return mask


def squared_error(name: str, settings: Settings) -> float:
    matrix = AWKWARD[name].matrix.double()
    return float((CODERS[settings.coder](matrix.float(), None, settings).decode() - matrix).square().sum())


def test_every_coder_says_what_it_can_do():
    assert CODERS.keys() == WIDTHS.keys()
    assert {bits for widths in WIDTHS.values() for bits in widths} | {UNCODED} == set(BITS)


@all_layers
def test_every_code_decodes_to_a_finite_value_that_codes_to_itself(name):
    for settings in MIXES:
        form = coded(name, settings)
        if form is None:
            continue
        values = form.decode()
        assert torch.equal(values, form.at(form.codes, 0)), settings
        assert torch.isfinite(values).all(), settings
        again = form.nearest(values, 0)
        assert torch.equal(form.at(again, 0), values), settings
        if not isinstance(form, Rounded) and settings.coder != "power_of_two" and name != "tiny":
            assert torch.equal(again, form.codes), settings  # a product below float32's range may tell no codes apart


@all_layers
def test_columns_are_coded_and_decoded_as_the_whole_is(name):
    for settings in MIXES:
        form = coded(name, settings)
        if form is None:
            continue
        whole, matrix = form.decode(), AWKWARD[name].matrix
        codes = form.nearest(matrix, 0)
        for first in range(0, matrix.shape[1], 2):
            part = slice(first, first + 2)
            assert torch.equal(form.at(form.codes[:, part], first), whole[:, part]), settings
            assert torch.equal(form.at(form.nearest(matrix[:, part], first), first), form.at(codes[:, part], first)), (
                settings
            )


@all_layers
def test_the_coder_takes_the_nearest_code(name):
    for settings in MIXES:
        form = coded(name, settings)
        if form is None or settings.coder == "ternary":  # its threshold is the paper's
            continue
        assert torch.equal(form.at(form.nearest(AWKWARD[name].matrix, 0), 0), form.decode()), settings


@all_layers
@pytest.mark.parametrize("masked", [False, True])
def test_the_stored_tensors_decode_to_the_same(name, masked):
    mask = half_of(AWKWARD[name].matrix) if masked else None
    for settings in MIXES:
        form = coded(name, settings, mask)
        if form is None:
            continue
        encoded = Sparse(mask, form) if masked else form
        again = from_tensors(encoded.form(), encoded.tensors())
        assert torch.equal(again.decode(), encoded.decode()), settings
        assert again.information() == pytest.approx(encoded.information(), rel=1e-12)
        assert again.form() == encoded.form()
        assert encoding.bits(encoded) == sum(8 * tensor.nbytes for tensor in encoded.tensors().values())
        assert encoded.information() <= encoded.decode().numel() * (settings.bits + masked), settings


@all_layers
def test_removed_weights_decode_to_zero_and_do_not_move_the_others(name):
    matrix = AWKWARD[name].matrix
    mask = half_of(matrix)
    loud = torch.where(mask, matrix, matrix.abs().max() * 3)
    for settings in MIXES:
        form = coded(name, settings, mask)
        if form is None:
            continue
        decoded = Sparse(mask, form).decode()
        assert not decoded[~mask].any(), settings
        assert torch.equal(decoded, Sparse(mask, CODERS[settings.coder](loud, mask, settings)).decode()), settings


@all_able
@all_groups
@pytest.mark.parametrize("name", ["zeros", "one value", "one negative value"])
def test_one_value_is_kept(name, coder, bits, group):
    settings = Settings(coder=coder, bits=bits, group=group)
    found, value = coded(name, settings).decode(), AWKWARD[name].matrix
    if coder == "symmetric" and bits == 1 and name == "zeros":
        assert (found == 0).all() or torch.isfinite(found).all()
    else:
        # 0.25 = 127 steps of a float32 that rounds 0.25 / 127
        assert torch.allclose(found, value, rtol=2**-23, atol=0)


@all_groups
@pytest.mark.parametrize("name", AWKWARD)
def test_more_bits_never_raise_the_error_of_clusters(name, group):
    errors = [squared_error(name, Settings(coder="kmeans", bits=bits, group=group)) for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)


@all_groups
def test_fewer_weights_than_levels_are_stored_exactly(group):
    form = CODERS["kmeans"](AWKWARD["3x5"].matrix, None, Settings(coder="kmeans", bits=4, group=group))
    assert torch.equal(form.decode(), AWKWARD["3x5"].matrix)
    assert form.levels.numel() == 15


def test_clusters_are_no_worse_than_any_even_grid():
    for group in ("tensor", "channel"):
        for bits in range(1, 9):
            errors = {
                coder: squared_error("wide", Settings(coder=coder, bits=bits, group=group, scale=scale))
                for coder in ("kmeans", *EVEN)
                for scale in SCALES
            }
            assert min(errors, key=errors.get) == "kmeans"


@all_layers
@all_groups
@pytest.mark.parametrize("coder", EVEN)
def test_the_least_squared_error_is_never_above_that_of_the_whole_range(name, group, coder):
    for bits in range(1, 9):
        settings = Settings(coder=coder, bits=bits, group=group)
        whole = squared_error(name, settings)
        # weights beside a code's edge may round either way: float32 decides between ratios
        assert squared_error(name, Settings(coder=coder, bits=bits, group=group, scale="squared_error")) <= (
            whole * (1 + 1e-5)
        )


def test_a_long_tail_is_clipped_where_it_pays():
    weight = zoo.random(8, 4000)
    weight[:, 0] = 40.0
    errors = {}
    for scale in SCALES:
        form = CODERS["symmetric"](weight, None, Settings(bits=4, scale=scale))
        errors[scale] = float((form.decode() - weight)[:, 1:].square().sum())
        assert (form.decode()[:, 0] <= 40.0001).all()
    assert errors["squared_error"] < errors["range"]
    assert errors["percentile"] < errors["range"] / 10


@pytest.mark.parametrize("group", ["tensor", "channel", "2000"])
def test_the_percentile_is_the_nearest_rank_of_the_survivors(group):
    weight = zoo.random(3, 4000)
    mask = weight.abs() > 0.5
    form = CODERS["symmetric"](weight, mask, Settings(bits=5, group=group, scale="percentile"))
    members = {"tensor": [(slice(0, 3), slice(None))], "channel": [(slice(r, r + 1), slice(None)) for r in range(3)]}
    blocks = [(slice(r, r + 1), slice(c, c + 2000)) for r in range(3) for c in (0, 2000)]
    for part, scale in zip(members.get(group, blocks), form.scale.flatten(), strict=True):
        sizes = weight[part][mask[part]].abs().numpy()
        expected = np.quantile(sizes, 0.999, method="inverted_cdf")
        assert float(scale * 15) == pytest.approx(float(expected), rel=1e-6)


@scaled
def test_other_coders_do_not_read_the_scale(scale):
    for coder, bits in ABLE:
        plain, asked = (Settings(coder=coder, bits=bits, scale=which) for which in ("range", scale))
        same = torch.equal(coded("wide", plain).decode(), coded("wide", asked).decode())
        assert same or coder in EVEN


def test_a_published_book_is_the_published_one():
    form = CODERS["nf4"](zoo.random(2, 64), None, Settings(coder="nf4", bits=4, group="32"))
    normal = torch.distributions.Normal(0.0, 1.0)
    offset = 0.9677083  # of the paper's code: the mean of 1 - 1/32 and 1 - 1/30
    upper = normal.icdf(torch.linspace(offset, 0.5, 9)[:-1])
    lower = -normal.icdf(torch.linspace(offset, 0.5, 8)[:-1])
    expected = torch.cat([upper, torch.zeros(1), lower]).sort().values
    assert torch.allclose(form.levels[0], expected / expected.max(), atol=1e-5)  # the paper's code is in float32
    assert form.scale.shape == (2, 2)


def test_a_power_of_two_is_the_one_next_to_the_weight():
    weight = zoo.random(4, 50)
    for bits in WIDTHS["power_of_two"]:
        form = CODERS["power_of_two"](weight, None, Settings(coder="power_of_two", bits=bits, group="tensor"))
        sizes = form.decode()[form.decode() != 0].abs()
        assert torch.equal(torch.log2(sizes), torch.log2(sizes).round())
        assert sizes.max() == 2.0 ** torch.floor(torch.log2(4 / 3 * weight.abs().max()))  # INQ, equation 4
        assert len(sizes.unique()) <= 2 ** (bits - 1) - 1


def test_ternary_weights_are_the_published_ones():
    weight = zoo.random(3, 200)
    form = CODERS["ternary"](weight, None, Settings(coder="ternary", bits=2))
    for row, decoded in zip(weight, form.decode(), strict=True):
        above = row.abs() > 0.7 * row.abs().mean()
        assert torch.allclose(decoded, above * row.sign() * row[above].abs().mean(), rtol=1e-5)


@pytest.mark.parametrize("coder", ["float16", "bfloat16"])
def test_a_rounded_float_is_torchs(coder):
    form = coded("wide", Settings(coder=coder, bits=16))
    assert torch.equal(form.decode(), AWKWARD["wide"].matrix.to(getattr(torch, coder)).float())


@all_groups
def test_float8_is_off_by_a_sixteenth_at_most(group):
    weight = zoo.random(6, 50)
    found = CODERS["float8_e4m3"](weight, None, Settings(coder="float8_e4m3", bits=8, group=group))
    step = encoding.spread(found.scale, 50, found.block) * 2**-9  # the smallest subnormal
    # 3 fraction bits: half a step is 1/16 of the power of two below; below the normal range half the smallest
    assert ((found.decode() - weight).abs() <= torch.maximum(weight.abs() / 16, step / 2) * 1.0001).all()
    assert torch.isclose(found.decode().abs().max(), weight.abs().max(), rtol=1e-6)


@pytest.mark.parametrize(("coder", "value"), [("float16", 7e4), ("bfloat16", 3.4e38), ("float16", -65520.0)])
def test_weights_beyond_a_type_are_named_with_their_layer(coder, value):
    layer = zoo.linear(torch.tensor([[0.1, value]]))
    with pytest.raises(ValueError, match=f"layer '0': its weights span more than a {coder} can; leave its bits at 32"):
        encode(layer, Settings(coder=coder, bits=16))


def test_a_coder_of_no_codes_keeps_the_survivors_as_they_are():
    layer = AWKWARD["wide"]
    encoded = encode(layer, Settings(coder="float32", sparsity=0.5))
    assert torch.equal(encoded.decode(), encode(layer, Settings(sparsity=0.5)).decode())
    form = CODERS["float32"](layer.matrix, None, Settings(coder="float32"))
    assert torch.equal(form.decode(), layer.matrix)


def test_bits_that_a_coder_cannot_do_are_refused_with_the_way_out():
    known = layers(zoo.net())
    for coder, bits, able in (("nf4", 3, "4"), ("ternary", 4, "2"), ("power_of_two", 1, "2, 3"), ("float16", 8, "16")):
        message = f"layer 'fc': bits is {bits}, expected {able}.*, 32 for no coding with coder '{coder}'"
        with pytest.raises(ValueError, match=message):
            check(Recipe(layers={"fc": {"coder": coder, "bits": bits}}), known)
        with pytest.raises(ValueError, match=f"bits is {bits}"):
            encode(known[0], Settings(coder=coder, bits=bits))
    check(Recipe(layers={"fc": {"coder": "nf4"}}), known)


def test_the_nearest_width_is_one_the_coder_can_do():
    for coder, widths in WIDTHS.items():
        assert nearest_width(coder, UNCODED) == UNCODED
        for bits in BITS:
            found = nearest_width(coder, bits)
            check_width(Settings(coder=coder, bits=found))
            assert found == bits or bits not in widths
    assert nearest_width("symmetric", 16) == 8
    assert nearest_width("power_of_two", 1) == 2
    assert nearest_width("float32", 4) == UNCODED


def test_a_fitted_recipe_is_allowed_and_leaves_what_is_allowed_alone():
    recipe = Recipe(Settings(coder="nf4", bits=3), {"fc": {"bits": 7}, "conv1": {"coder": "kmeans", "bits": 5}})
    found = fitted(recipe)
    check(found, layers(zoo.net()))
    assert found.settings("conv1") == recipe.settings("conv1")
    assert found.settings("fc") == found.default == Settings(coder="nf4", bits=4)
    assert fitted(found) == found


@pytest.mark.parametrize("bits", range(2, 9))
def test_the_whole_range_is_the_plain_formula_to_the_last_bit(bits):
    weight, top = zoo.random(20, 90), 2 ** (bits - 1) - 1
    found = CODERS["symmetric"](weight, None, Settings(bits=bits))
    scale = weight.abs().amax(1, keepdim=True) / top
    assert torch.equal(found.scale, scale)
    assert torch.equal(found.decode(), (weight / scale).round() * scale)
    found = CODERS["affine"](weight, None, Settings(coder="affine", bits=bits))
    low, high = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    step = (high - low) / (2**bits - 1)
    assert torch.equal(found.decode(), ((weight - low) / step).round() * step + low)


def damaged(settings: Settings, change) -> None:
    encoded = encode(AWKWARD["wide"], settings)
    form, tensors = encoded.form(), encoded.tensors()
    change(form, tensors)
    from_tensors(form, tensors)


BOOK, FLOAT = Settings(coder="nf4", bits=4, group="7"), Settings(coder="float8_e4m3", bits=8)


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        (BOOK, lambda f, t: t.update(levels=t["levels"][:, :3].contiguous())),
        (BOOK, lambda f, t: t.update(levels=t["levels"].flip(1))),
        (BOOK, lambda f, t: t.update(levels=t["levels"] * torch.nan)),
        (BOOK, lambda f, t: t.update(levels=t["levels"].double())),
        (BOOK, lambda f, t: t.update(levels=t["levels"].repeat(1, 2))),
        (BOOK, lambda f, t: t.update(levels=t["levels"].repeat(3, 1))),
        (BOOK, lambda f, t: t.update(levels=t["levels"][0])),
        (BOOK, lambda f, t: t.update(levels=torch.empty(1, 0))),
        (BOOK, lambda f, t: t.update(scale=t["scale"][:, 1:])),
        (BOOK, lambda f, t: t.update(scale=t["scale"].half())),
        (BOOK, lambda f, t: t.update(codes=t["codes"][1:])),
        (BOOK, lambda f, t: t.update(codes=t["codes"].to(torch.int8))),
        (BOOK, lambda f, t: t.pop("levels")),
        (BOOK, lambda f, t: f.update(width=9)),
        (BOOK, lambda f, t: f.update(width=0)),
        (BOOK, lambda f, t: f.update(block=0)),
        (BOOK, lambda f, t: f.pop("rows")),
        (BOOK, lambda f, t: f.update(kind="magic")),
        (FLOAT, lambda f, t: t.update(values=t["values"].float())),
        (FLOAT, lambda f, t: t.update(values=t["values"].view(torch.uint8))),
        (FLOAT, lambda f, t: t.update(values=t["values"][1:])),
        (FLOAT, lambda f, t: t.update(scale=t["scale"][1:])),
        (FLOAT, lambda f, t: f.update(columns=3)),
        (FLOAT, lambda f, t: f.update(block=0)),
        (FLOAT, lambda f, t: t.pop("values")),
    ],
)
def test_tensors_that_do_not_fit_their_form_are_refused(settings, change):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        damaged(settings, change)


@pytest.mark.parametrize("settings", [BOOK, FLOAT], ids=str)
def test_the_same_tensors_undamaged_are_read(settings):
    damaged(settings, lambda form, tensors: None)
