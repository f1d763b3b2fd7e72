import gc

import pytest
import torch
from torch import nn

from core import pruning
from core.layer import layers
from core.patterns import PATTERNS, Wanted
from core.pruning import CRITERIA, FREE, NOTES
from core.seen import Calibration, Factor, Seen
from sample_models import DATA, load
from tests.core import zoo

SEEING = [name for name in CRITERIA if name not in FREE]


def _seen(model: nn.Module, *shape: int) -> Calibration:
    return Calibration(model, layers(model), zoo.random(12, *shape, seed=3), torch.arange(12) % 3)


NET = _seen(zoo.net(), 1, 8, 8)


@pytest.mark.parametrize("layer", [layer.name for layer in NET.known])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_scores_are_finite_one_a_weight_and_never_negative(criterion, layer):
    seen = NET.at(layer)
    before = seen.layer.matrix.clone()
    scores = CRITERIA[criterion](seen.layer.matrix, seen)
    assert scores.shape == before.shape
    assert scores.dtype == torch.float32
    assert torch.isfinite(scores).all()
    assert scores.min() >= 0
    assert torch.equal(seen.layer.matrix, before)
    assert torch.equal(scores, CRITERIA[criterion](seen.layer.matrix, seen))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_smallest_scores_go(criterion):
    seen = NET.at("fc")
    scores = CRITERIA[criterion](seen.layer.matrix, seen)
    mask = PATTERNS["element"](scores, Wanted(100 / scores.numel()), 1)
    assert int((~mask).sum()) == 100
    assert scores[mask].min() >= scores[~mask].max()


@pytest.mark.parametrize("criterion", [name for name in SEEING if name not in ("wanda", "obs")])
def test_what_is_known_of_whole_matrices_is_refused_for_factors(criterion):
    with pytest.raises(ValueError, match="layer 'fc': .* are not taken for the factors"):
        CRITERIA[criterion](zoo.random(3, 4), Factor("fc", torch.eye(4)[None].double()))


@pytest.mark.parametrize("criterion", SEEING)
def test_a_criterion_that_needs_images_says_so(criterion):
    with pytest.raises(ValueError, match=f"criterion '{criterion}' needs calibration images"):
        CRITERIA[criterion](zoo.random(3, 4), None)


@pytest.mark.parametrize("criterion", FREE)
def test_a_criterion_of_weights_alone_needs_no_images(criterion):
    weight = zoo.random(3, 4)
    assert torch.equal(CRITERIA[criterion](weight, None), CRITERIA[criterion](weight, NET.at("fc")))


def test_concentrated_survivors_gather_in_fewer_rows_and_columns_than_those_of_magnitude():
    weight = zoo.random(60, 60)
    asked = Wanted(0.9)
    masks = [PATTERNS["element"](CRITERIA[name](weight, None), asked, 1) for name in ("concentrated", "magnitude")]
    counts = [int(mask.any(side).sum()) for mask in masks for side in (0, 1)]
    assert counts[0] < counts[2]
    assert counts[1] < counts[3]


def test_random_scores_are_uniform_and_depend_on_the_shape_alone():
    scores = CRITERIA["random"](torch.zeros(100, 100), None)
    assert torch.equal(scores, CRITERIA["random"](torch.ones(100, 100), None))
    assert float(scores.mean()) == pytest.approx(0.5, abs=0.015)  # five standard errors, 1 / sqrt(12 * 10,000) each
    assert not torch.equal(scores.flatten()[:50], CRITERIA["random"](torch.zeros(50, 200), None).flatten()[:50])


def test_wanda_is_the_root_mean_square_output_that_a_weight_makes_alone():
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False).requires_grad_(False)
    model = nn.Sequential(convolution, nn.Flatten()).eval()
    calibration = Calibration(model, layers(model), zoo.random(5, 4, 6, 6), torch.arange(5))
    seen = calibration.at("0")
    scores = CRITERIA["wanda"](seen.layer.matrix, seen)
    for row, column in [(0, 0), (1, 17), (3, 4), (5, 9)]:
        alone = torch.zeros(6, 18)
        alone[row, column] = seen.layer.matrix[row, column]
        outputs = torch.func.functional_call(convolution, {"weight": alone.view(6, 2, 3, 3)}, (calibration.inputs,))
        assert float(scores[row, column]) == pytest.approx(float(outputs[:, row].square().mean().sqrt()), rel=1e-5)


