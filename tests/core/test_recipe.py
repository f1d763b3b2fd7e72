import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recipe import BESIDE, BITS, Recipe, Settings, from_json, merged, to_json, with_change, without_override

EXAMPLE = """{"format": "prunescope/recipe/1", "model": {"name": "digits_cnn", "sha256": "abc"},
 "default": {"sparsity": 0.8, "criterion": "magnitude", "pattern": "element", "coder": "symmetric", "bits": 4,
             "group": "channel"},
 "layers": {"conv1": {"sparsity": 0.3, "bits": 8}, "fc2": {"rank": 0.25}}, "batchnorm": "recalibrate"}"""

changes = st.fixed_dictionaries(
    {},
    optional={
        "sparsity": st.floats(0, 0.999),
        "bits": st.sampled_from(BITS),
        "rank": st.floats(0.001, 1),
        "group": st.sampled_from(["tensor", "channel", "64"]),
        "coder": st.sampled_from(["symmetric", "affine"]),
    },
)


def test_the_documented_example_reads():
    recipe = from_json(EXAMPLE)
    assert recipe.settings("conv1") == Settings(sparsity=0.3, bits=8)
    assert recipe.settings("fc2") == Settings(sparsity=0.8, bits=4, rank=0.25)
    assert recipe.settings("fc1") == recipe.default


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_done_beside_encoding_survives_a_file(name):
    recipe = Recipe(**{name: BESIDE[name][1]})
    assert from_json(to_json(recipe)) == recipe
    assert (f'"{name}"' in to_json(Recipe())) == (name == "batchnorm")


def test_the_default_recipe_is_the_identity():
    assert Recipe().settings("any") == Settings()
    assert not Settings().prunes


@given(changes, st.dictionaries(st.text(min_size=1, max_size=5), changes, max_size=3))
def test_json_round_trip_keeps_every_setting(default, overrides):
    recipe = Recipe(merged(Settings(), default), overrides)
    again = from_json(to_json(recipe))
    assert again.default == recipe.default
    assert all(again.settings(name) == recipe.settings(name) for name in [*overrides, "other"])
    assert to_json(again) == to_json(recipe)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sparsity", 1.0),
        ("sparsity", -0.1),
        ("sparsity", float("nan")),
        ("sparsity", "0.5"),
        ("sparsity", True),
        ("sparsity", 10**400),
        ("threshold", -1.0),
        ("threshold", float("inf")),
        ("bits", 0),
        ("bits", 9),
        ("bits", 4.0),
        ("bits", [4]),
        ("group", "0"),
        ("group", "9" * 5000),
        ("group", str(2**31 + 1)),
        ("group", "row"),
        ("group", 64),
        ("group", "٣"),
        ("rank", 0),
        ("rank", 1.5),
        ("coder", 3),
    ],
)
def test_an_impossible_value_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"^{field} is .* expected"):
        Settings(**{field: value})


def test_a_value_of_thousands_of_characters_is_shown_by_its_first():
    with pytest.raises(ValueError, match=r"^group is '9{79}…, expected 'tensor', 'channel' or a block length") as error:
        Settings(group="9" * 5000)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("field", ["sparsity", "bits", "rank", "threshold", "steps", "inputs_bits"])
def test_a_number_of_thousands_of_digits_is_refused_in_our_own_sentence(field):
    with pytest.raises(ValueError, match=f"^{field} is .* expected") as error:
        Settings(**{field: 10**5000})
    assert len(str(error.value)) < 300
    document = f'{{"format": "prunescope/recipe/1", "default": {{"{field}": {"9" * 5000}}}}}'
    with pytest.raises(ValueError, match="^recipe: 9+… has 5000 characters, expected 80 at most$"):
        from_json(document)


def test_sparsity_and_threshold_exclude_each_other():
    with pytest.raises(ValueError, match="one of the two"):
        Settings(sparsity=0.5, threshold=0.1)


def test_an_override_of_one_displaces_the_other():
    assert merged(Settings(sparsity=0.5), {"threshold": 0.1}) == Settings(threshold=0.1)
    assert merged(Settings(threshold=0.1), {"sparsity": 0.5}) == Settings(sparsity=0.5)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"format": "other/1"}, "other/1"),
        ({"surprise": 1}, "surprise"),
        ({"layers": {"fc1": {"sparsty": 0.5}}}, "sparsty"),
        ({"layers": {"fc1": {"sparsity": 2}}}, "fc1.*sparsity is 2"),
        ({"layers": [1]}, "layers"),
        ({"layers": {"fc1": 3}}, "fc1"),
        ({"default": {"bits": 99}}, "bits is 99"),
        ({"batchnorm": "maybe"}, "maybe"),
        ({"bias": "perhaps"}, "perhaps"),
        ({"shrink": "grow"}, "grow"),
        ({"model": {"path": "x"}}, "path"),
    ],
)
def test_what_a_recipe_does_not_know_is_refused_by_name(edit, named):
    document = {"format": "prunescope/recipe/1", **edit}
    with pytest.raises(ValueError, match=f"(?s)^recipe: .*{named}"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "[" * 100_000, '{"a": NaN', '{"format": 1, "format": 2}'])
def test_a_broken_file_is_one_sentence(text):
    with pytest.raises(ValueError, match="^recipe: "):
        from_json(text)


def test_nan_in_a_file_is_refused():
    with pytest.raises(ValueError, match="sparsity is nan"):
        from_json('{"format": "prunescope/recipe/1", "default": {"sparsity": NaN}}')


def test_a_change_of_one_layer_leaves_the_others():
    recipe = with_change(Recipe(Settings(sparsity=0.5)), "fc1", {"bits": 4})
    assert recipe.layers == {"fc1": {"bits": 4}}
    assert recipe.settings("fc2") == Settings(sparsity=0.5)


def test_an_override_that_equals_the_default_goes():
    recipe = with_change(Recipe(), "fc1", {"bits": 4})
    assert with_change(recipe, "fc1", {"bits": 32}) == Recipe()


def test_a_change_of_the_default_keeps_the_overrides():
    recipe = with_change(with_change(Recipe(), "fc1", {"sparsity": 0.9}), None, {"threshold": 0.1, "sparsity": 0.0})
    assert recipe.settings("fc1") == Settings(sparsity=0.9)
    assert recipe.settings("fc2") == Settings(threshold=0.1)
    assert without_override(recipe, "fc1").settings("fc1") == Settings(threshold=0.1)


@pytest.mark.parametrize(
    ("default", "change"),
    [
        ({"sparsity": 0.5}, {"threshold": 0.1}),
        ({"threshold": 0.1}, {"sparsity": 0.0}),
        ({"threshold": 0.1}, {"sparsity": 0.2}),
    ],
)
def test_a_layer_can_leave_the_default_for_the_other_unit(default, change):
    recipe = with_change(Recipe(Settings(**default)), "fc1", change)
    assert from_json(to_json(recipe)).settings("fc1") == Settings(**change)
