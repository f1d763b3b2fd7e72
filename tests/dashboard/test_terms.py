"""Words of the glossary wherever a text holds them."""

from core import lessons
from dashboard import terms

MEANINGS = lessons.glossary()


def test_each_term_of_a_text_is_explained_once_in_its_order() -> None:
    told = terms.explained("Bits a weight; weights that stay, low rank")
    assert told.split("\n") == [f"{term}: {MEANINGS[term]}" for term in ("bit", "weight", "low rank")]


def test_a_text_without_terms_explains_nothing() -> None:
    assert terms.explained("off") == ""


def test_another_form_of_a_word_means_the_same() -> None:
    assert terms.explained("Pruned weights, pruning") == f"pruning: {MEANINGS['pruning']}\nweight: {MEANINGS['weight']}"


def test_the_pieces_of_a_text_are_the_text() -> None:
    text = "Weights in four bits: lightweight, Low rank."
    found = list(terms.split(text))
    assert "".join(words for words, _ in found) == text
    assert [words for words, meaning in found if meaning] == ["Weights", "bits", "Low rank"]


def test_as_html_a_term_is_a_stop_of_the_tab_key_where_it_first_comes_and_nothing_else_is_a_tag() -> None:
    told = terms.marked("a weight <b>, a weight & a bit")
    assert (told.count("tabindex"), told.count("<span")) == (2, 3)
    assert told.count("weight</span>") == 2
    assert MEANINGS["weight"] in told
    assert "&lt;b&gt;, a " in told
    assert "</span> &amp; a " in told
