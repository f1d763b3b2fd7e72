"""Terms of the glossary where they stand in other texts than lessons."""

from core import lessons
from dashboard.lessons import telling


def test_each_term_of_a_text_is_explained_once_in_its_order() -> None:
    meanings = lessons.glossary()
    told = telling.explained("Bits a weight; weights that stay, low rank")
    assert told.split("\n") == [f"{term}: {meanings[term]}" for term in ("bit", "weight", "low rank")]


def test_a_text_without_terms_explains_nothing() -> None:
    assert telling.explained("off") == ""
