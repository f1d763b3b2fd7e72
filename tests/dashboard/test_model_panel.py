"""The Model view in Chromium: own weights, data and recipe in, a checked file out, and what attackers send."""

import io
import json
import re
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from playwright.sync_api import Page, TimeoutError, expect

import sample_models
from core.__main__ import main
from core.compress import compress, weights
from core.exporters import read_prunescope
from core.layer import layers
from core.loading import load_data
from core.receiving import DATA, RECIPE, WEIGHTS
from core.recipe import Recipe, Settings, to_json
from tests.core import zoo
from tests.core.test_receiving import hostile
from tests.dashboard.conftest import PATIENCE, Visit, button, choose_model, figure, rest, type_value

SUFFIX = {WEIGHTS: ".pt", WEIGHTS + "!": ".safetensors", DATA: ".npz", RECIPE: ".json"}
ASKED = Recipe(Settings(sparsity=0.6, bits=5), {"fc2": {"bits": 8}})


def turn_to(page: Page, view: str) -> None:
    page.locator(".st-key-ps-head").get_by_role("link", name=view, exact=True).click()


def at_model(page: Page) -> Page:
    turn_to(page, "Model")
    expect(page.get_by_role("heading", name="can be compressed")).to_be_visible(timeout=PATIENCE)
    return page


def hand(page: Page, kind: str, name: str, content: bytes) -> None:
    """Gives the page a file, as a person who picks one does, and waits until there is a place for the next.

    Given once more where nothing came of it: Streamlit loses a file whose place is made anew while it is on its way.
    """
    place = page.locator(f"[class*='st-key-{kind}-']")
    before = place.get_attribute("class") or ""
    turn = int(re.search(rf"st-key-{kind}-(\d+)", before)[1])
    after = page.locator(f".st-key-{kind}-{turn + 1}")
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    place.locator("input[type=file]").set_input_files([file])
    try:
        after.wait_for(timeout=PATIENCE / 2)
    except TimeoutError:
        place.locator("input[type=file]").set_input_files([file])
    expect(after).to_be_visible(timeout=PATIENCE)


def taken(page: Page, words: str) -> None:
    expect(page.locator("[data-testid=stAlertContentSuccess]")).to_contain_text(words, timeout=PATIENCE)


def on_disk(name: str) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"prunescope-*/*/{name}"))


@pytest.fixture(scope="module")
def own() -> torch.nn.Module:
    """The sample's network with other values."""
    model = sample_models.load("digits_cnn")
    model.load_state_dict({name: 1.5 * tensor for name, tensor in model.state_dict().items()})
    return model


@pytest.fixture(scope="module")
def archive() -> bytes:
    data, file = load_data("digits"), io.BytesIO()
    np.savez_compressed(file, x=data.inputs[:700], y=data.targets[:700])
    return file.getvalue()


def test_own_weights_data_and_recipe_go_in_and_a_file_comes_out_that_other_readers_take(
    visit: Visit, own: torch.nn.Module, archive: bytes, tmp_path: Path
) -> None:
    page = at_model(visit())
    state = safetensors.torch.save(dict(own.state_dict()))
    (tmp_path / "my_weights.safetensors").write_bytes(state)
    (tmp_path / "my_images.npz").write_bytes(archive)
    hand(page, WEIGHTS, "my weights.safetensors", state)
    taken(page, "digits_cnn runs with the weights of my_weights.safetensors now.")
    hand(page, DATA, "my_images.npz", archive)
    taken(page, "digits_cnn is measured on 700 images of my_images.npz now.")
    hand(page, RECIPE, "recipe.json", to_json(ASKED).encode())
    taken(page, "The page stands at the recipe now")
    turn_to(page, "Explore")
    rest(page)
    expect(figure(page, "images")).to_have_text("700 of 700 images")
    expect(figure(page, "removed")).to_have_text("60.0 % removed")
    folder = exported(page, tmp_path)
    given = ["--model", "digits_cnn", "--weights", str(tmp_path / "my_weights.safetensors")]
    assert main(["verify", str(folder), *given, "--data", str(tmp_path / "my_images.npz")]) == 0
    known = layers(own)
    expected = dict(own.state_dict()) | weights(known, compress(known, ASKED))
    read = read_prunescope.load(str(folder / "model.safetensors"))
    assert read.keys() == expected.keys()
    for name, tensor in expected.items():
        assert np.array_equal(read[name].reshape(tensor.shape), tensor.numpy()), name
    assert safetensors.torch.load_file(folder / "model.safetensors")
    assert on_disk("my_images.npz")
    link = page.url
    page.context.close()
    end = time.monotonic() + PATIENCE / 1000
    while on_disk("my_images.npz") and time.monotonic() < end:
        time.sleep(0.1)
    assert not on_disk("my_images.npz")
    assert not on_disk("my_weights.safetensors")
    stranger = visit("?" + link.partition("?")[2])
    expect(stranger.locator("[data-testid=stAlert]")).to_contain_text("uploaded into the page that made the link")
    expect(stranger.get_by_label("Model", exact=True).locator("option", has_text="my_weights")).to_have_count(0)


def exported(page: Page, folder: Path) -> Path:
    button(page, "Export").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Download all (zip)").click(timeout=60_000)
    command = page.locator("[role=dialog] code").text_content() or ""
    assert "--model digits_cnn --weights my_weights.safetensors --data my_images.npz" in command
    download.value.save_as(folder / "export.zip")
    with zipfile.ZipFile(folder / "export.zip") as held:
        held.extractall(folder)
    (made,) = (each for each in folder.iterdir() if each.is_dir())
    return made


