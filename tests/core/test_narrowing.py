import json

import pytest
import torch

import sample_models
from core import container, exporting, narrowing, pipeline
from core.compress import encode
from core.decoding import from_tensors
from core.encoding import bits, removed_values, stored_values
from core.layer import layers
from core.loading import Data, Loaded, fingerprint, load_data, load_model
from core.recipe import Recipe, Settings
from core.shrinking import Shrunk
from tests.core import wired, zoo
from tests.core.test_compress import MIXES

AWKWARD = {name: layer for name, layer in zoo.awkward().items() if layer.groups in (1, 8)}
ROWS = {"sparsity": 0.5, "pattern": "row"}
CODED = [
    {},
    {"bits": 4},
    {"bits": 3, "coder": "affine", "group": "16"},
    {"bits": 3, "coder": "kmeans"},
    {"bits": 8, "coder": "float8_e4m3"},
    {"rank": 0.5, "bits": 4},
    {"bits": 4, "inputs_bits": 8},
]


@pytest.fixture(scope="module")
def digits() -> Data:
    data = load_data("digits")
    return Data("digits", data.inputs[:300], data.targets[:300])


def small(name: str, outputs: torch.Tensor, inputs: torch.Tensor) -> Shrunk:
    return Shrunk(torch.nn.Identity(), {name: outputs.numpy()}, {name: inputs.numpy()}, {}, ())


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("settings", MIXES, ids=str)
def test_what_stays_decodes_as_before_and_the_rest_to_zero(name, settings):
    layer = AWKWARD[name]
    encoded = encode(layer, settings)
    outputs, inputs = (torch.arange(size) % 3 > 0 for size in (len(layer.weight), layer.weight.shape[1] * layer.groups))
    outputs[-1] = inputs[-1] = True
    narrow = narrowing.narrow_layer(layer, encoded, small(layer.name, outputs, inputs))
    columns = torch.ones(layer.kernel, dtype=torch.bool) if layer.groups > 1 else inputs.repeat_interleave(layer.kernel)
    expected = encoded.decode() * outputs[:, None] * columns
    assert torch.equal(narrow.decode(), expected)
    assert narrow.layout() == {
        part: (exporting.TYPE_NAMES[tensor.dtype], tuple(tensor.shape)) for part, tensor in narrow.tensors().items()
    }
    assert stored_values(narrow) == stored_values(encoded)
    assert removed_values(narrow) >= removed_values(encoded)
    again = from_tensors(narrow.form(), narrow.tensors())
    assert torch.equal(again.decode(), narrow.decode())
    assert again.layout() == narrow.layout()


def test_half_of_the_rows_and_columns_take_a_quarter_of_the_bits():
    layer = zoo.linear(zoo.random(64, 64))
    encoded = encode(layer, Settings(bits=8, group="tensor"))
    half = torch.arange(64) % 2 == 0
    narrow = narrowing.narrow_layer(layer, encoded, small(layer.name, half, half))
    assert bits(narrow) == 32 * 32 * 8 + 32 + 2 * 64  # codes, one scale, a bit a row and a column


def measured(loaded: Loaded, data: Data, recipe: Recipe, folder) -> dict:
    study = pipeline.study(loaded, data, recipe)
    applied = pipeline.apply(study, recipe)
    files = pipeline.files(study, recipe, applied, pipeline.measure(study, applied))
    report = json.loads(files["report.json"])
    assert report["bytes"] == len(files["model.safetensors"])
    assert report["bytes"] == exporting.file_bytes(loaded.model, study.known, applied.encoded)
    exporting.write_folder(folder, files)
    assert pipeline.verify(folder, loaded, data) == report
    return report


@pytest.mark.parametrize("name", sample_models.SAMPLES)
@pytest.mark.parametrize("coded", CODED[1:3], ids=str)
def test_a_shrunk_file_is_smaller_does_less_and_is_as_accurate(name, coded, digits, tmp_path):
    loaded = load_model(name)
    last = layers(loaded.model)[-1].name
    recipe = Recipe(Settings(**ROWS, **coded), {last: {"sparsity": 0.0}})
    before = fingerprint(loaded.model)
    masked = measured(loaded, digits, recipe, tmp_path / "masked")
    shrunk = measured(loaded, digits, Recipe(recipe.default, recipe.layers, shrink="remove"), tmp_path / "shrunk")
    assert shrunk["bytes"] < masked["bytes"]
    assert shrunk["macs"] < masked["macs"]
    assert shrunk["shrink"]["macs"] < shrunk["macs_dense"]
    assert shrunk["accuracy"] == pytest.approx(masked["accuracy"], abs=1 / 300)  # a tie may fall to the other side
    assert "shrink" not in masked
    assert fingerprint(loaded.model) == before


