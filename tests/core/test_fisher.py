import pytest
import torch
from torch import Tensor, nn

from core import fisher
from core.cascade import cascade, paired_moments
from core.compress import run
from core.layer import layers
from core.patterns import removed_count
from core.secondorder import inverse_diagonal
from core.seen import Calibration
from tests.core import zoo

SHAPES = {"first": (5, 7), "second": (3, 5), "dot": (1, 1)}
CASES = {"blocks": 8, "whole": None, "one weight a block": 1}


def samples(n: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights and per-sample gradients of three small layers."""
    weights = {name: zoo.random(*shape, seed=1).double() for name, shape in SHAPES.items()}
    return weights, {name: zoo.random(n, *shape, seed=2).double() for name, shape in SHAPES.items()}


def flat(by_layer: dict[str, Tensor], start: int = 0) -> Tensor:
    return torch.cat([tensor.flatten(start) for tensor in by_layer.values()], -1)


def dense(gradients: Tensor) -> Tensor:
    """The damped empirical Fisher matrix of (n, weights), as it is defined."""
    matrix = gradients.mT @ gradients / len(gradients)
    return matrix + 1e-2 * matrix.diagonal().mean() * torch.eye(len(matrix)).double()


def surgeon(weight: Tensor, keep: Tensor, curvature: Tensor) -> Tensor:
    """The least (v - w)ᵀ F (v - w) with v = 0 where removed, from the stationarity of its Lagrangian."""
    gone = (~keep).nonzero()[:, 0]
    inverse = torch.linalg.inv(curvature)
    return weight - inverse[:, gone] @ torch.linalg.solve(inverse[gone][:, gone], weight[gone])


def chosen(weights: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(4)
    return {name: torch.rand(weight.shape, generator=draw) >= share for name, weight in weights.items()}


@pytest.mark.parametrize("n", [3, 200])
def test_scores_and_repair_of_the_network_are_those_of_the_full_matrix(n):
    weights, gradients = samples(n)
    curvature, masks = dense(flat(gradients, 1)), chosen(weights, 0.6)
    scores = flat(fisher.network_scores(weights, gradients))
    expected = flat(weights).square() / (2 * torch.linalg.inv(curvature).diagonal())
    assert torch.allclose(scores, expected, rtol=1e-8)
    mended = fisher.network_repair(weights, masks, gradients)
    assert torch.allclose(flat(mended), surgeon(flat(weights), flat(masks), curvature), rtol=1e-8, atol=1e-10)
    assert bool((flat(mended)[~flat(masks)] == 0).all())


def test_scores_among_survivors_know_only_the_survivors():
    weights, gradients = samples(20)
    masks = chosen(weights, 0.5)
    kept = flat(masks)
    weights = {name: weight * masks[name] for name, weight in weights.items()}
    inverse = torch.linalg.inv(dense(flat(gradients, 1))[kept][:, kept])
    scores = flat(fisher.network_scores(weights, gradients, masks))
    assert torch.allclose(scores[kept], flat(weights)[kept].square() / (2 * inverse.diagonal()), rtol=1e-8)
    assert bool((scores[~kept] == 0).all())


@pytest.mark.parametrize("block", CASES.values(), ids=CASES)
def test_scores_and_repair_of_blocks_are_those_of_each_block(block):
    weights, gradients = samples(30)
    weight, gradient = weights["first"], gradients["first"]
    keep = chosen(weights, 0.5)["first"]
    curvature = fisher.fisher(gradient.split(7), block)
    scores = fisher.woodfisher(weight, inverse_diagonal(curvature)).flatten()
    mended = fisher.repair(weight, keep, curvature).flatten()
    full, size = dense(gradient.flatten(1)), block or 35
    for start in range(0, 35, size):
        own = slice(start, start + size)
        part, members = full[own, own].clone(), weight.flatten()[own]
        expected = members.square() / (2 * torch.linalg.inv(part).diagonal())
        assert torch.allclose(scores[own], expected, rtol=1e-8)
        assert torch.allclose(mended[own], surgeon(members, keep.flatten()[own], part), rtol=1e-8, atol=1e-10)


def test_a_score_of_the_network_is_half_of_what_its_removal_costs_after_repair():
    weights, gradients = samples(40)
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    masks["second"][1, 2] = False
    change = flat(fisher.network_repair(weights, masks, gradients)) - flat(weights)
    cost = change @ dense(flat(gradients, 1)) @ change / 2
    assert float(fisher.network_scores(weights, gradients)["second"][1, 2]) == pytest.approx(float(cost), rel=1e-8)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("count", [0, 17, 50])
def test_steps_remove_exactly_the_count(steps, count):
    weights, gradients = samples(30)
    masks, mended = fisher.network_pruned(weights, gradients, (count, steps))
    assert int((~flat(masks)).sum()) == count
    assert bool((flat(mended)[~flat(masks)] == 0).all())
    once = fisher.network_repair(weights, masks, gradients)
    assert torch.allclose(flat(mended), flat(once), rtol=1e-6, atol=1e-9)  # where one ends says not how one went


def test_as_many_steps_as_weights_are_the_surgeon_one_weight_at_a_time():
    weights, gradients = samples(30)
    weights = {"first": weights["first"]}
    masks, mended = fisher.network_pruned(weights, {"first": gradients["first"]}, (34, 200))
    row, curvature = weights["first"].flatten(), dense(gradients["first"].flatten(1))
    alive = list(range(35))
    for _ in range(34):
        inverse = torch.linalg.inv(curvature[alive][:, alive])
        worst = int((row[alive].square() / inverse.diagonal()).argmin())
        update = row[alive] - row[alive[worst]] / inverse[worst, worst] * inverse[worst]
        row = torch.zeros_like(row).index_put((torch.tensor(alive),), update)
        row[alive.pop(worst)] = 0
    assert masks["first"].flatten().nonzero().flatten().tolist() == alive
    assert torch.allclose(mended["first"].flatten(), row, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_gradients_that_are_all_0_leave_the_survivors_alone(value):
    weights = {"layer": torch.full((3, 4), value)}
    gradients = {"layer": torch.zeros(5, 3, 4)}
    masks = {"layer": torch.arange(12).view(3, 4) > 4}
    expected = weights["layer"] * masks["layer"]
    assert torch.equal(fisher.network_repair(weights, masks, gradients)["layer"], expected)
    curvature = fisher.fisher([gradients["layer"]])
    assert torch.equal(fisher.repair(weights["layer"], masks["layer"], curvature), expected)
    assert bool(torch.isfinite(fisher.woodfisher(weights["layer"], inverse_diagonal(curvature))).all())


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        fisher.fisher([])


def planted() -> tuple[nn.Module, Tensor, Tensor]:
    """A small trained classifier of three Gaussian classes in correlated inputs, and its data."""
    torch.manual_seed(0)
    labels = torch.arange(600) % 3
    images = (3 * torch.randn(3, 12)[labels] + torch.randn(600, 12)) @ torch.randn(12, 12)
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval().requires_grad_(False), images, labels


def test_the_cascade_brings_a_pruned_network_nearer_to_its_outputs_and_fisher_masks_beat_magnitude():
    model, images, labels = planted()
    known = layers(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = {layer.name: layer.matrix for layer in known}
    total = sum(weight.numel() for weight in weights.values())
    count = removed_count(total, 0.85)
    seen = Calibration(model, known, images[:300], labels[:300])
    gradients = {layer.name: torch.cat(list(seen.per_sample(layer.name))) for layer in known}
    magnitude = fisher.network_masks({name: weight.abs() for name, weight in weights.items()}, count)
    masks, repaired = fisher.network_pruned(weights, gradients, (count, 4))

    def lost(matrices: dict[str, Tensor]) -> float:
        changed = {layer.parameter: matrices[layer.name] for layer in known}
        return float((run(model, changed, images[300:]) - model(images[300:])).square().mean())

    def paired(layer, changed):
        return paired_moments(model, layer, changed, images[:300])

    bare = lost({name: weight * magnitude[name] for name, weight in weights.items()})
    assert lost(cascade(known, magnitude, paired)) < bare
    assert lost(cascade(known, masks, paired)) < lost(cascade(known, magnitude, paired))
    assert lost(repaired) < bare
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_cascade_that_removes_nothing_changes_nothing_and_a_grouped_convolution_sees_its_patches():
    model = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(54, 3))
    model = model.eval().requires_grad_(False)
    known, images = layers(model), zoo.random(20, 4, 6, 6)
    masks = {layer.name: torch.ones_like(layer.matrix, dtype=torch.bool) for layer in known}
    made = cascade(known, masks, lambda layer, changed: paired_moments(model, layer, changed, images))
    assert torch.allclose(made["0"], known[0].matrix, atol=1e-6)
    assert torch.allclose(made["3"], known[1].matrix, atol=1e-5)
    moments, crossed = paired_moments(model, known[0], {}, images)
    assert torch.allclose(moments, crossed)
    outputs = model[0](images) - model[0].bias[:, None, None]
    power = (known[0].matrix.double().view(2, 3, -1) @ moments).mul(known[0].matrix.double().view(2, 3, -1)).sum()
    assert float(power) == pytest.approx(float(outputs.square().sum(1).mean()), rel=1e-5)
