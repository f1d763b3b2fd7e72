"""The Model view and what names models and data on the page, without a browser."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
from streamlit.testing.v1 import AppTest

import sample_models
from core import receiving, sources
from core.datasets import load_data
from core.receiving import DATA, RECIPE, WEIGHTS
from core.recipe import Recipe, Settings, to_json
from dashboard import inventory, lonely, offers, state, uploads, words
from dashboard.state import Position
from dashboard.uploads import Upload

STRANGE = "tests.core.strange"
PLACES = {WEIGHTS: 0, DATA: 1, RECIPE: 2}


def script() -> None:
    """The position and the view alone."""
    from dashboard import panels
    from dashboard.views import model

    if panels.standing():
        model.page()
    else:
        panels.trouble()


@pytest.fixture
def page() -> AppTest:
    at = AppTest.from_function(script, default_timeout=60).run()
    assert not at.exception
    return at


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What stands behind `--`; empty at first."""
    monkeypatch.setattr(sys, "argv", ["app.py"])
    offers.arguments.cache_clear()
    yield sys.argv
    offers.arguments.cache_clear()


def archive(images: int) -> bytes:
    data, file = load_data("digits"), io.BytesIO()
    np.savez(file, x=data.inputs[:images], y=data.targets[:images])
    return file.getvalue()


def hand(at: AppTest, kind: str, name: str, content: bytes) -> AppTest:
    at.file_uploader[PLACES[kind]].upload(name, content, "application/octet-stream")
    at.run()
    assert not at.exception
    return at


def own_weights(factor: float) -> bytes:
    state_dict = sample_models.load("lenet_300_100").state_dict()
    return safetensors.torch.save({name: factor * tensor for name, tensor in state_dict.items()})


