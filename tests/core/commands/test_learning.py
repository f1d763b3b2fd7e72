import json

import pytest

from core import lessons as learn
from core.__main__ import main

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
