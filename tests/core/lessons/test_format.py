from pathlib import Path

import pytest

from core import lessons as learn
from core.lessons import format
from core.lessons.format import TEXTS, read_glossary, read_lesson

SOURCE = (TEXTS / "en" / "02_magnitude.toml").read_text("utf-8")


def refusal(folder: Path, text: str, name: str = "02_magnitude.toml") -> str:
    """The sentence with which a lesson's file is refused."""
    path = folder / name
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="expected|missing") as caught:
        read_lesson(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_lesson_reads_as_it_is_written(tmp_path):
    (tmp_path / "02_magnitude.toml").write_text(SOURCE, "utf-8")
    assert read_lesson(tmp_path / "02_magnitude.toml") == learn.lesson("magnitude")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("row = 2", "row = 2\nmood = 'good'", "unknown key 'mood'"),
        ('kind = "mark"', 'kind = "mark"\nhelp = "no"', "predict: unknown key 'help'"),
        ('kind = "mark"', 'kind = "guess"', "predict.kind is 'guess', expected one of mark, curve, pick"),
        ('"matrix"', '"portrait"', "pictures is 'portrait', expected one of matrix, filters"),
        ("row = 2", "row = 19", "row is 19, expected 1 to 18"),
        ("row = 2", "row = true", "row is True, expected a whole number"),
        ("row = 2", 'row = "two"', "row is 'two', expected a whole number"),
        ("row = 2\n", "", "row is missing"),
        ("start = 0.8", 'start = "much"', "start is 'much', expected a number"),
        ("prunescope/lesson/1", "prunescope/lesson/2", "format is 'prunescope/lesson/2'"),
        ("[predict]", "[[predict]]", "expected a table"),
        ("row = 2", "row = ", "is no TOML text"),
    ],
)
def test_what_no_lesson_says_is_refused_by_name(tmp_path, before, after, said):
    assert said in refusal(tmp_path, SOURCE.replace(before, after, 1))


def test_the_idea_has_three_sentences_and_a_lesson_three_questions(tmp_path):
    first = SOURCE.index("[[questions]]")
    less = SOURCE[:first] + SOURCE[SOURCE.index("[[questions]]", first + 1) :]
    assert "questions has 2 parts, expected 3" in refusal(tmp_path, less)


def test_a_file_without_a_name_is_refused(tmp_path):
    assert "expected a name such as" in refusal(tmp_path, SOURCE, "02.toml")


def test_a_glossary_of_more_than_forty_terms_is_refused(tmp_path):
    path = tmp_path / "glossary.toml"
    path.write_text('format = "prunescope/glossary/1"\n[terms]\n' + "".join(f't{i} = "a"\n' for i in range(41)))
    with pytest.raises(ValueError, match="41 terms, expected 40 at most"):
        read_glossary(path)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[terms]\na = "b"\n[forms]\nas = "c"', "'as' is a form of 'c', which is no term of it"),
        ("[forms]\na = 3", "forms is no table of texts"),
        ("more = 3", "unknown key 'more'"),
    ],
)
def test_a_glossary_that_is_none_is_refused(tmp_path, written, said):
    path = tmp_path / "glossary.toml"
    path.write_text(f'format = "prunescope/glossary/1"\n{written}\n')
    with pytest.raises(ValueError, match=said):
        read_glossary(path)


def test_a_language_without_a_folder_is_refused():
    with pytest.raises(ValueError, match="language is 'xx', expected one of en"):
        learn.lessons("xx")


def test_a_lesson_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="lesson is 'magic', expected one of"):
        learn.lesson("magic")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("row = 2", 'row = 2\nneeds = "patience"', "needs is 'patience', expected one of convolution"),
        ('name = "below_the_largest_square"', 'name = "sorcery"', "wrong is 'sorcery', expected one of"),
    ],
)
def test_what_no_table_holds_is_refused_by_name(tmp_path, monkeypatch, before, after, said):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "02_magnitude.toml").write_text(SOURCE.replace(before, after, 1), "utf-8")
    monkeypatch.setattr(format, "TEXTS", tmp_path)
    learn.lessons.cache_clear()
    try:
        with pytest.raises(ValueError, match=said):
            learn.lessons()
    finally:
        learn.lessons.cache_clear()


def test_a_translation_is_a_folder_and_no_code(tmp_path, monkeypatch):
    (tmp_path / "de").mkdir()
    text = SOURCE.replace("Remove what is near zero", "Weg mit dem, was nahe null ist")
    (tmp_path / "de" / "02_magnitude.toml").write_text(text, "utf-8")
    monkeypatch.setattr(format, "TEXTS", tmp_path)
    learn.lessons.cache_clear()
    try:
        assert learn.lesson("magnitude", "de").title == "Weg mit dem, was nahe null ist"
    finally:
        learn.lessons.cache_clear()
