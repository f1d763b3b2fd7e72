import pytest
import torch
from torch import Tensor

from core import secondorder
from core.compress import encode
from core.layer import layers
from core.recipe import Settings
from sample_models import catalog, data
from tests.core import zoo
from tests.core.test_compress import AWKWARD


def moments(groups: int, columns: int, rows: int, seed: int = 1) -> Tensor:
    """Second moments of correlated inputs, (groups, in, in); singular where rows are fewer than columns."""
    mixing = zoo.random(groups, columns, columns, seed=seed).double()
    inputs = zoo.random(groups, rows, columns, seed=seed + 1).double() @ mixing + 0.5
    return inputs.mT @ inputs / rows


def obs(weight: Tensor, seen: Tensor) -> Tensor:
    return secondorder.removal_scores(weight, secondorder.inverse_diagonal(secondorder.damped(seen)))


def mask(*shape: int, sparsity: float = 0.5, seed: int = 3) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) >= sparsity


def one_at_a_time(row: Tensor, keep: Tensor, curvature: Tensor) -> Tensor:
    """Hassibi & Stork's surgeon: remove a weight, update the rest, take it out of the inverse."""
    row, inverse = row.clone(), torch.linalg.inv(curvature)
    for j in (~keep).nonzero()[:, 0]:
        row = row - row[j] / inverse[j, j] * inverse[j]
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    return row


def by_columns(weight: Tensor, keep: Tensor, quantize: secondorder.Quantize, curvature: Tensor) -> Tensor:
    """Optimal Brain Quantization in column order, Frantar 2022 equations 2 and 3: the inverse loses a column a step."""
    weight, inverse = weight.clone(), torch.linalg.inv(curvature)
    for j in range(weight.shape[1]):
        stored = quantize(weight[:, j : j + 1], j)[:, 0] * keep[:, j]
        error = (weight[:, j] - stored) / inverse[j, j]
        weight[:, j:] = weight[:, j:] - torch.outer(error, inverse[j, j:])
        weight[:, j] = stored
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    return weight


def grid(weight: Tensor, bits: int) -> secondorder.Quantize:
    """Round to nearest on the symmetric coder's own scale of each channel."""
    scale = encode(zoo.linear(weight.float()), Settings(bits=bits)).scale
    top = 2 ** (bits - 1) - 1
    return lambda values, first: (values / scale).round().clamp(-top, top) * scale


SHAPES = [(1, 1, 1), (3, 5, 1), (6, 9, 3), (8, 9, 8), (5, 140, 1), (4, 130, 2)]  # out, in, groups


