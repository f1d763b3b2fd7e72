import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.layer import layers
from core.seen import Calibration, Seen, passes
from core.seen.channels import BINS
from sample_models import DATA, SAMPLES, load
from tests.core import zoo

IMAGES = 7
LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0])


class Headed(nn.Module):
    """One layer under test, and logits from its outputs."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).flatten(1)[:, :3]


def calibrated(model: nn.Module, inputs: Tensor, labels: Tensor = LABELS, seed: int = 0) -> Calibration:
    return Calibration(model, layers(model), inputs, labels, seed)


def one(layer: nn.Module, *shape: int) -> tuple[nn.Module, Calibration]:
    torch.manual_seed(0)
    layer.reset_parameters()
    model = Headed(layer.requires_grad_(False)).eval()
    return model, calibrated(model, zoo.random(IMAGES, *shape, seed=1) + 0.3)


CASES = {
    "linear": (nn.Linear(6, 5), (6,)),
    "linear tokens": (nn.Linear(6, 5), (4, 6)),
    "linear grid": (nn.Linear(6, 5), (2, 3, 6)),
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1), (4, 11)),
    "conv2d": (nn.Conv2d(3, 4, 3), (3, 8, 7)),
    "conv2d oblong": (nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2)), (3, 9, 8)),
    "conv2d same": (nn.Conv2d(3, 4, (4, 3), padding="same", dilation=2), (3, 9, 8)),
    "conv2d valid": (nn.Conv2d(3, 4, 2, padding="valid"), (3, 6, 5)),
    "conv2d groups": (nn.Conv2d(4, 6, 3, padding=1, groups=2), (4, 6, 6)),
    "conv2d depthwise": (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 6, 6)),
    "conv2d reflect": (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), (3, 6, 6)),
    "conv2d circular": (nn.Conv2d(3, 4, 3, padding=2, padding_mode="circular"), (3, 6, 6)),
    "conv2d replicate": (nn.Conv2d(3, 4, 4, padding="same", padding_mode="replicate"), (3, 6, 6)),
    "conv3d": (nn.Conv3d(2, 4, 2, stride=(1, 2, 1), groups=2, padding=1), (2, 4, 5, 3)),
}
each_case = pytest.mark.parametrize("case", CASES)


@each_case
def test_the_moments_give_the_error_of_a_layers_outputs(case):
    layer, shape = CASES[case]
    _, calibration = one(layer, *shape)
    seen = calibration.at("layer")
    change = zoo.random(*layer.weight.shape, seed=2)
    with torch.no_grad():
        before = layer(calibration.inputs)
        changed = torch.func.functional_call(layer, {"weight": layer.weight + change}, (calibration.inputs,))
    rows = before.numel() // layer.weight.shape[0]
    measured = float((changed - before).double().square().sum()) / rows
    blocks = change.reshape(seen.layer.groups, -1, seen.layer.matrix.shape[1]).double()
    predicted = float((blocks @ seen.moments * blocks).sum())
    assert predicted == pytest.approx(measured, rel=1e-5)  # both sides are float32 products


@each_case
def test_the_mean_gives_the_mean_output_and_the_squares_are_the_diagonal(case):
    layer, shape = CASES[case]
    _, calibration = one(layer, *shape)
    seen = calibration.at("layer")
    with torch.no_grad():
        outputs = layer(calibration.inputs) if "linear" in case else layer(calibration.inputs).movedim(1, -1)
    expected = outputs.reshape(-1, layer.weight.shape[0]).double().mean(0) - layer.bias
    blocks = seen.layer.matrix.reshape(seen.layer.groups, -1, seen.layer.matrix.shape[1]).double()
    assert torch.allclose((blocks @ seen.mean[:, :, None]).flatten(), expected, atol=1e-5)  # float32 outputs
    assert torch.allclose(seen.square, seen.moments.diagonal(dim1=1, dim2=2), rtol=1e-5)
    assert torch.equal(seen.moments, seen.moments.mT)


def plain_gradients(model: nn.Module, calibration: Calibration, parameter: str) -> Tensor:
    """One image at a time by autograd, (images, out, in)."""
    found = []
    for x, y in zip(calibration.inputs.split(1), calibration.targets.split(1), strict=True):
        weight = model.state_dict()[parameter].clone().requires_grad_()
        loss = functional.cross_entropy(torch.func.functional_call(model, {parameter: weight}, (x.clone(),)), y)
        found.append(torch.autograd.grad(loss, weight)[0].flatten(1))
    return torch.stack(found)


def same_gradients(model: nn.Module, calibration: Calibration) -> None:
    for layer in calibration.known:
        expected = plain_gradients(model, calibration, layer.parameter)
        seen, close = calibration.at(layer.name), {"rtol": 1e-4, "atol": 1e-6 * float(expected.abs().max())}
        assert torch.allclose(torch.cat(list(seen.per_sample())), expected, **close)
        assert torch.allclose(torch.cat(list(seen.per_sample(3))), expected[:3], **close)
        assert torch.allclose(seen.gradients.mean, expected.mean(0), **close)
        assert torch.allclose(seen.gradients.square, expected.square().mean(0), rtol=1e-4, atol=close["atol"] ** 2)
        assert (seen.gradients.mean.square() < seen.gradients.square).any()


@each_case
def test_gradients_are_those_of_one_image_at_a_time(case):
    layer, shape = CASES[case]
    same_gradients(*one(layer, *shape))


class Looked(nn.Module):
    """Words looked up, and the same weight as the output layer of another module."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(9, 4, padding_idx=2), nn.Linear(4, 9, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x.long()).mean(1).tanh())[:, :3]