@pytest.mark.parametrize("coded", CODED, ids=str)
def test_every_form_of_storage_shrinks_and_verifies(coded, digits, tmp_path):
    recipe = Recipe(Settings(**ROWS, **coded), {"fc2": {"sparsity": 0.0}}, shrink="remove")
    report = measured(load_model("lenet5"), digits, recipe, tmp_path / "out")
    rows = {row["layer"]: row for row in report["shrink"]["layers"]}
    assert rows["conv2"]["outputs"] == [25, 50]
    assert rows["fc1"]["inputs"] == [400, 800]
    assert report["shrink"]["stays"] == []


def test_what_is_put_right_afterwards_and_shrinking_go_together(digits, tmp_path):
    settings = Settings(**ROWS, bits=4)
    recipe = Recipe(settings, {"fc": {"sparsity": 0.0}}, batchnorm="recalibrate", bias="correct", shrink="remove")
    report = measured(load_model("digits_resnet"), digits, recipe, tmp_path / "out")
    assert report["shrink"]["stays"]


@pytest.mark.parametrize("name", wired.NETS)
def test_networks_of_every_wiring_verify(name, tmp_path):
    model = wired.made(name)
    data = Data("noise", zoo.random(60, 1, 8, 8).numpy(), torch.arange(60).remainder(3).numpy())
    recipe = Recipe(Settings(**ROWS, bits=5), shrink="remove")
    report = measured(Loaded(name, model, fingerprint(model), None), data, recipe, tmp_path / "out")
    assert all(row["outputs"][0] <= row["outputs"][1] for row in report["shrink"]["layers"])


def test_the_identity_shrinks_nothing(digits, tmp_path):
    report = measured(load_model("lenet_300_100"), digits, Recipe(shrink="remove"), tmp_path / "out")
    assert (report["drop"], report["ratio"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("fc1.weight:rows", lambda t: t[:-1].clone()),
        ("fc1.weight:rows", lambda t: torch.cat([t[:1] ^ 1, t[1:]])),
        ("fc1.weight:columns", lambda t: t.float()),
        ("fc1.weight:columns", lambda t: torch.full_like(t, 255)),
        ("fc1.weight:strange", lambda t: torch.ones(1)),
        ("fc1.weight:scale", lambda t: torch.ones(500, 1)),
    ],
)
def test_indices_that_do_not_fit_are_refused_in_a_sentence(part, damage, digits):
    loaded = load_model("lenet5")
    recipe = Recipe(Settings(**ROWS, bits=4), {"fc2": {"sparsity": 0.0}}, shrink="remove")
    study = pipeline.study(loaded, digits, recipe)
    applied = pipeline.apply(study, recipe)
    data = exporting.serialize(loaded.model, study.known, applied.encoded, applied.buffers)
    tensors, index = container.opened(data)
    tensors[part] = damage(tensors.get(part))
    damaged = container.packed(tensors, index)
    with pytest.raises(ValueError, match="^layer 'fc1': .+"):
        exporting.deserialize(damaged, loaded.model, study.known)


def test_a_file_that_keeps_other_channels_than_were_left_is_not_verified(digits, tmp_path):
    loaded, folder = load_model("lenet_300_100"), tmp_path / "out"
    measured(loaded, digits, Recipe(Settings(**ROWS), {"fc3": {"sparsity": 0.0}}, shrink="remove"), folder)
    data = (folder / "model.safetensors").read_bytes()
    tensors, index = container.opened(data)
    tensors["fc1.weight:rows"] = torch.cat([tensors["fc1.weight:rows"][1:], tensors["fc1.weight:rows"][:1]])
    (folder / "model.safetensors").write_bytes(container.packed(tensors, index))
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        pipeline.verify(folder, loaded, digits)