@pytest.mark.parametrize(("out", "columns", "groups"), SHAPES)
@pytest.mark.parametrize("sparsity", [0.2, 0.8])
@pytest.mark.parametrize("rows", [4, 400])
def test_the_refit_is_the_surgeon_one_weight_at_a_time(out, columns, groups, sparsity, rows):
    weight, seen = zoo.random(out, columns).double(), moments(groups, columns, rows)
    keep = mask(out, columns, sparsity=sparsity)
    solved = secondorder.refit(weight, keep, seen)
    curvature = secondorder.damped(seen).repeat_interleave(out // groups, 0)
    expected = torch.stack([one_at_a_time(*row) for row in zip(weight, keep, curvature, strict=True)])
    assert torch.allclose(solved, expected, rtol=1e-7, atol=1e-9)  # a condition number of 1e5 or so in float64
    assert bool((solved[~keep] == 0).all())


@pytest.mark.parametrize("columns", [20, 140])
def test_nothing_on_the_survivors_gets_nearer_than_the_refit(columns):
    weight, seen, keep = zoo.random(4, columns).double(), moments(1, columns, 300), mask(4, columns)
    solved, curvature = secondorder.refit(weight, keep, seen), secondorder.damped(seen)
    gradient = (solved - weight) @ curvature[0]
    assert float((gradient * keep).abs().max()) < 1e-9 * float(curvature.abs().max())


def test_the_predicted_error_is_the_measured_one():
    inputs, weight = zoo.random(500, 30, seed=5).double() @ zoo.random(30, 30).double(), zoo.random(7, 30).double()
    seen = (inputs.mT @ inputs / len(inputs))[None]
    solved = secondorder.refit(weight, mask(7, 30), seen)
    measured = (inputs @ (solved - weight).mT).square().sum(1).mean()
    assert secondorder.output_error(weight, solved, seen) == pytest.approx(float(measured), rel=1e-6)


@pytest.mark.parametrize(("out", "columns", "groups"), SHAPES)
def test_a_score_is_the_loss_of_removing_that_weight_alone(out, columns, groups):
    weight, seen = zoo.random(out, columns).double(), moments(groups, columns, 200)
    scores, curvature = obs(weight, seen), secondorder.damped(seen)
    row, column = out // 2, columns // 2
    keep = torch.ones_like(weight, dtype=torch.bool)
    keep[row, column] = False
    change = (secondorder.refit(weight, keep, seen) - weight)[row]
    loss = change @ curvature[row * groups // out] @ change
    assert float(scores[row, column]) == pytest.approx(float(loss), rel=1e-8)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_weights_keep_exact_zeros_and_stay_finite(name):
    layer = AWKWARD[name]
    out, columns = layer.matrix.shape
    for seen in (moments(layer.groups, columns, 3), torch.zeros(layer.groups, columns, columns)):
        keep = mask(out, columns)
        solved = secondorder.refit(layer.matrix, keep, seen)
        assert solved.dtype == torch.float32
        assert bool(torch.isfinite(solved).all())
        assert bool((solved[~keep] == 0).all())
        assert torch.equal(secondorder.refit(layer.matrix, torch.ones_like(keep), seen), layer.matrix)
        assert bool((secondorder.refit(layer.matrix, torch.zeros_like(keep), seen) == 0).all())
        swept = secondorder.sweep(layer.matrix, keep, lambda values, first: values, seen)
        assert bool((swept[~keep] == 0).all())


def test_a_group_that_saw_nothing_scores_below_one_that_saw_something():
    seen = moments(2, 9, 100)
    seen[1] = 0
    scores = obs(torch.ones(4, 9), seen)
    assert float(scores[2:].max()) < float(scores[:2].min())


def test_inputs_that_did_not_change_leave_the_weight_where_it_is():
    weight, seen = zoo.random(4, 9).double(), moments(2, 9, 5)
    assert torch.allclose(secondorder.aligned(weight, seen, seen), weight, rtol=1e-9, atol=1e-9)


def test_the_aligned_refit_is_the_least_squares_fit_to_the_original_outputs():
    before, weight = zoo.random(400, 12, seed=4).double(), zoo.random(3, 12).double()
    now, keep = before + 0.3 * zoo.random(400, 12, seed=5).double(), mask(3, 12)
    seen, crossed = (now.mT @ now / 400)[None], (before.mT @ now / 400)[None]
    solved = secondorder.refit(secondorder.aligned(weight, seen, crossed), keep, seen)
    pull = (secondorder.DAMPING * seen[0].diagonal().mean() * 400).sqrt()
    for row in range(3):
        kept = keep[row]
        design = torch.cat([now[:, kept], pull * torch.eye(12).double()[kept][:, kept]])
        target = torch.cat([before @ weight[row], pull * weight[row, kept]])
        expected = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
        assert torch.allclose(solved[row, kept], expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_sweep_is_the_plain_one_column_by_column(bits, sparsity):
    weight, seen = zoo.random(6, 300).double(), moments(1, 300, 900)
    keep, quantize = mask(6, 300, sparsity=sparsity), grid(weight, bits)
    swept = secondorder.sweep(weight, keep if sparsity else None, quantize, seen)
    plain = by_columns(weight, keep | (sparsity == 0), quantize, secondorder.damped(seen)[0])
    ours, theirs = (secondorder.output_error(weight, v, seen) for v in (swept, plain))
    assert ours == pytest.approx(theirs, rel=0.01)  # a value at the edge of two codes may fall either way
    assert torch.equal(swept, quantize(swept, 0))  # all on the grid


def test_every_group_is_swept_by_its_own_moments():
    weight, seen = zoo.random(6, 9).double(), moments(3, 9, 50)
    quantize = grid(weight, 3)
    swept = secondorder.sweep(weight, None, quantize, seen)
    for group in range(3):
        rows = slice(2 * group, 2 * group + 2)
        own = grid(weight[rows], 3)
        assert torch.equal(swept[rows], secondorder.sweep(weight[rows], None, own, seen[group : group + 1]))


def test_a_refit_before_the_sweep_loses_less():
    weight, seen, keep = zoo.random(8, 100).double(), moments(1, 100, 300), mask(8, 100)
    quantize = grid(weight, 4)
    begun = secondorder.sweep(secondorder.refit(weight, keep, seen), keep, quantize, seen)
    bare = secondorder.sweep(weight, keep, quantize, seen)
    assert secondorder.output_error(weight, begun, seen) < secondorder.output_error(weight, bare, seen)


def linear_moments(name: str, images: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and moments of the inputs of every Linear of a sample model."""
    model, found, hooks = catalog.load(name).eval(), {}, []
    known = {layer.name: layer for layer in layers(model) if layer.kind == "Linear"}
    for label, module in model.named_modules():
        if label in known:

            def keep(_, inputs, label=label):
                rows = inputs[0].detach().flatten(0, -2).double()
                found[label] = (known[label].matrix, (rows.mT @ rows / len(rows))[None])

            hooks.append(module.register_forward_pre_hook(keep))
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("bits", [3, 4])
def test_every_linear_of_the_transformer_is_swept_below_round_to_nearest(bits):
    found = linear_moments("digits_vit", torch.from_numpy(data.digits()[0][:200]))
    assert len(found) >= 4
    for name, (weight, seen) in found.items():
        quantize = grid(weight, bits)
        swept = secondorder.output_error(weight, secondorder.sweep(weight, None, quantize, seen), seen)
        assert swept < secondorder.output_error(weight, quantize(weight, 0), seen), name
