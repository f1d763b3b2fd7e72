"""Inputs on a grid: exact where it can be said exactly, and the same however a model is run."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor, nn
from torch.nn import functional

from core import calibration, container, exporting, pipeline, report
from core.compress import compress, encode, grids, needs_images, weights
from core.encoding import Grid, Gridded, LowRank, bare
from core.evaluation import Change, bench, outputs, tallies
from core.granting import note
from core.inputs import rounded, rounding
from core.layer import layers
from core.loading import Data, Loaded
from core.recipe import INPUTS_BITS, Recipe, Settings
from core.seen import Calibration
from tests.core import zoo

LOSSY = INPUTS_BITS[:-1]
ULPS = 1e-6  # of float32 division, rounding and product, as a share of the number


class Twice(nn.Module):
    """Calls one layer twice, on inputs of other sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.same, self.last = nn.Linear(64, 64), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.same(self.same(x.flatten(1)) * 3).relu())


class Tied(nn.Module):
    """Two names for one weight: it runs whole."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x.flatten(1)).relu()))


class Untraceable(nn.Module):
    """Its way depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1) if x.sum() < 1e9 else -x.flatten(1))


class Functional(nn.Module):
    """Takes a layer's weight early, and gives it to the function itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.fc, self.last = nn.Linear(64, 32), nn.Linear(32, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.fc.weight
        return self.last(functional.linear(self.first(x.flatten(1)), weight=weight, bias=self.fc.bias).relu())


class Grouped(nn.Module):
    """Grouped and one-dimensional convolutions, padding that is no zero, and inputs of (N, T, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular")
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.line = nn.Conv1d(4, 4, 3, stride=2)
        self.tokens, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.line(self.grouped(self.conv(x).relu()).flatten(2))
        return self.last(self.tokens(y.transpose(1, 2)).relu().mean(1))


MODELS = {"net": zoo.Net, **{kind.__name__: kind for kind in (Twice, Tied, Untraceable, Functional, Grouped)}}
each_model = pytest.mark.parametrize("kind", MODELS.values(), ids=MODELS)
IMAGES = zoo.random(250, 1, 8, 8, seed=3)
SEEN_IMAGES = zoo.random(120, 1, 8, 8, seed=4)
LABELS = np.random.default_rng(0).integers(0, 3, len(IMAGES))


def made(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return kind().eval().requires_grad_(False)


def seen_by(model: nn.Module, images: Tensor = SEEN_IMAGES) -> dict:
    known = layers(model)
    calibrated = Calibration(model, known, images, torch.arange(len(images)) % 3)
    return {layer.name: calibrated.at(layer.name) for layer in known}


def change_of(model: nn.Module, recipe: Recipe) -> Change:
    known = layers(model)
    encoded = compress(known, recipe, seen_by(model))
    changed = weights(known, encoded)
    keys = {layer.parameter: recipe.settings(layer.name) for layer in known if layer.parameter in changed}
    return Change(changed, keys, grids(known, encoded))


def plainly(given: Tensor, on: Grid) -> Tensor:
    """Quantize to integers, then back, as an integer runtime does."""
    codes = (torch.round(given / on.scale) + on.zero).clamp(0, 2**on.bits - 1)
    return (codes - on.zero) * on.scale


def hooked(model: nn.Module, change: Change) -> nn.Module:
    """The changed model as a copy whose modules round their own inputs."""
    held = {id(model.get_parameter(name)): (change.tensors[name], change.inputs.get(name)) for name in change.tensors}
    found = [(name, held[id(m.weight)]) for name, m in model.named_modules() if id(getattr(m, "weight", None)) in held]
    twin = copy.deepcopy(model)
    for name, (weight, on) in found:
        module = twin.get_submodule(name)
        module.weight.copy_(weight)
        if on is not None:
            module.register_forward_pre_hook(lambda _, given, on=on: (plainly(given[0], on), *given[1:]))
    return twin


def test_the_identity_is_no_grid_at_all():
    model = made(zoo.Net)
    for layer in layers(model):
        assert encode(layer, Settings(inputs_bits=32)).values is layer.matrix
    assert not change_of(model, Recipe(Settings(inputs_bits=32))).inputs
    assert not needs_images(Settings())


@pytest.mark.parametrize("bits", LOSSY)
def test_the_output_of_a_layer_moves_by_at_most_half_a_step_a_weight(bits):
    model = nn.Sequential(nn.Linear(40, 7)).eval().requires_grad_(False)
    images = zoo.random(300, 40) * torch.linspace(0.1, 3, 40) + 0.7
    on = grids(layers(model), compress(layers(model), Recipe(Settings(inputs_bits=bits)), seen_by(model, images)))
    with rounding(model, {}, on):
        rough = model(images)
    moved = (rough - model(images)).abs()
    weight = model[0].weight
    bound = on["0.weight"].scale / 2 * weight.abs().sum(1)
    float_noise = 1e-5 * (weight.abs().sum(1) * images.abs().max())  # of two float32 sums of 40 products
    assert (moved <= bound + float_noise).all()
    assert bits > 8 or moved.max() > 0


@settings(max_examples=60, deadline=None)
@given(
    low=some.floats(-1e3, 1e3, width=32),
    span=some.floats(0, 1e3, width=32),
    bits=some.sampled_from(LOSSY),
    seed=some.integers(0, 9),
)
def test_every_input_between_the_calibrated_ones_is_half_a_step_away_at_most(low, span, bits, seed):
    model = nn.Sequential(nn.Linear(6, 2)).eval().requires_grad_(False)
    images = low + span * torch.rand(50, 6, generator=torch.Generator().manual_seed(seed))
    (on,) = grids(
        layers(model), compress(layers(model), Recipe(Settings(inputs_bits=bits)), seen_by(model, images))
    ).values()
    assert 0 <= on.zero < 2**bits
    near = rounded(images, on)
    assert torch.equal(rounded(torch.zeros(1, 1), on), torch.zeros(1, 1))
    assert torch.equal(rounded(near, on), near)
    assert ((near - images).abs() <= on.scale / 2 + ULPS * images.abs().max()).all()
    assert torch.allclose(near, plainly(images, on), rtol=ULPS, atol=0)


def test_more_bits_never_raise_the_error_of_the_inputs():
    model = made(Untraceable)
    seen = seen_by(model)["fc"]
    layer = layers(model)[0]
    errors = [
        (rounded(SEEN_IMAGES, encode(layer, Settings(inputs_bits=bits), seen).inputs) - SEEN_IMAGES).square().sum()
        for bits in LOSSY
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] > 0


@each_model
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_answers_are_those_of_modules_that_round_their_own_inputs(kind, bits):
    model = made(kind)
    change = change_of(model, Recipe(Settings(inputs_bits=bits)))
    assert set(change.inputs) == {layer.parameter for layer in layers(model)}
    one = bench(model, IMAGES.numpy(), LABELS)
    assert (one.steps is None) == (kind in (Tied, Untraceable))
    if kind is Functional:  # a hook on the module would not see the call
        with rounding(model, {}, change.inputs):
            expected = model(IMAGES)
        on = change.inputs["fc.weight"]
        y = model.first(plainly(IMAGES.flatten(1), change.inputs["first.weight"]))
        y = functional.linear(plainly(y, on), model.fc.weight, model.fc.bias).relu()
        assert torch.allclose(expected, model.last(plainly(y, change.inputs["last.weight"])), atol=1e-5)
    else:
        expected = hooked(model, change)(IMAGES)
    *_, last = tallies(one, change)
    found = torch.cat(list(outputs(one, change)))
    near = (found - expected).abs() <= 1e-4 * expected.abs().max()
    assert near.float().mean() > 0.99  # a sum that another layout makes may fall on the other side of a half
    right = torch.from_numpy(LABELS) == found.argmax(1)
    assert last.correct == int(right.sum())
    assert not torch.equal(model(IMAGES), expected)


@each_model
def test_a_resumed_measurement_is_that_of_a_fresh_one(kind):
    model = made(kind)
    first, last = layers(model)[0].name, layers(model)[-1].name
    recipes = [
        Recipe(Settings(inputs_bits=2), {first: {"bits": 3}}),
        Recipe(Settings(inputs_bits=2), {first: {"bits": 2}}),
        Recipe(Settings(inputs_bits=3)),
        Recipe(Settings(inputs_bits=3), {last: {"bits": 2}}),
        Recipe(Settings(inputs_bits=3), {last: {"bits": 2, "inputs_bits": 2}}),
        Recipe(layers={last: {"inputs_bits": 2}}),
        Recipe(Settings(inputs_bits=2), {last: {"inputs_bits": 32}}),
        Recipe(),
    ]
    one = bench(model, IMAGES.numpy(), LABELS)
    for recipe in [*recipes, *recipes, *reversed(recipes)]:
        *_, found = tallies(one, change_of(model, recipe))
        *_, fresh = tallies(bench(model, IMAGES.numpy(), LABELS), change_of(model, recipe))
        assert found[:-1] == fresh[:-1]
        for resumed, plain in zip(found.sure, fresh.sure, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(resumed, plain, strict=True))


def test_what_changes_the_last_layers_inputs_alone_runs_nothing_before_it():
    model = made(zoo.Net)
    one = bench(model, IMAGES.numpy(), LABELS)
    for bits in (7, 6):  # the first remembers, the second resumes
        list(tallies(one, change_of(model, Recipe(layers={"fc": {"inputs_bits": bits}}))))
    change, ran = change_of(model, Recipe(layers={"fc": {"inputs_bits": 5}})), []
    hook = model.conv2.register_forward_hook(lambda *_: ran.append(1))
    *_, last = tallies(one, change)
    hook.remove()
    assert (ran, last.images) == ([], len(IMAGES))


def test_it_composes_with_pruning_codes_and_a_low_rank():
    model = made(zoo.Net)
    recipe = Recipe(Settings(sparsity=0.5, bits=4, inputs_bits=8, rank=0.5, compensate="outputs"))
    encoded = compress(layers(model), recipe, seen_by(model))
    assert all(isinstance(form, Gridded) for form in encoded.values())
    assert isinstance(bare(encoded["fc"]), LowRank)
    alone = compress(layers(model), Recipe(Settings(**{**vars(recipe.default), "inputs_bits": 32})), seen_by(model))
    for name, form in encoded.items():
        assert torch.equal(form.decode(), alone[name].decode())
        assert form.layout().keys() - alone[name].layout().keys() == {"inputs.scale", "inputs.zero"}
    change = change_of(model, recipe)
    *_, last = tallies(bench(model, IMAGES.numpy(), LABELS), change)
    right = hooked(model, change)(IMAGES).argmax(1) == torch.from_numpy(LABELS)
    assert abs(last.correct - int(right.sum())) <= 2  # sums in another layout


def test_batch_norms_are_recalibrated_on_rounded_inputs():
    model = made(zoo.Net)
    change = change_of(model, Recipe(Settings(inputs_bits=2)))
    found = calibration.recalibrated(model, {}, SEEN_IMAGES, change.inputs)
    with torch.no_grad():
        arriving = model.conv1(plainly(SEEN_IMAGES, change.inputs["conv1.weight"]))
    assert torch.allclose(found["norm.running_mean"], arriving.mean((0, 2, 3)), atol=1e-5)


class Words(nn.Module):
    """An embedding, attention that takes its weights elsewhere, a layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.attention = nn.Embedding(9, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.idle, self.last = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.words((x.flatten(1)[:, :6] * 4).long().abs() % 9)
        return self.last(self.attention(y, y, y)[0].mean(1))


@pytest.mark.parametrize(
    ("name", "why"),
    [("words", "an embedding takes indices"), ("attention.out_proj", "takes its weight with"), ("idle", "never calls")],
)
def test_a_layer_whose_inputs_no_grid_fits_stays_as_it_was_and_says_why(name, why):
    model = made(Words)
    seen, wanted = seen_by(model), Settings(inputs_bits=4)
    layer = next(layer for layer in layers(model) if layer.name == name)
    assert encode(layer, wanted, seen[name]).values is layer.matrix
    assert why in note(layer, wanted, seen[name])
    assert note(layer, Settings(), seen[name]) == ""
    assert set(change_of(model, Recipe(wanted)).inputs) == {"last.weight"}


def test_inputs_that_are_not_finite_are_refused_by_the_layers_name():
    model = made(Untraceable)
    images = SEEN_IMAGES.clone()
    images[3, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="layer 'fc': its inputs .* not all finite; leave its inputs_bits at 32"):
        compress(layers(model), Recipe(Settings(inputs_bits=8)), seen_by(model, images))


def test_no_grid_without_images():
    with pytest.raises(ValueError, match="layer 'fc': inputs_bits needs calibration images"):
        compress(layers(made(Untraceable)), Recipe(Settings(inputs_bits=8)))


def test_what_is_no_number_stays_so_and_what_lies_beyond_is_cut():
    on = Grid(0.5, 1, 2)
    given = torch.tensor([[torch.nan, -torch.inf, torch.inf, -9.0, 0.2, 9.0]])
    assert torch.equal(rounded(given, on)[0, 1:], torch.tensor([-0.5, 1.0, -0.5, 0.0, 1.0]))
    assert rounded(given, on)[0, 0].isnan()


def test_a_layer_that_saw_only_zeros_takes_zeros():
    model = made(Untraceable)
    on = encode(layers(model)[0], Settings(inputs_bits=8), seen_by(model, torch.zeros(9, 1, 8, 8))["fc"]).inputs
    assert rounded(IMAGES, on).abs().max() < 1e-30


def study_of(model: nn.Module, recipe: Recipe) -> pipeline.Study:
    with torch.no_grad():
        labels = model(IMAGES).argmax(1).numpy()
    return pipeline.study(Loaded("net", model, "0" * 64, None), Data("random", IMAGES.numpy(), labels), recipe)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Settings(inputs_bits=4)),
        Recipe(Settings(inputs_bits=8, bits=4, sparsity=0.5), {"conv2": {"inputs_bits": 32}}, batchnorm="recalibrate"),
    ],
)
def test_a_written_folder_holds_the_grids_and_verifies(tmp_path: Path, recipe: Recipe) -> None:
    study = study_of(made(zoo.Net), recipe)
    applied = pipeline.apply(study, recipe)
    exporting.write_folder(tmp_path / "out", pipeline.files(study, recipe, applied, pipeline.measure(study, applied)))
    data = Data("random", IMAGES.numpy(), np.concatenate([np.zeros(50, int), study.bench.targets.numpy()]))
    promised = pipeline.verify(tmp_path / "out", study.loaded, data)
    assert promised["calibration_images"] == 50
    assert {row["layer"]: row["inputs_bits"] for row in promised["layers"]} == {
        layer.name: recipe.settings(layer.name).inputs_bits for layer in study.known
    }
    written = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert promised["bytes"] == len(written) == exporting.file_bytes(study.loaded.model, study.known, applied.encoded)
    tensors, index = container.opened(written)
    assert float(tensors["fc.weight:inputs.scale"]) == applied.change.inputs["fc.weight"].scale
    tensors["fc.weight:inputs.scale"] *= 3
    forged = container.packed(tensors, index)
    (tmp_path / "out" / "model.safetensors").write_bytes(forged)
    with pytest.raises(ValueError, match=r"report.json: .* measured"):
        pipeline.verify(tmp_path / "out", study.loaded, data)


NESTED = '{"kind":"gridded","inputs_bits":4,"matrix":{'


@pytest.mark.parametrize(
    "damage",
    [
        lambda t, f: (t | {"fc.weight:inputs.scale": torch.zeros(1)}, f),
        lambda t, f: (t | {"fc.weight:inputs.scale": torch.tensor([torch.nan])}, f),
        lambda t, f: (t | {"fc.weight:inputs.scale": torch.tensor([torch.inf])}, f),
        lambda t, f: (t | {"fc.weight:inputs.scale": torch.ones(2)}, f),
        lambda t, f: (t | {"fc.weight:inputs.scale": torch.ones(1).double()}, f),
        lambda t, f: (t | {"fc.weight:inputs.zero": torch.tensor([-1], dtype=torch.int32)}, f),
        lambda t, f: (t | {"fc.weight:inputs.zero": torch.tensor([16], dtype=torch.int32)}, f),
        lambda t, f: (t | {"fc.weight:inputs.zero": torch.tensor([3])}, f),
        lambda t, f: (t | {"fc.weight:inputs.more": torch.ones(1)}, f),
        lambda t, f: ({k: v for k, v in t.items() if k != "fc.weight:inputs.zero"}, f),
        lambda t, f: (t, f.replace('"inputs_bits":4', '"inputs_bits":32')),
        lambda t, f: (t, f.replace('"inputs_bits":4', '"inputs_bits":1')),
        lambda t, f: (t, f.replace('"inputs_bits":4', '"inputs_bits":true')),
        lambda t, f: (t, f.replace('"matrix":{', f'"matrix":{NESTED}').replace("}}}}", "}}}}}")),
        lambda t, f: (t, f.replace('"matrix":', '"mat":')),
    ],
)  # fmt: skip
def test_a_grid_that_is_none_is_refused_in_a_sentence(damage):
    model = made(zoo.Net)
    known = layers(model)
    encoded = compress(known, Recipe(layers={"fc": {"inputs_bits": 4}}), seen_by(model))
    written = exporting.serialize(model, known, encoded, {})
    tensors, index = container.opened(written)
    tensors, forms = damage(tensors, json.dumps(index, separators=(",", ":")))
    json.loads(forms)
    with pytest.raises(ValueError, match="fc"):
        exporting.deserialize(safetensors.torch.save(tensors, {"prunescope": forms}), model, known)


@pytest.mark.parametrize("bits", [0, 1, 9, 15, 31, 33, -8, 8.0, "8", True, None])
def test_bits_that_no_grid_has_are_refused(bits):
    with pytest.raises(ValueError, match=r"inputs_bits is .*, expected 2 to 8, 16, or 32"):
        Settings(inputs_bits=bits)


def test_the_model_and_its_images_stay_as_they_were():
    model, images = made(zoo.Net), IMAGES.clone()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    one = bench(model, images.numpy(), LABELS)
    list(tallies(one, change_of(model, Recipe(Settings(inputs_bits=2)))))
    assert torch.equal(images, IMAGES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(model(images), made(zoo.Net)(images))


def test_the_row_of_a_layer_says_its_inputs_bits():
    model = made(zoo.Net)
    encoded = compress(layers(model), Recipe(layers={"fc": {"inputs_bits": 4}}), seen_by(model))
    rows = [report.layer_row(layer, encoded[layer.name], 1) for layer in layers(model)]
    assert [row["inputs_bits"] for row in rows] == [32, 32, 4]
