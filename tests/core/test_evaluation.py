import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core import evaluation, tracing
from core.certainty import certainty, doubt
from core.compress import compress, run, weights
from core.evaluation import BATCH, Change, bench, tallies
from core.layer import layers
from core.recipe import Recipe, Settings
from core.statistics import Tally
from tests.core import zoo

INPUTS = zoo.random(2 * BATCH + 30, 1, 8, 8).numpy()
TARGETS = np.random.default_rng(0).integers(0, 3, len(INPUTS))


def change_of(model: nn.Module, recipe: Recipe) -> Change:
    known = layers(model)
    changed = weights(known, compress(known, recipe))
    names = {layer.parameter: layer.name for layer in known}
    return Change(changed, {p: recipe.settings(names[p]) for p in changed})


def plain(model: nn.Module, change: Change) -> Tally:
    """The tally by the model's own forward pass, without anything clever."""
    with torch.no_grad():
        logs, dense_logs = (
            torch.log_softmax(outputs.double(), 1)
            for outputs in (run(model, change.tensors, torch.from_numpy(INPUTS)), model(torch.from_numpy(INPUTS)))
        )
    right, dense = (each.argmax(1).numpy() == TARGETS for each in (logs, dense_logs))
    lost, gained = int((dense & ~right).sum()), int((right & ~dense).sum())
    divergence = float((dense_logs.exp() * (dense_logs - logs)).sum())
    return Tally(len(right), int(right.sum()), lost, gained, divergence)


def same(one: Tally, other: Tally) -> bool:
    """Equal counts, and a divergence equal to what float32 logits allow."""
    return one[:4] == other[:4] and one.divergence == pytest.approx(other.divergence, rel=1e-4, abs=1e-4 * one.images)


RECIPES = [
    Recipe(),
    Recipe(Settings(sparsity=0.5)),
    Recipe(Settings(bits=2)),
    Recipe(layers={"fc": {"bits": 1}}),
    Recipe(layers={"fc": {"bits": 2}}),
    Recipe(layers={"conv2": {"rank": 0.25}, "fc": {"bits": 2}}),
    Recipe(layers={"conv2": {"rank": 0.5}, "fc": {"bits": 2}}),
    Recipe(layers={"conv1": {"sparsity": 0.9}}),
]


def test_any_order_of_recipes_on_one_bench_gives_the_plain_tallies():
    model = zoo.net()
    one = bench(model, INPUTS, TARGETS)
    assert one.steps is not None
    for recipe in [*RECIPES, *reversed(RECIPES), *RECIPES[::2]]:
        change = change_of(model, recipe)
        *_, last = tallies(one, change)
        assert same(last, plain(model, change))


def test_certainty_is_that_of_the_models_own_answers():
    model = zoo.net()
    change = change_of(model, RECIPES[1])
    *_, last = tallies(bench(model, INPUTS, TARGETS), change)
    inputs, targets = torch.from_numpy(INPUTS), torch.from_numpy(TARGETS)
    with torch.no_grad():
        answers = (model(inputs), run(model, change.tensors, inputs))
    for sums, logits in zip(last.sure, answers, strict=True):
        for found, expected in zip(doubt(sums), doubt(certainty(logits, targets)), strict=True):
            assert np.allclose(found, expected, rtol=1e-6)  # float32 logits, of other batches


def test_the_tally_grows_batch_by_batch_and_can_be_continued():
    model = zoo.net()
    one = bench(model, INPUTS, TARGETS)
    change = change_of(model, RECIPES[1])
    steps = list(tallies(one, change))
    assert [tally.images for tally in steps] == [BATCH, 2 * BATCH, 2 * BATCH + 30]
    assert list(tallies(one, change, steps[0])) == steps[1:]
    assert list(tallies(one, change, steps[-1])) == []


def test_the_identity_loses_and_gains_nothing():
    model = zoo.net()
    *_, last = tallies(bench(model, INPUTS, TARGETS), change_of(model, Recipe()))
    assert (last.lost, last.gained) == (0, 0)


