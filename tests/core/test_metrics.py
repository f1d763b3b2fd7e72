import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core import evaluation, metrics, pipeline
from core.evaluation import Change, bench, tallies
from core.loading import Data, Loaded, fingerprint
from core.metrics import IGNORED, METRICS, Metric
from core.recipe import Recipe, Settings
from core.statistics import Z95, estimate, mean
from tests.core import zoo

TOKENS = np.random.default_rng(0).integers(0, 11, (40, 6))
NEXT = np.concatenate([TOKENS[:, 1:], np.full((40, 1), IGNORED)], 1)


class Speaker(nn.Module):
    """A language model whose embedding is its head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
        self.mix = nn.Linear(8, 8)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.embedding(x)).cumsum(1))


def loaded(build: Callable[[], nn.Module]) -> Loaded:
    torch.manual_seed(0)
    model = build().eval().requires_grad_(False)
    return Loaded("m", model, fingerprint(model), "")


def speaking() -> tuple[Loaded, Data]:
    return loaded(Speaker), Data("tokens", TOKENS, NEXT)


def predicting() -> tuple[Loaded, Data]:
    x, y = zoo.random(60, 5, seed=1).numpy(), zoo.random(60, 2, seed=2).numpy()
    return loaded(lambda: nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))), Data("numbers", x, y)


RECIPE = Recipe(Settings(sparsity=0.6, bits=3))


def measured(case: tuple[Loaded, Data], recipe: Recipe = RECIPE) -> dict[str, object]:
    study = pipeline.study(*case, recipe)
    applied = pipeline.apply(study, recipe)
    files = pipeline.files(study, recipe, applied, pipeline.measure(study, applied))
    return json.loads(files["report.json"])


def outputs(case: tuple[Loaded, Data], recipe: Recipe = RECIPE) -> Tensor:
    study = pipeline.study(*case, recipe)
    return torch.cat(list(evaluation.outputs(study.bench, pipeline.apply(study, recipe).change)))


def test_perplexity_is_the_exponential_of_torchs_cross_entropy():
    logits = outputs(speaking())
    asked = torch.from_numpy(NEXT)
    expected = functional.cross_entropy(logits.flatten(0, 1), asked.flatten(), ignore_index=IGNORED)
    found = measured(speaking())["metric"]
    assert found["name"] == "perplexity"
    assert found["value"] == pytest.approx(math.exp(expected), rel=1e-5)  # float32 sums in another order


def test_the_accuracy_of_tokens_is_the_share_of_right_next_ones():
    right = outputs(speaking()).argmax(2)[:, :-1].numpy() == NEXT[:, :-1]
    found = measured(speaking())
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-12)
    assert found["images"] == 40


def test_the_interval_of_a_drop_of_tokens_is_that_of_the_sequences():
    case = speaking()
    now = (outputs(case).argmax(2)[:, :-1].numpy() == NEXT[:, :-1]).mean(1)
    dense = (outputs(case, Recipe()).argmax(2)[:, :-1].numpy() == NEXT[:, :-1]).mean(1)
    lost = 100 * (dense - now)
    half = Z95 * lost.std(ddof=1) / math.sqrt(len(lost))
    found = measured(case)
    assert found["drop"] == pytest.approx(lost.mean(), abs=1e-9)
    assert found["drop_ci95"] == pytest.approx([lost.mean() - half, lost.mean() + half], abs=1e-6)


def test_the_mean_square_is_that_of_numpy_and_its_interval_is_paired():
    case = predicting()
    errors = [outputs(case, recipe).numpy() - case[1].targets for recipe in (RECIPE, Recipe())]
    now, dense = ((error**2).mean(1, dtype=np.float64) for error in errors)
    found = measured(case)
    half = Z95 * (now - dense).std(ddof=1) / math.sqrt(len(now))
    assert found["metric"]["name"] == "mse"
    assert found["metric"]["value"] == pytest.approx(now.mean(), rel=1e-6)  # float32 squares
    assert found["metric"]["value_dense"] == pytest.approx(dense.mean(), rel=1e-6)
    change = now.mean() - dense.mean()
    assert found["metric"]["change_ci95"] == pytest.approx([change - half, change + half], rel=1e-5)
    assert found["accuracy"] is found["drop"] is found["drop_ci95"] is None


def test_the_unchanged_model_changes_no_metric():
    for case in (speaking(), predicting()):
        found = measured(case, Recipe())["metric"]
        assert found["change"] == 0
        assert found["value"] == found["value_dense"]


def test_top5_counts_labels_among_the_five_likeliest():
    model, x = zoo.net(), zoo.random(30, 1, 8, 8)
    model.fc = nn.Linear(256, 9).requires_grad_(False)
    labels = np.arange(30) % 9
    (tally,) = tallies(bench(model, x.numpy(), labels, METRICS["top5"]), Change({}, {}))
    order = model(x).argsort(1, descending=True)[:, :5].numpy()
    assert mean(tally.pairs[0], 30, 30).now == pytest.approx((order == labels[:, None]).any(1).mean())
    assert estimate(tally, 30).accuracy == tally.correct / 30


def test_a_stranger_s_metric_is_taken_an_image_at_a_time():
    model, x = zoo.net(), zoo.random(130, 1, 8, 8)
    labels = np.zeros(130, int)
    own = Metric("largest", lambda outputs, targets: outputs.amax(1))
    *_, tally = tallies(bench(model, x.numpy(), labels, own), Change({}, {}))
    assert mean(tally.pairs[0], 130, 130).now == pytest.approx(float(model(x).amax(1).mean()), rel=1e-5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda outputs, targets: outputs.sum(), r"metric 'own' gives \(\), expected a number an image, \(2,\)"),
        (lambda outputs, targets: 1.0, "metric 'own' gives float, expected a number an image"),
        (lambda outputs, targets: outputs[:, 99], "metric 'own' cannot take outputs"),
    ],
)
def test_a_metric_that_gives_no_number_an_image_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        bench(zoo.net(), zoo.random(4, 1, 8, 8).numpy(), np.zeros(4, int), Metric("own", values))


def test_a_metric_for_other_targets_is_refused():
    with pytest.raises(ValueError, match="metric 'mse' is for numbers, the data hold classes"):
        bench(zoo.net(), zoo.random(4, 1, 8, 8).numpy(), np.zeros(4, int), METRICS["mse"])


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (np.zeros((40, 5), int), r"its output is \(2, 6, 11\), expected \(images, 5, classes\)"),
        (np.full((40, 6), 11), "label 11 does not fit the model's 11 classes"),
        (np.zeros((40, 3), np.float32), r"expected the shape of the targets, \(3,\)"),
    ],
)
def test_targets_that_do_not_fit_the_outputs_are_refused(targets, said):
    with pytest.raises(ValueError, match=said):
        bench(loaded(Speaker).model, TOKENS, targets)


@pytest.mark.parametrize("case", [speaking, predicting])
@pytest.mark.parametrize("criterion", ["gradient", "wanda", "woodfisher", "information"])
def test_calibrated_methods_work_for_tokens_and_for_numbers(case, criterion):
    found = measured(case(), Recipe(Settings(sparsity=0.5, criterion=criterion)))
    notes = " ".join(str(row["note"]) for row in found["layers"])
    assert ("a class label an image" in notes) == (criterion == "information")


def test_large_vocabularies_run_in_small_batches(monkeypatch):
    monkeypatch.setattr(evaluation, "NUMBERS", 6 * 11 * 7)
    case = speaking()
    study = pipeline.study(*case, RECIPE)
    assert study.bench.batch == 7
    assert pipeline.measure(study, pipeline.apply(study, RECIPE)).images == 40
    assert measured(case)["metric"]["value"] > 0


def test_gradients_of_an_image_are_those_of_its_loss():
    for case in (speaking(), predicting()):
        study = pipeline.study(*case, Recipe(Settings(sparsity=0.5, criterion="gradient")))
        layer = study.known[-1]
        model, parameter = study.model, layer.parameter
        found = study.at(layer.name).gradients.mean
        x, y = study.calibration, torch.from_numpy(case[1].targets[: len(study.calibration)])
        weight = model.get_parameter(parameter).detach().clone().requires_grad_()
        value = metrics.loss(torch.func.functional_call(model, {parameter: weight}, (x,)), y) / len(x)
        (expected,) = torch.autograd.grad(value, weight)
        assert torch.allclose(found, expected, atol=1e-5)


def test_a_bench_on_a_device_gives_the_same_tally():
    for case, recipe in ((speaking(), RECIPE), (predicting(), RECIPE)):
        study = pipeline.study(*case, recipe)
        change = pipeline.apply(study, recipe).change
        *_, expected = tallies(study.bench, change)
        *_, found = tallies(evaluation.on(study.bench, "cpu:0"), change)
        assert (found.images, found.correct, found.lost) == (expected.images, expected.correct, expected.lost)
        for pair, wanted in zip(found.pairs, expected.pairs, strict=True):
            assert pair[0] == wanted[0]
            assert pair[1:] == pytest.approx(wanted[1:], rel=1e-4)  # float32 sums of a device come in another order


def test_a_bench_on_a_device_leaves_torch_able_to_export():
    study = pipeline.study(*predicting(), RECIPE)
    evaluation.on(study.bench, "cpu:0")
    assert not torch.backends.cudnn.allow_tf32
    torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),))
