"""The command line against published figures: global magnitude pruning of MLPNet on the 10,000 MNIST test images."""

import json

import pytest

from core.__main__ import main
from tests.published.mlpnet import DATA

MODEL = ["--model", "tests.published.mlpnet:MLPNet", "--weights", str(DATA / "mlpnet.safetensors")]
ON = [*MODEL, "--data", "tests.published.mlpnet:images"]
PUBLISHED = {0.5: 93.93, 0.6: 93.78, 0.7: 93.62, 0.8: 92.89, 0.9: 90.30, 0.95: 83.64, 0.98: 32.25}  # WoodFisher, CBS


def accuracy(tmp_path, *goal: str) -> tuple[int, int]:
    """Images right of the compressed and of the dense model, by `plan`, `apply` and `verify`."""
    recipe, folder = str(tmp_path / "recipe.json"), str(tmp_path / "out")
    assert main(["plan", *MODEL, "--planner", "global_magnitude", *goal, "-o", recipe]) == 0
    assert main(["apply", *ON, "--recipe", recipe, "-o", folder]) == 0
    assert main(["verify", folder, *ON]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    return round(report["accuracy"] * 10_000), round(report["accuracy_dense"] * 10_000)


@pytest.mark.parametrize("sparsity", PUBLISHED)
def test_the_publishers_count_gives_the_published_accuracy_to_the_digit(tmp_path, sparsity):
    assert accuracy(tmp_path, f"sparsity={sparsity}", "count=strict") == (round(100 * PUBLISHED[sparsity]), 9397)


@pytest.mark.parametrize("sparsity", [s for s in PUBLISHED if s <= 0.95])
def test_the_nearest_count_is_within_two_images(tmp_path, sparsity):
    assert abs(accuracy(tmp_path, f"sparsity={sparsity}")[0] - round(100 * PUBLISHED[sparsity])) <= 2
