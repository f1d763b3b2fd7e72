import json

import pytest

from core import lessons as learn
from core.__main__ import main
from core.lessons import plans

ON = ["--model", "tests.core.plain:model", "--data", "tests.core.plain:data"]


def test_one_lesson_says_what_it_measured(capsys):
    assert main(["lessons", *ON, "--lesson", "magnitude"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["lesson", "measured", "of", "model"]
    assert line.startswith("magnitude")
    assert "accuracy" in line


def test_the_json_holds_every_figure_and_the_wrong_version_s_sentence(capsys):
    assert main(["lessons", *ON, "--lesson", "quantization", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    lesson = learn.lesson("quantization")
    assert found["title"] == lesson.title
    assert len(found["answer"]) == len(lesson.predict.points)
    assert found["figures"]["accuracy"] == found["answer"][lesson.predict.points.index(lesson.control.start)]
    assert "255" in found["wrong"]
    assert "{" not in found["wrong"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--lesson", "magic"], "lesson is 'magic', expected one of why_compress"),
        (["--language", "xx"], "language is 'xx', expected one of en"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_line(capsys, more, said):
    assert main(["lessons", *ON, *more]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_hand_out_is_written_for_the_lessons_of_a_plan(tmp_path, capsys):
    plan, page = tmp_path / "plan.json", tmp_path / "page.html"
    plan.write_text(plans.text(plans.Plan(("magnitude", "low_rank"), *ON[1::2])), "utf-8")
    assert main(["lessons", "--plan", str(plan), "--handout", str(page)]) == 0
    assert "2 lessons on model" in capsys.readouterr().out
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert learn.lesson("low_rank").title in text
    assert learn.lesson("quantization").title not in text


def test_a_plan_and_a_lesson_are_not_both_given(tmp_path, capsys):
    assert main(["lessons", *ON, "--plan", "plan.json", "--lesson", "magnitude"]) == 2
    assert "expected one of the two" in capsys.readouterr().err
