import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.grid import read_grid
from core.recipe import Recipe, Settings, to_json


def grid(base: dict | None = None, **axes: list) -> str:
    named = {key.replace("__", "."): values for key, values in axes.items()}
    return json.dumps({"format": "prunescope/grid/1", "base": base or {}, "grid": named})


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.9]), min_size=1, max_size=3),
    st.lists(st.sampled_from([2, 4, 8, 32]), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.0, 0.5, 0.75]), min_size=1, max_size=3),
)
def test_a_grid_is_every_combination(sparsities, bits, convs):
    recipes = read_grid(grid(layers__conv__sparsity=convs, sparsity=sparsities, bits=bits))
    found = [(r.settings("conv").sparsity, r.default.sparsity, r.settings("fc").bits) for r in recipes]
    assert found == list(itertools.product(convs, sparsities, bits))


def test_the_base_holds_for_every_recipe():
    base = {"default": {"coder": "kmeans", "bits": 4}, "layers": {"fc": {"bits": 8}}, "batchnorm": "recalibrate"}
    for recipe in read_grid(grid(base, sparsity=[0.5, 0.9])):
        assert (recipe.default.coder, recipe.settings("fc").bits, recipe.batchnorm) == ("kmeans", 8, "recalibrate")


def test_what_is_put_right_afterwards_can_be_varied():
    recipes = read_grid(grid(batchnorm=["keep", "recalibrate"], bias=["keep", "correct"]))
    assert [(r.batchnorm, r.bias) for r in recipes] == list(
        itertools.product(("keep", "recalibrate"), ("keep", "correct"))
    )


def test_a_layers_name_may_hold_dots():
    (recipe,) = read_grid(json.dumps({"format": "prunescope/grid/1", "grid": {"layers.block.0.fc.bits": [4]}}))
    assert recipe.layers == {"block.0.fc": {"bits": 4}}


def test_a_list_of_recipes_is_that_list():
    recipes = [Recipe(Settings(sparsity=0.5)), Recipe(layers={"fc": {"bits": 4}}, bias="correct")]
    assert read_grid(json.dumps([json.loads(to_json(recipe)) for recipe in recipes])) == recipes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "the list is empty"),
        ("3", "format is 3"),
        ("{}", "format is None, expected 'prunescope/grid/1'"),
        ('[{"format": "prunescope/recipe/1"}, {"format": "x"}]', "recipe 2: recipe: format is 'x'"),
        ('{"format": "prunescope/grid/1", "grid": {"bits": [2]}, "surprise": 1}', "unknown key 'surprise'"),
        ('{"format": "prunescope/grid/1", "grid": {"bits": [2], "bits": [3]}}', "'bits' stands twice"),
        ('{"format": "prunescope/grid/1", "grid": {}}', "expected 'grid'"),
        ('{"format": "prunescope/grid/1", "grid": [1]}', "expected 'grid'"),
        ('{"format": "prunescope/grid/1", "base": 3, "grid": {"bits": [2]}}', "'base', a recipe"),
        (grid({"surprise": 1}, bits=[2]), "unknown key 'surprise'"),
        (grid(speed=[1]), "unknown key 'speed'"),
        (grid(layers__fc__speed=[1]), "unknown key 'layers.fc.speed'"),
        (grid(layers__bits=[1]), "unknown key 'layers.bits'"),
        (grid(fc__bits=[1]), "unknown key 'fc.bits'"),
        (grid(layers__fc__batchnorm=["keep"]), "unknown key 'layers.fc.batchnorm'"),
        (grid(bits=[]), "bits is [], expected a list of values"),
        (grid(bits=4), "bits is 4, expected a list"),
        (grid(bits=[4, 77]), "at {'bits': 77}: bits is 77"),
        (grid(bits=[[4]]), "bits is [4]"),
        (grid(layers__fc__sparsity=["x"]), "sparsity is 'x'"),
        (grid(sparsity=[0.5], threshold=[0.1]), "expected one of the two"),
        (grid(sparsity=[0.0] * 400, bits=[4] * 400), "160000 recipes"),
    ],
)
def test_what_is_off_is_named(text, said):
    with pytest.raises(ValueError, match="grid|recipe") as refused:
        read_grid(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
