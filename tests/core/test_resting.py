"""What lies beside the weights in fewer bits: as small as it says, decoded as it was measured, refused where forged."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from core import container, exporting, pipeline, resting
from core.compress import compress
from core.exporters import read_prunescope
from core.layer import layers
from core.loading import Data, Loaded, fingerprint
from core.recipe import REST, Recipe, Settings
from tests.core import zoo

FEWER = pytest.mark.parametrize("how", REST[1:])


def plain() -> nn.Module:
    """Linear layers alone, whose channels can all go."""
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5))


def given(model: nn.Module) -> tuple[Loaded, Data]:
    model.eval().requires_grad_(False)
    x = zoo.random(300, 1, 8, 8, seed=3)
    y = model(x.clone()).argmax(1)
    return Loaded("net", model, fingerprint(model), ""), Data("noise", x.numpy(), y.numpy())


def recipe(how: str, **beside: str) -> Recipe:
    return Recipe(Settings(sparsity=0.5, bits=4, pattern="row"), {"5": {"sparsity": 0.0}}, rest=how, **beside)


@FEWER
@pytest.mark.parametrize("shrink", ["keep", "remove"])
@pytest.mark.parametrize("made", [plain, zoo.net])
def test_a_folder_is_as_large_as_was_counted_and_verified(how, shrink, made, tmp_path):
    loaded, data = given(made())
    asked = recipe(how, shrink=shrink)
    if made is zoo.net:
        asked = replace(asked, layers={"fc": {"sparsity": 0.0}}, batchnorm="recalibrate")
    study = pipeline.study(loaded, data, asked)
    applied = pipeline.apply(study, asked)
    files = pipeline.files(study, asked, applied, pipeline.measure(study, applied))
    size = exporting.file_bytes(loaded.model, study.known, applied.encoded)
    assert len(files["model.safetensors"]) == size
    exporting.write_folder(tmp_path / "made", files)
    assert pipeline.verify(tmp_path / "made", loaded, data)["bytes"] == size
    found = read_prunescope.load(str(tmp_path / "made" / "model.safetensors"))
    for name in resting.names(loaded.model, study.known):
        shape = loaded.model.state_dict()[name].shape
        assert torch.equal(torch.from_numpy(found[name]).reshape(shape), applied.change.tensors[name])


@FEWER
def test_values_are_within_half_a_step_and_zeros_stay_zeros(how):
    model = plain()
    with torch.no_grad():
        model[1].bias[::3] = 0
    known = layers(model.requires_grad_(False))
    forms, tensors = resting.rested(model, known, (how, {}), {})
    for name, tensor in tensors.items():
        before = model.state_dict()[name]
        steps = 2 ** (resting.SETTINGS[how].bits - 1) - 1  # of an even grid, on either side of 0
        half = float(before.abs().max()) / steps / 2 if how.startswith("int") else 2**-11 * float(before.abs().max())
        assert torch.allclose(tensor, before, rtol=0, atol=1.001 * half)  # and a rounding of float32
        assert bool((tensor[before == 0] == 0).all())
        assert resting.is_rested(forms[name], how)


def test_the_fewer_bits_the_smaller_the_file():
    model = plain().requires_grad_(False)
    known = layers(model)
    encoded = compress(known, Recipe(Settings(bits=4)))
    forms = [resting.rested(model, known, (how, {}), {})[0] for how in REST[1:]]
    sizes = [exporting.file_bytes(model, known, encoded | beside) for beside in ({}, *forms)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize("told", ["keep", "float16", "int6"])
def test_a_file_in_other_numbers_than_its_recipe_asks_for_is_not_verified(told, tmp_path):
    loaded, data = given(plain())
    study = pipeline.study(loaded, data, recipe("int8"))
    applied = pipeline.apply(study, recipe("int8"))
    files = pipeline.files(study, recipe(told), applied, pipeline.measure(study, applied))
    exporting.write_folder(tmp_path / "made", files)
    with pytest.raises(ValueError, match=r"another form than recipe.json's rest asks for"):
        pipeline.verify(tmp_path / "made", loaded, data)


@pytest.mark.parametrize("damage", ["NaN", "another shape", "two ways", "no form"])
def test_spoiled_numbers_beside_the_weights_are_refused_in_a_sentence(damage):
    model = plain().requires_grad_(False)
    known = layers(model)
    forms = resting.rested(model, known, ("int8", {}), {})[0]
    data = exporting.serialize(model, known, compress(known, Recipe(Settings(bits=4))) | forms, {})
    tensors, index = container.opened(data)
    if damage == "NaN":
        tensors["1.bias:scale"] *= torch.nan
    elif damage == "another shape":
        index["forms"]["1.bias"]["columns"] = 39
    elif damage == "two ways":
        tensors["1.bias"] = torch.zeros(40)
    else:
        del index["forms"]["1.bias"]
    with pytest.raises(ValueError, match=r"1\.bias"):
        exporting.deserialize(container.packed(tensors, index), model, known)