class Tied(Looked):
    def __init__(self) -> None:
        super().__init__()
        self.head.weight = self.embedding.weight


class Late(nn.Module):
    """The images lie in the second dimension of what the layers are given."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x.transpose(0, 1)).relu()).sum(0)


class Folded(nn.Module):
    """The positions of an image are rows of a plain matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x.reshape(-1, 5)).relu()).reshape(len(x), -1, 3).sum(1)


class Twice(nn.Module):
    """One layer called twice, and a layer whose inputs and outputs are overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 5), nn.Linear(5, 3)
        self.overwrites = False

    def forward(self, x: Tensor) -> Tensor:
        x = x.add_(0.1).sum(1)
        y = self.one(x)
        if self.overwrites:  # autograd for the weight, the oracle, could not bear it
            x.mul_(0)
        return self.two(self.one(y.relu_()).relu_())


MODELS = {"embedding": Looked, "late": Late, "folded": Folded, "twice": Twice}


def made(kind: type[nn.Module]) -> tuple[nn.Module, Calibration]:
    torch.manual_seed(0)
    model = kind().eval().requires_grad_(False)
    words = torch.randint(0, 9, (IMAGES, 4), generator=torch.Generator().manual_seed(0)).float()
    return model, calibrated(model, words if kind in (Looked, Tied) else zoo.random(IMAGES, 4, 5))


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_hold_wherever_the_images_lie(kind):
    same_gradients(*made(MODELS[kind]))


def test_inputs_that_are_overwritten_later_count_as_the_layer_had_them():
    _, calibration = made(Twice)
    other, overwritten = made(Twice)
    other.overwrites = True
    for name in ("one", "two"):
        assert torch.equal(calibration.at(name).gradients.square, overwritten.at(name).gradients.square)
        assert torch.equal(calibration.at(name).moments, overwritten.at(name).moments)


def test_gradients_of_convolutions_branches_and_batch_norms_hold():
    model = zoo.net()
    same_gradients(model, calibrated(model, zoo.random(IMAGES, 1, 8, 8)))


def test_a_weight_that_looks_up_and_multiplies_has_the_gradient_of_both():
    model, calibration = made(Tied)
    expected = plain_gradients(model, calibration, "embedding.weight")
    assert [layer.name for layer in calibration.known] == ["embedding"]
    found = torch.cat(list(calibration.at("embedding").per_sample()))
    assert torch.allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"layer 'embedding': an embedding looks rows up"):
        _ = calibration.at("embedding").moments


def test_moments_of_a_layer_called_twice_are_of_both_calls():
    model, calibration = made(Twice)
    given = (calibration.inputs + 0.1).sum(1)
    both = torch.cat([given, model.one(given).relu()]).double()
    # float32 products of a dozen terms
    assert torch.allclose(calibration.at("one").moments[0], both.T @ both / len(both), rtol=1e-5, atol=1e-5)


class Apart(nn.Module):
    """Attention that never calls its output layer, a layer never called, and one whose weight is multiplied first."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
        self.idle, self.scaled, self.called = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x, x, x)[0]
        return self.called(functional.linear(x, self.scaled.weight * 2).sum(1))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("attention.out_proj", "layer 'attention.out_proj': the model takes its weight with"),
        ("idle", "layer 'idle': the model never calls it"),
        ("scaled", "layer 'scaled': the model takes its weight with mul"),
        ("nowhere", "layer 'nowhere' is not in the model, its layers are attention.in_proj_weight, attention.out_proj"),
    ],
)
@pytest.mark.parametrize("figure", ["moments", "mean", "square", "ranges", "gradients", "channels"])
def test_a_layer_that_is_not_simply_called_is_named_when_asked_for(name, said, figure):
    _, calibration = made(Apart)
    with pytest.raises(ValueError, match=said):
        getattr(calibration.at(name), figure)
    with pytest.raises(ValueError, match=said):
        next(calibration.per_sample(name))
    assert calibration.at("called").moments.shape == (1, 5, 5)
    assert list(calibration.moments) == ["called"]


