import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lessons.claims import claims
from core.lessons.filling import filled, names, plain, right, value
from core.lessons.format import Question

FIGURES = {"drop": 0.25, "bits": 4, "worst": "fc1", "sparsity": 0.8}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{drop:.1f} points", "0.2 points"),
        ("{sparsity:.0%} of {worst}", "80% of fc1"),
        ("{drop<1?less:more} than a point", "less than a point"),
        ("{drop < 1 and bits >= 5?both:not both}", "not both"),
        ("{worst == 'fc1'?the first:another}", "the first"),
        ("{2 * drop + 1}", "1.5"),
        ("{-bits if drop > 1 else bits}", "4"),
        ("nothing to fill", "nothing to fill"),
    ],
)
def test_a_text_is_filled_with_figures_and_comparisons(text, shown):
    assert filled(text, FIGURES) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{gain}", "figure 'gain' is not measured"),
        ("{drop<1?less}", "lacks a ':'"),
        ("{().__class__}", "is more than figures"),
        ("{open('x')}", "is more than figures"),
        ("{drop.real}", "is more than figures"),
        ("{drop ** 9}", "Pow is not known"),
        ("{[drop]}", "is more than figures"),
        ("{drop <}", "is no expression"),
        ("{worst:.1f}", "cannot show 'fc1'"),
        ("{worst < 1}", "mixes texts and numbers"),
        ("{" + "1+" * 200 + "1}", "is no expression"),
    ],
)
def test_what_is_no_figure_is_refused(text, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        filled(text, FIGURES)


def test_a_share_of_nothing_is_no_number():
    assert filled("{drop / (bits - 4)}", FIGURES) == "nan"


def test_the_names_of_a_text_are_those_that_filling_asks_for():
    text = "{drop<1?less:more} than {bits:.0f}, {worst}, {sparsity * 100:.0f}"
    assert names(text) == {"drop", "bits", "worst", "sparsity"}


@given(st.text(alphabet=st.characters(blacklist_characters="{}")))
def test_a_text_without_a_hole_stays(text):
    assert filled(text, {}) == text
    assert names(text) == set()


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_comparison_is_pythons_own(one, other):
    for sign in ("<", "<=", ">", ">=", "==", "!="):
        assert value(f"a {sign} b", {"a": one, "b": other}) == eval(f"one {sign} other")


def question(right: int | str) -> Question:
    return Question("asks", ("fc1", "two", "three"), right, "explains")


def test_the_right_choice_is_a_place_a_truth_a_count_or_a_name():
    assert right(question(2), FIGURES) == 2
    assert right(question("drop < 1"), FIGURES) == 0
    assert right(question("drop > 1"), FIGURES) == 1
    assert right(question("0 if drop > 1 else 2"), FIGURES) == 2
    assert right(question("worst"), FIGURES) == 0


@pytest.mark.parametrize("expression", [3, "bits", "'conv9'"])
def test_a_right_that_is_no_choice_is_refused(expression):
    with pytest.raises(ValueError, match="none of its choices"):
        right(question(expression), FIGURES)


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("It loses 3 points.", ["3"]),
        ("Four bits cost less than a point here.", ["Four", "less", "than"]),
        ("The file is half as large.", ["half"]),
        ("{drop:.1f} points, {drop<1?less:more} {bits} bits.", []),
        ("By definition `w < 3`, and the *smallest* go first.", []),
        ("A paper (2015) said so.", []),
        ("Is it better than before? It is better.", ["better"]),
    ],
)
def test_a_number_or_comparison_in_plain_is_found(text, claimed):
    assert claims(text) == claimed


def test_marks_can_be_left_out():
    assert plain("the *smallest* `w`") == "the smallest w"