def test_data_are_prepared_and_measured_as_python_m_core_does(command_line: list[str]) -> None:
    command_line += ["--model", "lenet_300_100", "--preprocess", "mean=0.25", "std=2", "--metric", "top5"]
    command_line += ["--device", "cpu"]
    found = offers.load_data("digits")
    assert np.array_equal(found.inputs, load_data("digits", {"mean": "0.25", "std": "2"}).inputs)
    assert found.metric == sources.metric_of(sources.Sources("", metric="top5"))
    assert np.array_equal(offers.load_data("small_digits").inputs, load_data("small_digits").inputs)
    assert offers.load_model("lenet_300_100").device == "cpu"
    said = offers.as_options(("lenet_300_100", None), "digits")
    assert said == ("--model lenet_300_100 --data digits --preprocess mean=0.25 std=2 --metric top5 --device cpu")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--device", "abacus"], "device is 'abacus', expected one of cpu"),
        (["--preprocess", "mean"], "preprocess: 'mean' is no setting"),
        (["--metric", "luck"], "metric 'luck' is none of top1"),
        (["--data"], "argument --data: expected one argument"),
        (["--modle", "lenet5"], "'--modle' is no option of the page, expected --model"),
        (["--help"], "'--help' is no option of the page"),
        (["--data", "digits", "--data", "digits"], "--data is given twice, keep one of them"),
        (["--data", ""], "--data names nothing, expected a data set's name"),
        (["--data", "\udcff.npz"], "it holds bytes that are no text in UTF-8"),
        (["--data", "upload:1:x.npz"], "--data names 'upload:1:x.npz', which is no file"),
        (["--data", "nowhere.npz"], "data 'nowhere.npz': no such file"),
        (["--data", "x" * 5000 + ".npz"], "File name too long"),
        (["--data", f"{STRANGE}:ragged"], "gives no (inputs, targets)"),
        (["--model", f"{STRANGE}:interrupts"], "cannot be called without arguments (KeyboardInterrupt())"),
        (["--model", f"{STRANGE}:circle"], "cannot be measured on 'digits' (RecursionError("),
        (["--model", f"{STRANGE}:leaves"], "cannot be measured on 'digits' (SystemExit("),
        (["--model", f"{STRANGE}:answers_two"], "it fails on images 1 to 100 together (it answers 2 of them)"),
    ],
)
def test_an_impossible_option_is_one_sentence_on_the_page_and_on_the_terminal(
    command_line: list[str], given: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    command_line += given if "--model" in given else ["--model", "digits_cnn", *given]
    offers.tell.cache_clear()
    state.studio.clear()
    try:
        at = AppTest.from_function(script, default_timeout=60).run()
        assert not at.exception
        assert [words.plain(said)[:60] in error.value for error in at.error] == [True]
        told = capfd.readouterr().err.splitlines()
        assert [said in line for line in told if said[:30] in line] == [True]
    finally:
        state.studio.clear()


def test_data_alone_are_measured_by_the_first_sample(command_line: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(archive(300))
    command_line += ["--data", str(tmp_path / "mine.npz"), "--preprocess", "std=2"]
    at = AppTest.from_function(script, default_timeout=60).run()
    assert at.session_state["position"].model == "digits_cnn"
    assert at.session_state["position"].data == str(tmp_path / "mine.npz")
    assert not at.error


def test_weights_without_a_model_are_one_sentence(command_line: list[str]) -> None:
    command_line += ["--weights", "mine.pt"]
    at = AppTest.from_function(script, default_timeout=60).run()
    said = words.plain("--weights names 'mine.pt', but --model is missing")
    assert [said in each.value for each in at.error] == [True]


def test_weights_keep_the_recipe_and_undo_takes_them_away(page: AppTest) -> None:
    hand(page, RECIPE, "r.json", to_json(Recipe(Settings(sparsity=0.5))).encode())
    before = page.session_state["position"]
    assert before.recipe == Recipe(Settings(sparsity=0.5))
    state_dict = sample_models.load("digits_cnn").state_dict()
    hand(page, WEIGHTS, "mine.safetensors", safetensors.torch.save(dict(state_dict)))
    here = page.session_state["position"]
    assert (here.recipe, here.data) == (before.recipe, before.data)
    assert uploads.short(here.model) == "mine.safetensors"
    assert page.session_state["history"][-1] == before
    assert uploads.linked(here.model) == "upload:mine.safetensors"


def test_a_session_keeps_three_uploads_of_a_kind_and_not_the_one_it_stands_at_goes(page: AppTest) -> None:
    for number in range(5):
        hand(page, WEIGHTS, f"w{number}.safetensors", own_weights(1 + number / 10))
        assert page.session_state["position"].model.endswith(f"w{number}.safetensors")
    kept = [each for each in page.session_state["uploads"] if each.name in uploads.KNOWN]
    assert len(kept) == uploads.EACH
    assert kept[-1].title == "w4.safetensors"
    assert all(each.path.exists() for each in kept)
    assert not list(kept[0].path.parents[1].glob("*/w0.safetensors"))
    built = {uploads.short(args[0][0]) for args in uploads.BUILT}
    assert "w0.safetensors" not in built  # or the page would hold the weights of a file that is gone
    assert "w4.safetensors" in built


def test_another_session_has_no_upload_of_this_one(page: AppTest) -> None:
    hand(page, DATA, "mine.npz", archive(300))
    name = page.session_state["position"].data
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["data"] = name
    other.run()
    assert not other.exception
    assert "uploaded into the page that made the link" in other.error[0].value
    assert name not in [option for box in other.selectbox for option in box.options]


def test_the_images_of_all_pages_together_are_bounded(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "ALL", 1000)
    hand(page, DATA, "mine.npz", archive(300))
    assert "the uploads of all open pages take" in page.error[0].value
    assert page.session_state["position"].data == "digits"


def test_typed_preparation_is_carried_out_and_told_to_the_command_line(page: AppTest) -> None:
    page.text_input[0].set_value("mean=0.5 std=2").run()
    hand(page, DATA, "mine.npz", archive(300))
    here = page.session_state["position"]
    plain = load_data("digits").inputs[:300]
    assert np.allclose(offers.load_data(here.data).inputs, (plain - 0.5) / 2, atol=1e-6)  # float32 of two orders
    assert "--data mine.npz --preprocess mean=0.5 std=2" in offers.as_options(("digits_cnn", None), here.data)
    page.text_input[0].set_value("mean").run()
    hand(page, DATA, "other.npz", archive(300))
    assert words.plain("preprocess: 'mean' is no setting") in page.error[0].value


def test_names_of_a_stranger_s_file_are_text_in_tables_and_sentences() -> None:
    rows = [{"name": "<img src=x onerror=alert(1)>", "kind": "F32", "shape": "1x2", "weights": 2, "can": ["pruned"]}]
    assert "<img" not in inventory.file_tables((rows, [{"name": "<b>", "shape": "1", "why": "<i>"}]))
    upload = Upload("upload:1:x", WEIGHTS, Path("x.safetensors"), alone=True, why="![a](http://far/b.png) <b>")
    said = inventory.alone(upload)
    assert "![" not in said
    assert "](" not in said
    assert " <b>" not in said


def test_a_gone_upload_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"'w.pt' was uploaded and is gone, upload it again"):
        offers.load_model("upload:0123:w.pt")
    with pytest.raises(ValueError, match="gone"):
        state.studio_of(Position("digits_cnn", "upload:0123:w.npz", Recipe()))


def test_the_page_states_the_limits_that_are_held(page: AppTest) -> None:
    labels = [each.label for each in page.file_uploader]
    for kind, label in zip(PLACES, labels, strict=True):
        assert f"{receiving.LIMITS[kind] // receiving.MB} MB at most" in label


def alone(at: AppTest) -> AppTest:
    """The page with weights whose network it does not know."""
    tensors = {"far.weight": np.eye(32, dtype=np.float32), "near.weight": np.ones((8, 32), np.float32)}
    return hand(at, WEIGHTS, "own.safetensors", safetensors.numpy.save(tensors))


def give(at: AppTest, recipe: Recipe) -> AppTest:
    at.file_uploader[-1].upload("r.json", to_json(recipe).encode(), "application/json")
    at.run()
    assert not at.exception
    return at


def test_weights_without_a_network_take_a_recipe_of_their_own(page: AppTest) -> None:
    asked = Recipe(Settings(sparsity=0.25, bits=3), {"near": {"bits": 8}})
    before = alone(page).session_state["position"]
    give(page, asked)
    assert page.session_state["position"] == before  # the loaded model has its own recipe
    assert '"near"' in page.code[-1].value
    (upload,) = [each for each in page.session_state["uploads"] if each.alone]
    next(button for button in page.button if button.label == "Compress").click().run()
    job = lonely.find(upload, asked)
    assert job is not None
    assert job.ended.wait(60)
    (found,) = job.events
    assert found.figures["sparsity"] == pytest.approx(0.25, abs=0.01)
    next(button for button in page.button if button.label == "Set it by hand instead").click().run()
    assert [slider.label for slider in page.slider] == ["Prune"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Recipe(Settings(sparsity=0.5), {"fc9": {"bits": 8}}), "fc9"),
        (Recipe(Settings(sparsity=0.5, criterion="wanda")), "need calibration images"),
        (Recipe(shrink="remove"), "shrink needs the network"),
    ],
)
def test_a_recipe_that_weights_alone_cannot_have_is_refused_in_a_sentence(
    page: AppTest, asked: Recipe, said: str
) -> None:
    give(alone(page), asked)
    assert said in page.error[0].value
    assert [slider.label for slider in page.slider] == ["Prune"]


def test_what_a_stranger_wrote_is_one_line_without_a_link() -> None:
    said = words.plain("x\n\n# big\x00\ud800 http://far.example www.far.example me@far.example " + "y" * 10**6)
    assert said.isprintable() or said.replace(words.JOINER, "").isprintable()
    assert len(said) < 2 * words.LONGEST
    assert not re.search(r"www\.|http\\?://|\w@\w", said)
    assert said.encode()


def test_a_sentence_about_a_file_before_goes_once_another_is_taken(page: AppTest) -> None:
    hand(page, RECIPE, "r.json", b'{"format": "\\ud800"}')
    assert page.error
    hand(page, RECIPE, "r.json", to_json(page.session_state["position"].recipe).encode())  # which changes nothing
    assert not page.error
    assert page.success


def test_a_file_that_makes_a_reader_fail_is_a_sentence(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Path, base: str) -> receiving.Fit:
        raise RuntimeError("from within")

    monkeypatch.setattr(receiving, "fit", failing)
    before = page.session_state["position"]
    hand(page, WEIGHTS, "w.pt", b"1")
    assert "'w.pt' was not taken" in page.error[0].value
    assert "from within" in page.error[0].value
    assert page.session_state["position"] == before
    assert not uploads.mine(WEIGHTS)