def state(model: nn.Module) -> list[object]:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    hooks = [(m._forward_hooks, m._forward_pre_hooks, m._backward_hooks) for m in model.modules()]
    kept = [
        (name, t.detach().clone().numpy().tobytes(), t.requires_grad, t.grad is None, t._version) for name, t in tensors
    ]
    return [kept, [[len(h) for h in held] for held in hooks], [m.training for m in model.modules()]]


FIGURES = ("moments", "seen", "gradients", "channels")


def test_the_model_and_the_images_are_as_they_were():
    model = zoo.net()
    model.conv1.weight.requires_grad_(True)
    calibration = calibrated(model, zoo.random(IMAGES, 1, 8, 8))
    before, images = state(model), calibration.inputs.clone()
    for figure in FIGURES:
        getattr(calibration, figure)
    assert state(model) == before
    assert torch.equal(calibration.inputs, images)


class Failing(nn.Module):
    """Works on one image and raises after its layer on more."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x.sum(1))
        if len(x) > 1:
            raise KeyError("broken")
        return y


@pytest.mark.parametrize("figure", FIGURES)
def test_a_model_that_raises_is_as_it_was(figure):
    model, calibration = made(Failing)
    before = state(model)
    with pytest.raises(KeyError, match="broken"):
        getattr(calibration, figure)
    assert state(model) == before
    assert torch.overrides._get_current_function_mode() is None


class Overwriting(nn.Module):
    """Overwrites what the gradient of its second layer is made from."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x.sum(1)).exp()
        return self.two(y) + y.mul_(2).sum(1, keepdim=True)


def test_a_loss_without_gradient_is_one_sentence():
    _, calibration = made(Overwriting)
    with pytest.raises(ValueError, match="model: its loss has no gradient"):
        _ = calibration.gradients
    assert set(calibration.moments) == {"one", "two"}


def by_hand(values: np.ndarray, labels: np.ndarray, low: float, high: float) -> tuple[float, float, float]:
    """Entropy of the bins, its Miller-Madow correction and the information about the labels, pair by pair."""
    bins = [0 if v == 0 else 1 + min(BINS - 1, int((v - low) / (high - low) * BINS)) for v in values]
    n, pairs = len(bins), list(zip(bins, labels.tolist(), strict=True))

    def bits(symbols: list) -> float:
        return -sum(symbols.count(s) / n * math.log2(symbols.count(s) / n) for s in set(symbols))

    known = bits(bins) + bits(labels.tolist()) - bits(pairs)
    return bits(bins), (len(set(bins)) - 1) / (2 * n * math.log(2)), known