def test_a_change_of_the_last_layer_runs_nothing_before_it():
    model = zoo.net()
    one = bench(model, INPUTS, TARGETS)
    for bits in (1, 2):  # the first remembers, the second resumes
        list(tallies(one, change_of(model, Recipe(layers={"fc": {"bits": bits}}))))
    ran = []
    hooks = [module.register_forward_hook(lambda m, i, o: ran.append(type(m))) for module in (model.conv1, model.conv2)]
    *_, last = tallies(one, change_of(model, Recipe(layers={"fc": {"bits": 3}})))
    for hook in hooks:
        hook.remove()
    assert not ran
    assert last.images == len(INPUTS)


class Branching(nn.Module):
    """Cannot be traced: its way depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        return self.fc(x if x.sum() > 0 else -x)


def test_a_model_that_cannot_be_traced_runs_whole():
    torch.manual_seed(0)
    model = Branching().eval().requires_grad_(False)
    one = bench(model, INPUTS, TARGETS)
    assert one.steps is None
    change = change_of(model, Recipe(Settings(bits=2)))
    *_, last = tallies(one, change)
    batches = [torch.from_numpy(INPUTS[i : i + BATCH]) for i in range(0, len(INPUTS), BATCH)]
    right = torch.cat([run(model, change.tensors, batch).argmax(1) for batch in batches]).numpy() == TARGETS
    assert last.correct == right.sum()


class Overwriting(nn.Module):
    """Writes into what a later layer was given, and into its own input."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(64, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1).add_(0.5)
        y = self.one(x)
        return self.two(y) + y.mul_(2).sum(1, keepdim=True) * 0


def test_a_model_that_writes_into_its_inputs_is_measured_right():
    torch.manual_seed(0)
    model = Overwriting().eval().requires_grad_(False)
    one = bench(model, INPUTS.copy(), TARGETS)
    before = one.inputs.clone()
    for bits in (1, 2, 3, 2):
        change = change_of(model, Recipe(layers={"two": {"bits": bits}}))
        *_, last = tallies(one, change)
        with torch.no_grad():
            right = run(model, change.tensors, torch.from_numpy(INPUTS.copy())).argmax(1).numpy() == TARGETS
        assert last.correct == right.sum()
    assert torch.equal(one.inputs, before)


def test_a_model_that_writes_into_its_inputs_alone_is_resumed_behind_that():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True), nn.Linear(64, 8), nn.Linear(8, 3))
    one = bench(model.eval().requires_grad_(False), INPUTS.copy(), TARGETS)
    for bits in (2, 3):
        change = change_of(model, Recipe(layers={"3": {"bits": bits}}))
        *_, last = tallies(one, change)
        right = run(model, change.tensors, torch.from_numpy(INPUTS.copy())).argmax(1).numpy() == TARGETS
        assert last.correct == right.sum()
    assert len(one.activations) == one.batches
    assert "never" not in one.moving


def test_what_is_remembered_stays_within_bounds(monkeypatch):
    monkeypatch.setattr(evaluation, "REMEMBERED", 200_000)
    model = zoo.net()
    one = bench(model, INPUTS, TARGETS)
    for recipe in RECIPES * 2:
        *_, last = tallies(one, change_of(model, recipe))
        assert same(last, plain(model, change_of(model, recipe)))
    held = [tensor for live in one.activations.values() for tensor in tracing.tensors(live)]
    assert sum(tensor.nbytes for tensor in held) <= 400_000