def test_hostile_files_are_a_sentence_each_and_the_page_goes_on(visit: Visit, tmp_path: Path) -> None:
    page, marker = at_model(visit()), tmp_path / "made"
    alert = page.locator("[data-testid=stAlertContentError]")
    for number, (name, (kind, content)) in enumerate(hostile(marker).items()):
        hand(page, kind.rstrip("!"), f"..\\..\\bad{number}{SUFFIX[kind]}", content)
        expect(alert, name).to_contain_text(f"'bad{number}{SUFFIX[kind]}' was not taken: ", timeout=PATIENCE)
        assert "\n" not in alert.inner_text().strip(), name
        assert tempfile.gettempdir() not in alert.inner_text()
    assert not marker.exists()
    assert not on_disk("bad*")
    expect(page.get_by_role("heading", name="4 layers of digits_cnn can be compressed")).to_be_visible()
    turn_to(page, "Explore")
    type_value(page, "prune", "50")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")
    rest(page)


def test_what_a_file_says_is_text_on_the_page(visit: Visit) -> None:
    page = at_model(visit())
    alert = page.locator("[data-testid=stAlertContentError]")
    name = "# b\n\n1. www.far.example http://far.example a@far.example <img src=x> :red[x]"
    layers = {"format": "prunescope/recipe/1", "layers": {f"\ud800{name}": {"bits": 4}}}
    hand(page, RECIPE, "<b>www.far.example.json", json.dumps(layers).encode())
    expect(alert).to_contain_text("<img src=x> :red[x]", timeout=PATIENCE)
    expect(alert.locator("a, img, h1, li")).to_have_count(0)
    tensors = {f"{name}{i}.weight": zoo.random(8, 8) for i in range(2)}
    hand(page, WEIGHTS, "www.far.example.safetensors", safetensors.torch.save(tensors))
    taken(page, "fits no model that this page knows")
    expect(alert).to_have_count(0)
    expect(page.get_by_role("heading", name="without its network")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-testid=stMain] img, [data-testid=stMain] a[href*='far.example']")).to_have_count(0)


def test_two_files_one_after_the_other_and_one_while_weights_are_compressed(visit: Visit, archive: bytes) -> None:
    page = at_model(visit())
    hand(page, DATA, "one.npz", archive)
    taken(page, "700 images of one.npz")
    hand(page, DATA, "one.npz", archive[:-100])
    expect(page.locator("[data-testid=stAlertContentError]")).to_contain_text(
        "'one.npz' was not taken", timeout=PATIENCE
    )
    hand(
        page,
        WEIGHTS,
        "far.safetensors",
        safetensors.torch.save({f"l{i}.weight": zoo.random(64, 64) for i in range(200)}),
    )
    expect(page.get_by_role("heading", name="far.safetensors without its network")).to_be_visible(timeout=PATIENCE)
    press = page.get_by_role("button", name="Compress", exact=True)
    press.click()
    expect(press).to_have_count(0, timeout=PATIENCE)
    hand(page, RECIPE, "r.json", to_json(Recipe(Settings(sparsity=0.5))).encode())
    taken(page, "The page stands at the recipe now")
    expect(page.get_by_text("50.0 % removed")).to_be_visible(timeout=PATIENCE)
    turn_to(page, "Explore")
    rest(page)
    expect(figure(page, "images")).to_have_text("700 of 700 images")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")


def test_a_file_of_another_kind_or_that_does_not_fit_changes_nothing(visit: Visit, own: torch.nn.Module) -> None:
    page = at_model(visit())
    alert = page.locator("[data-testid=stAlertContentError]")
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3, 3)}, buffer)
    hand(page, WEIGHTS, "other.pt", buffer.getvalue())
    expect(alert).to_contain_text("the model expects", timeout=PATIENCE)
    few = io.BytesIO()
    np.savez(few, x=np.ones((9, 5), np.float32), y=np.arange(9))
    hand(page, DATA, "few.npz", few.getvalue())
    expect(alert).to_contain_text(
        "'few.npz' was not taken: data: the model cannot take inputs of shape (5,)", timeout=PATIENCE
    )
    hand(page, RECIPE, "r.json", to_json(Recipe(layers={"fc9": {"bits": 4}})).encode())
    expect(alert).to_contain_text("layer 'fc9' is not in the model", timeout=PATIENCE)
    assert not on_disk("few.npz")
    turn_to(page, "Explore")
    expect(figure(page, "removed")).to_have_text("0.0 % removed")
    choose_model(page, "lenet_300_100")


def test_weights_of_an_unknown_network_are_compressed_as_the_command_line_does_it(visit: Visit, tmp_path: Path) -> None:
    page = at_model(visit())
    state = {f"block{i}.weight": zoo.random(64, 32, seed=i) for i in range(3)} | {"block0.bias": zoo.random(64)}
    safetensors.torch.save_file(state, tmp_path / "far.safetensors")
    hand(page, WEIGHTS, "far.safetensors", (tmp_path / "far.safetensors").read_bytes())
    expect(page.get_by_role("heading", name="far.safetensors without its network")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("cell", name="block2")).to_be_visible()
    page.get_by_role("button", name="Compress", exact=True).click()
    expect(page.get_by_text("50.0 % removed")).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    download.value.save_as(tmp_path / "far.zip")
    (tmp_path / "r.json").write_text(to_json(Recipe(Settings(sparsity=0.5, bits=4))))
    given = ["--model", str(tmp_path / "far.safetensors"), "--recipe", str(tmp_path / "r.json")]
    assert main(["apply", *given, "-o", str(tmp_path / "out")]) == 0
    with zipfile.ZipFile(tmp_path / "far.zip") as held:
        names = {Path(name).name: held.read(name) for name in held.namelist()}
    assert names["model.safetensors"] == (tmp_path / "out" / "model.safetensors").read_bytes()
    assert names["report.json"] == (tmp_path / "out" / "report.json").read_bytes()
