import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from core import calibration, evaluation, exporting, pipeline
from core.compress import compress, run, weights
from core.granting import notes
from core.kinds import KINDS, turned
from core.layer import layers
from core.loading import Data, Loaded, fingerprint
from core.planning import CALIBRATED_PLANNERS
from core.pruning import CRITERIA
from core.recipe import Recipe, Settings
from tests.core import kinds, zoo

each_net = pytest.mark.parametrize("name", kinds.NETS)
MIXED = Recipe(Settings(sparsity=0.5, bits=4, group="channel"))


def studied(name: str, recipe: Recipe) -> pipeline.Study:
    model, inputs = kinds.made(name)
    data = Data(name, inputs.numpy(), np.arange(len(inputs)) % 3)
    return pipeline.study(Loaded(name, model, fingerprint(model), ""), data, recipe)


def test_every_kind_is_met_by_a_network():
    met = {layer.kind for name in kinds.NETS for layer in layers(kinds.made(name)[0])}
    assert met | {"Embedding", "Conv1D"} == set(KINDS)


@each_net
def test_every_weight_with_more_than_one_dimension_is_a_layer(name):
    model, _ = kinds.made(name)
    expected = {parameter for parameter, tensor in model.named_parameters() if tensor.dim() > 1}
    assert {layer.parameter for layer in layers(model)} == expected


@each_net
def test_a_matrix_goes_back_into_the_place_it_came_from(name):
    model, _ = kinds.made(name)
    for layer in layers(model):
        own = model.get_parameter(layer.parameter)
        assert torch.equal(layer.parameter_of(layer.matrix), own)
        assert torch.equal(layer.matrix_of(own), layer.matrix)
        assert layer.shape == tuple(own.shape)


@each_net
def test_the_model_runs_with_its_compressed_weights_and_the_file_holds_them(name):
    study = studied(name, MIXED)
    applied = pipeline.apply(study, MIXED)
    assert applied.change.tensors.keys() == {layer.parameter for layer in study.known}
    changed = run(study.loaded.model, applied.change.tensors, study.bench.inputs)
    assert not torch.equal(changed, study.loaded.model(study.bench.inputs))
    data = exporting.serialize(study.loaded.model, study.known, applied.encoded, {})
    _, decoded = exporting.deserialize(data, study.loaded.model, study.known)
    assert all(torch.equal(decoded[name], tensor) for name, tensor in applied.change.tensors.items())


@each_net
def test_apply_writes_a_report_whose_bytes_are_those_of_the_file(name):
    study = studied(name, MIXED)
    applied = pipeline.apply(study, MIXED)
    files = pipeline.files(study, MIXED, applied, pipeline.measure(study, applied))
    figures = json.loads(files["report.json"])
    assert figures["bytes"] == len(files["model.safetensors"])
    assert figures["sparsity"] == pytest.approx(0.5, abs=0.02)  # odd numbers of weights are rounded


@pytest.mark.parametrize("name", ["conv1d", "conv3d", "transposed 1d", "transposed 2d", "transposed grouped"])
def test_uses_are_those_that_torch_counts(name):
    model, inputs = kinds.made(name)
    known = layers(model)
    uses = calibration.positions(model, {layer.name: layer.parameter for layer in known}, inputs[:1])
    with FlopCounterMode(display=False) as counter:
        model(inputs[:1])
    assert 2 * sum(uses[layer.name] * layer.matrix.numel() for layer in known) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "layer", "uses"),
    [
        ("lstm", "cells.weight_hh_l1_reverse", 7),
        ("gru", "cells.weight_ih_l0", 7),
        ("cell", "cell.weight_ih", 7),
        ("packed attention", "attention.in_proj_weight", 7),
        ("split attention", "attention.k_proj_weight", 7),
        ("bilinear", "pair", 1),
    ],
)
def test_uses_are_the_steps_or_tokens_of_an_input(name, layer, uses):
    assert studied(name, MIXED).uses[layer] == uses


def test_a_packed_projection_of_queries_and_keys_of_two_lengths_has_no_count():
    attention = nn.MultiheadAttention(4, 1)

    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x):
            return self.attention(x, x[:2], value=x[:2])[0]

    uses = calibration.positions(Crossed(), {"a": "attention.in_proj_weight"}, zoo.random(5, 1, 4))
    assert uses == {"a": None}


@each_net
@pytest.mark.parametrize("criterion", CRITERIA)
def test_what_a_calibrated_method_cannot_have_stays_and_is_said(name, criterion):
    recipe = Recipe(Settings(sparsity=0.5, criterion=criterion, compensate="outputs"), bias="correct")
    study = studied(name, recipe)
    pipeline.apply(study, recipe)
    seen = {layer.name: study.at(layer.name) for layer in study.known}
    said = notes(study.known, recipe, seen)
    changed = weights(study.known, compress(study.known, recipe, seen))
    for layer in study.known:
        assert (layer.parameter in changed) != ("none of its weights are removed" in said[layer.name])


def test_a_planner_ranks_the_layers_that_its_criterion_can_score():
    study = studied("lstm", Recipe(batchnorm="recalibrate"))
    seen = {layer.name: study.at(layer.name) for layer in study.known}
    recipe = CALIBRATED_PLANNERS["global_wanda"](study.known, {"sparsity": 0.5}, seen)
    assert recipe.layers.keys() == {"fc"}
    with pytest.raises(ValueError, match="global_wanda: none of its weights are removed: layer 'cells.weight_ih_l0'"):
        CALIBRATED_PLANNERS["global_wanda"](study.known[:-1], {"sparsity": 0.5}, seen)


@pytest.mark.parametrize("groups", [1, 2])
def test_turning_twice_is_no_turn(groups):
    weight = zoo.random(6, 4, 3)
    assert torch.equal(turned(turned(weight, groups), groups), weight)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_row_of_a_transposed_convolution_makes_one_output_channel(groups):
    module = nn.ConvTranspose1d(4, 6, 3, groups=groups, bias=False).requires_grad_(False)
    layer = layers(module)[0]
    matrix = layer.matrix.clone()
    matrix[4] = 0
    outputs = torch.func.functional_call(module, {"weight": layer.parameter_of(matrix)}, zoo.random(2, 4, 9))
    assert (outputs == 0).all(2).all(0).tolist() == [False] * 4 + [True, False]


def test_a_model_with_recurrent_layers_is_measured():
    study = studied("lstm", MIXED)
    *_, tally = evaluation.tallies(study.bench, pipeline.apply(study, MIXED).change)
    assert tally.images == 25


@each_net
def test_channels_are_removed_where_they_can_be_and_the_smaller_model_gives_the_same(name):
    recipe = Recipe(Settings(sparsity=0.5, pattern="row"), shrink="remove")
    study = studied(name, recipe)
    applied = pipeline.apply(study, recipe)
    assert pipeline.measure(study, applied).images == 25