@pytest.mark.parametrize("remembered", [200_000, 2**29])
def test_what_is_foreseen_changes_no_figure(monkeypatch, remembered):
    monkeypatch.setattr(evaluation, "REMEMBERED", remembered)
    model = zoo.net()
    one = bench(model, INPUTS, TARGETS)
    evaluation.foresee(one, [name for name, _ in model.named_parameters()], 250)
    assert {batch for _, batch, _ in one.activations} <= set(range(3))
    assert len(one.dense) == 3
    for recipe in RECIPES:
        *_, last = tallies(one, change_of(model, recipe))
        assert same(last, plain(model, change_of(model, recipe)))


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        (INPUTS[:, :, :4, :4], TARGETS, "cannot take inputs of shape"),
        (INPUTS, TARGETS + 1, "label 3 does not fit the model's 3 classes"),
        (INPUTS, TARGETS - 1, "label -1 does not fit"),
    ],
)
def test_data_that_does_not_fit_is_one_sentence(inputs, targets, said):
    with pytest.raises(ValueError, match=said):
        bench(zoo.net(), inputs, targets)


def test_a_model_without_class_scores_is_refused():
    with pytest.raises(ValueError, match=r"its output is .*expected \(images, classes\)"):
        bench(nn.Conv2d(1, 2, 3).requires_grad_(False), INPUTS, TARGETS)


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 3)
        self.b.weight = self.a.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(self.b(self.a(x.flatten(1)).relu()).relu())


class Sorted(nn.Module):
    """Writes into a tensor that a tuple holds."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(64, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pair = torch.sort(self.a(x.flatten(1)), 1)
        y = self.b(pair[1].float())
        return y + pair[0].mul_(3)[:, :3]


class Constant(nn.Module):
    """Makes a tensor in forward and writes into it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.shift = nn.Linear(64, 3), nn.Parameter(torch.tensor([0.3, 0.0, -0.3]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.zeros(3)
        z.add_(self.shift)
        return self.fc(x.flatten(1)) + z


@pytest.mark.parametrize(("kind", "layer"), [(Tied, "a"), (Sorted, "b"), (Constant, "fc")])
def test_a_model_that_steps_would_get_wrong_is_measured_as_it_runs(kind, layer):
    torch.manual_seed(0)
    model = kind().eval().requires_grad_(False)
    one = bench(model, INPUTS, TARGETS)
    for sparsity in (0.5, 0.7, 0.9, 0.5):
        change = change_of(model, Recipe(layers={layer: {"sparsity": sparsity}}))
        *_, last = tallies(one, change)
        batches = [torch.from_numpy(INPUTS[i : i + BATCH]).clone() for i in range(0, len(INPUTS), BATCH)]
        right = torch.cat([run(model, change.tensors, batch).argmax(1) for batch in batches]).numpy() == TARGETS
        assert last.correct == right.sum()


class Chance(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(nn.functional.dropout(x.flatten(1), 0.5, training=True))


def test_a_model_with_chance_in_it_is_refused():
    with pytest.raises(ValueError, match="answers the same images differently"):
        bench(Chance().eval().requires_grad_(False), INPUTS, TARGETS)


class Extra(nn.Module):
    """Takes what nobody gives."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor, *rest: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1))


def test_a_model_with_open_arguments_is_measured():
    model = Extra().eval().requires_grad_(False)
    *_, last = tallies(bench(model, INPUTS, TARGETS), change_of(model, Recipe()))
    assert last.images == len(INPUTS)


def test_a_model_that_views_the_outputs_of_a_convolution_is_measured():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), Viewed(), nn.Linear(4 * 36, 3)).eval().requires_grad_(False)
    x = zoo.random(50, 1, 8, 8)
    measured = bench(model, x.numpy(), model(x).argmax(1).numpy())
    *_, tally = tallies(measured, Change({"0.weight": model[0].weight.clone()}, {"0.weight": "same"}))
    assert tally.correct == 50


class Viewed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1)


def test_a_model_that_fails_on_a_whole_batch_is_said_in_a_sentence():
    class Few(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > 16:
                raise KeyError("too many")
            return self.fc(x)

    bench = evaluation.bench(Few().eval(), np.zeros((150, 4), np.float32), np.zeros(150, np.int64))
    with pytest.raises(
        ValueError, match=r"^model: it fails on images 1 to 100 together \('too many'\); mend its forward$"
    ):
        next(evaluation.tallies(bench, evaluation.Change({}, {})))