def test_fisher_and_taylor_rest_on_gradients_of_single_images():
    seen: Seen = NET.at("conv2")
    weight = seen.layer.matrix
    single = torch.cat(list(seen.per_sample()))
    close = {"rtol": 1e-4, "atol": 1e-9}  # float32 sums in another order
    assert torch.allclose(CRITERIA["gradient"](weight, seen), single.square().mean(0), **close)
    assert torch.allclose(CRITERIA["fisher"](weight, seen), (single * weight).square().mean(0) / 2, **close)
    assert torch.allclose(CRITERIA["taylor"](weight, seen), (single * weight).mean(0).abs(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("criterion", ["entropy", "information"])
def test_a_channels_bits_are_shared_among_its_weights(criterion):
    seen = NET.at("conv2")
    scores = CRITERIA[criterion](seen.layer.matrix, seen)
    assert torch.equal(scores, scores[:, :1].expand_as(scores))
    bits = torch.from_numpy(getattr(seen.channels, criterion)).float().clamp(min=0)
    assert torch.allclose(scores.sum(1), bits, rtol=1e-5)


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name in ("magnitude", "wanda", "taylor", "fisher")])
def test_what_a_criterion_keeps_is_worth_more_than_a_random_choice(criterion):
    x, y = DATA["digits"].load()
    inputs, targets = torch.from_numpy(x[:1000]), torch.from_numpy(y[:1000])
    model = load("lenet_300_100")
    calibration = Calibration(model, layers(model), inputs[:500], targets[:500])

    def accuracy(name: str) -> float:
        changed = {}
        for layer in calibration.known:
            scores = CRITERIA[name](layer.matrix, calibration.at(layer.name))
            mask = PATTERNS["element"](scores, Wanted(0.8), 1)
            changed[layer.parameter] = layer.matrix * mask
        logits = torch.func.functional_call(model, changed, (inputs[500:],))
        return float((logits.argmax(1) == targets[500:]).float().mean())

    assert accuracy(criterion) > accuracy("random") + 0.2


def test_notes_are_of_criteria_that_there_are():
    assert NOTES
    assert set(NOTES) <= set(CRITERIA)


@pytest.mark.parametrize("criterion", ["obs", "woodfisher"])
def test_what_a_slider_cannot_change_is_inverted_once_a_layer(criterion, monkeypatch):
    calibration, inverted = _seen(zoo.net(), 1, 8, 8), []
    inverse = pruning.inverse_diagonal
    monkeypatch.setattr(pruning, "inverse_diagonal", lambda curvature: inverted.append(1) or inverse(curvature))
    for name in ("fc", "conv2", "fc", "conv2"):
        seen = calibration.at(name)
        for weight in (seen.layer.matrix, seen.layer.matrix * 2):
            assert torch.equal(CRITERIA[criterion](weight, seen), CRITERIA[criterion](weight, NET.at(name)))
    assert len(inverted) <= 4  # two layers of two calibrations
    assert len(pruning.DIAGONALS[calibration]) == 2


def test_what_was_inverted_goes_with_its_calibration():
    calibration = _seen(zoo.net(), 1, 8, 8)
    CRITERIA["obs"](calibration.at("fc").layer.matrix, calibration.at("fc"))
    before = len(pruning.DIAGONALS)
    del calibration
    gc.collect()
    assert len(pruning.DIAGONALS) == before - 1


def test_a_factor_is_inverted_anew_at_every_rank():
    weight = zoo.random(4, 6)
    scores = [CRITERIA["obs"](weight, Factor("fc", scale * torch.eye(6).double()[None])) for scale in (1, 2)]
    assert torch.allclose(scores[1], 2 * scores[0])