@pytest.mark.parametrize("shared", [True, False])
def test_channel_entropies_are_those_counted_by_hand(shared):
    model = Headed(nn.Linear(4, 3, bias=False).requires_grad_(False)).eval()
    model.layer.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.01, 0]]))
    inputs, labels = zoo.random(60, 4).relu(), torch.arange(60) % 3
    inputs[:, 1] = labels + 1.0
    calibration = calibrated(model, inputs, labels)
    found = calibration.channel_figures("layer", shared=shared)
    outputs = model.layer(inputs).double().numpy()
    shuffles = np.random.RandomState(0)
    orders = [shuffles.permutation(60) for _ in range(20)]
    for channel in range(3):
        values = outputs[:, channel]
        limits = outputs[outputs != 0] if shared else values[values != 0]
        edges = limits.min(), limits.max()
        entropy, correction, known = by_hand(values, labels.numpy(), *edges)
        chance = np.mean([by_hand(values, labels.numpy()[order], *edges)[2] for order in orders])
        assert found.entropy[channel] == pytest.approx(entropy + correction, abs=1e-12)
        assert found.information[channel] == pytest.approx(known - chance, abs=1e-12)
    assert found.information.argmax() == 1  # the channel that is the label
    assert found.information[1] > 1.4  # of log2(3) = 1.58 bits


def test_a_channel_that_never_moves_has_no_entropy():
    model = Headed(nn.Linear(4, 3).requires_grad_(False)).eval()
    model.layer.weight.zero_()
    found = calibrated(model, zoo.random(IMAGES, 4)).channel_figures("layer", shared=False)
    assert not found.entropy.any()
    assert abs(found.information).max() < 1e-12


def test_ranges_hold_the_inputs_and_leave_the_padding_out():
    model, calibration = one(nn.Conv2d(3, 4, 3, padding=2), 3, 9, 9)
    calibration = calibrated(model, calibration.inputs.abs() + 1)
    ranges, values = calibration.at("layer").ranges, calibration.inputs.double()
    assert (ranges.low, ranges.high) == (float(values.min()), float(values.max()))
    assert ranges.inner_low == pytest.approx(float(values.quantile(0.001)))
    assert ranges.inner_high == pytest.approx(float(values.quantile(0.999)))


def digits(name: str, count: int = 120, seed: int = 0) -> Calibration:
    x, y = DATA["digits"].load()
    return calibrated(load(name), torch.from_numpy(x[:count]), torch.from_numpy(y[:count]), seed)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_layer_of_every_sample_sees_something(name):
    calibration = digits(name)
    assert calibration._batch == passes.BATCH
    for layer in calibration.known:
        seen = calibration.at(layer.name)
        assert isinstance(seen, Seen)
        out, columns = layer.matrix.shape
        assert seen.moments.shape == (layer.groups, columns, columns)
        assert seen.moments.dtype == torch.float64
        assert seen.gradients.square.shape == (out, columns)
        assert seen.channels.entropy.shape == seen.channels.information.shape == (out,)
        # a batch of float32 products off by 1e-6 of the diagonal each
        assert torch.linalg.eigvalsh(seen.moments).min() > -1e-6 * seen.moments.diagonal(dim1=1, dim2=2).sum()


def test_the_same_seed_gives_the_same_bytes():
    first, second, other = digits("lenet5"), digits("lenet5"), digits("lenet5", seed=1)
    for layer in first.known:
        one, two = first.at(layer.name), second.at(layer.name)
        assert torch.equal(one.moments, two.moments)
        assert torch.equal(one.gradients.square, two.gradients.square)
        assert one.channels.information.tobytes() == two.channels.information.tobytes()
        assert one.ranges == two.ranges
        assert other.at(layer.name).channels.information.tobytes() != one.channels.information.tobytes()


def test_a_pass_tells_its_share_and_runs_once():
    model = zoo.net()
    told: list[float] = []
    inputs, labels = zoo.random(250, 1, 8, 8), torch.arange(250) % 3
    calibration = Calibration(model, layers(model), inputs, labels, tell=told.append)
    for _ in range(2):
        _ = calibration.at("conv1").moments, calibration.at("fc").moments
    assert told == [0.4, 0.8, 1.0]


@pytest.mark.parametrize(("images", "labels"), [(0, 0), (3, 2)])
def test_images_and_labels_that_do_not_match_are_refused(images, labels):
    with pytest.raises(ValueError, match=rf"{images} images and {labels} labels"):
        calibrated(zoo.net(), torch.zeros(images, 1, 8, 8), torch.zeros(labels, dtype=torch.int64))


def test_a_model_in_training_is_refused():
    with pytest.raises(ValueError, match="in training mode"):
        calibrated(zoo.net().train(), torch.zeros(2, 1, 8, 8), LABELS[:2])
