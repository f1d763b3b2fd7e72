import pytest
import torch

from core.compress import compress
from core.encoding import Dense
from core.granting import far_off, notes, told
from core.layer import layers
from core.recipe import Recipe, Settings
from core.report import left_as_they_were
from tests.core import zoo

AWAY = ({"compensate": "columns"}, {"scale": "percentile", "bits": 4}, {"rank": 0.5, "factorizer": "whitened_svd"})


@pytest.mark.parametrize("changes", AWAY)
def test_weights_that_end_further_off_than_zeros_are_have_a_sentence_that_says_why(changes):
    layer = zoo.linear(zoo.random(6, 10))
    settings = Settings(sparsity=0.5, **changes)
    assert "than 0 would be" in far_off(layer, settings, Dense(-layer.matrix))
    assert far_off(layer, settings, Dense(torch.zeros_like(layer.matrix))) == ""
    assert told(layer, settings, None, None) == ""


def test_where_nothing_moves_weights_away_nothing_is_looked_for():
    layer = zoo.linear(zoo.random(6, 10))
    assert far_off(layer, Settings(sparsity=0.5, bits=4), Dense(-layer.matrix)) == ""


def test_the_layers_of_a_model_that_it_happens_to_are_named():
    model = zoo.net()
    known, recipe = layers(model), Recipe(Settings(bits=3, scale="percentile"))
    encoded = compress(known, recipe) | {"conv2": Dense(-known[1].matrix)}
    (said,) = left_as_they_were(notes(known, recipe, encoded=encoded))
    assert said.startswith("conv2: its weights are now further from what they were than 0 would be: a percentile clips")
