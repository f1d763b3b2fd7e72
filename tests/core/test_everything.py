"""Any settings of any layer: encoded, decoded, as large as the file, no worse than nothing, or refused."""

import math

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from torch import nn

from core import container, encoding, exporting
from core.coding import CODERS, SCALES, WIDTHS
from core.compensation import COMPENSATIONS
from core.compress import compress, weights
from core.evaluation import Change, bench, tallies
from core.factoring import FACTORIZERS
from core.granting import told
from core.layer import layers
from core.patterns import PATTERNS
from core.pruning import CRITERIA
from core.recipe import INPUTS_BITS, RANK_BY, UNCODED, Recipe, Settings
from core.seen import Calibration
from tests.core import zoo


class Awkward(nn.Module):
    """Layers of every kind in one network: grouped, depthwise and 1x1 convolutions, tied values, zeros, one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.grouped = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.pointwise = nn.Conv2d(6, 4, 1)
        self.fc = nn.Linear(4 * 16, 9)
        self.zeros = nn.Linear(9, 5)
        self.tied = nn.Linear(5, 7)
        self.narrow = nn.Linear(7, 1)
        self.one = nn.Linear(1, 1)
        self.last = nn.Linear(1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.pointwise(self.grouped(self.depthwise(self.conv(x)).relu()))
        return self.last(self.one(self.narrow(self.tied(self.zeros(self.fc(y.flatten(1)).relu())))))


def awkward() -> nn.Module:
    torch.manual_seed(0)
    model = Awkward().eval().requires_grad_(False)
    model.zeros.weight.zero_()
    model.tied.weight.copy_(model.tied.weight.sign() * 0.25)
    return model


MODEL = awkward()
KNOWN = layers(MODEL)
SEEN = Calibration(MODEL, KNOWN, zoo.random(24, 1, 4, 4, seed=1), torch.arange(24) % 3)


@some.composite
def any_settings(draw: some.DrawFn) -> Settings:
    coder = draw(some.sampled_from(list(CODERS)))
    share = draw(some.sampled_from([0.0, 0.1, 0.5, 0.77, 0.95]))
    return Settings(
        sparsity=share,
        threshold=draw(some.none() | some.sampled_from([0.01, 0.2])) if not share else None,
        criterion=draw(some.sampled_from(list(CRITERIA))),
        pattern=draw(some.sampled_from(list(PATTERNS))),
        steps=draw(some.integers(1, 3)),
        coder=coder,
        bits=draw(some.sampled_from([*WIDTHS[coder], UNCODED])),
        group=draw(some.sampled_from(["tensor", "channel", "1", "3", "64"])),
        scale=draw(some.sampled_from(list(SCALES))),
        rank=draw(some.sampled_from([1.0, 0.9, 0.5, 0.1])),
        factorizer=draw(some.sampled_from(list(FACTORIZERS))),
        rank_by=draw(some.sampled_from(RANK_BY)),
        compensate=draw(some.sampled_from(list(COMPENSATIONS))),
        inputs_bits=draw(some.sampled_from(INPUTS_BITS)),
    )


def refused(name: str, wanted: Settings) -> str | None:
    """The sentence that says why a layer cannot be had with these settings; None where it can."""
    layer = next(layer for layer in KNOWN if layer.name == name)
    try:
        compress((layer,), Recipe(wanted), {name: SEEN.at(name)})
    except ValueError as error:
        return str(error)
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=some.sampled_from([layer.name for layer in KNOWN]), wanted=any_settings())
@example("fc", Settings(sparsity=0.5, compensate="outputs", bits=3))
@example("grouped", Settings(sparsity=0.5, compensate="loss", criterion="woodfisher", bits=2, coder="kmeans"))
@example("conv", Settings(rank=0.5, factorizer="whitened_svd", sparsity=0.5, criterion="obs", compensate="outputs"))
def test_every_combination_holds_or_says_why_not(name: str, wanted: Settings) -> None:
    before = {key: value.clone() for key, value in MODEL.state_dict().items()}
    layer = next(layer for layer in KNOWN if layer.name == name)
    sentence = refused(name, wanted)
    if sentence is not None:
        assert "\n" not in sentence
        assert len(sentence) > 20
        return
    encoded = compress((layer,), Recipe(wanted), {name: SEEN.at(name)})
    whole = {other.name: encoding.Dense(other.matrix) for other in KNOWN} | encoded
    data = exporting.serialize(MODEL, KNOWN, whole, {})
    assert len(data) == exporting.file_bytes(MODEL, KNOWN, whole)
    again, tensors = exporting.deserialize(data, MODEL, KNOWN)
    decoded = encoded[name].decode()
    assert torch.equal(again[name].decode(), decoded)
    assert torch.equal(tensors[layer.parameter], decoded.view(layer.weight.shape))
    stored = sum(8 * tensor.nbytes for tensor in encoded[name].tensors().values())
    assert encoding.bits(encoded[name]) == stored
    assert math.isfinite(encoded[name].information())
    assert torch.isfinite(decoded).all()
    lost = (decoded - layer.matrix).double().square().sum()
    near = lost <= (1 + 1e-5) * layer.matrix.double().square().sum()  # float32 levels
    assert near or "than 0 would be" in told(layer, wanted, SEEN.at(name), encoded[name])
    repeat = compress((layer,), Recipe(wanted), {name: SEEN.at(name)})[name]
    assert exporting.serialize(MODEL, KNOWN, whole | {name: repeat}, {}) == data
    assert all(torch.equal(value, before[key]) for key, value in MODEL.state_dict().items())


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("compensate", COMPENSATIONS)
def test_no_combination_of_criterion_and_compensation_is_refused_for_a_whole_matrix(
    criterion: str, compensate: str
) -> None:
    assert refused("fc", Settings(sparsity=0.5, criterion=criterion, compensate=compensate, bits=4)) is None


class Magnitudes(nn.Module):
    """Its outputs are finite everywhere, its gradient is no number where the input is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8, bias=False), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        return self.last((y[:, :4].square() + y[:, 4:].square()).sqrt())


@pytest.mark.parametrize("criterion", ["gradient", "taylor", "fisher", "woodfisher"])
def test_scores_that_are_no_numbers_are_refused_by_the_layers_name(criterion: str) -> None:
    model = Magnitudes().eval().requires_grad_(False)
    known = layers(model)
    seen = Calibration(model, known, torch.cat([torch.zeros(1, 8), zoo.random(9, 8)]), torch.arange(10) % 3)
    with pytest.raises(ValueError, match="layer 'first': .*choose magnitude"):
        compress(known[:1], Recipe(Settings(sparsity=0.5, criterion=criterion)), {"first": seen.at("first")})


class Idle(nn.Module):
    """One layer is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


def test_a_change_of_a_layer_that_is_never_used_changes_no_answer() -> None:
    model = Idle().eval().requires_grad_(False)
    known = layers(model)
    changed = weights(known, compress(known, Recipe(layers={"idle": {"sparsity": 0.5}})))
    one = bench(model, zoo.random(30, 4).numpy(), (torch.arange(30) % 3).numpy())
    *_, last = tallies(one, Change(changed, dict.fromkeys(changed, "half")))
    assert (last.images, last.lost, last.gained) == (30, 0, 0)


@pytest.mark.parametrize(
    "wanted",
    [Settings(bits=4), Settings(bits=4, coder="kmeans"), Settings(bits=16, coder="float16"), Settings(rank=0.5)],
    ids=["scale", "levels", "rounded", "factors"],
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_file_whose_parts_hold_no_numbers_is_refused(wanted: Settings, value: float) -> None:
    encoded = {layer.name: encoding.Dense(layer.matrix) for layer in KNOWN} | {
        "fc": compress((KNOWN[4],), Recipe(wanted))["fc"]
    }
    tensors = exporting.stored(MODEL, KNOWN, encoded)
    part = next(key for key, tensor in tensors.items() if key.startswith("fc.weight:") and tensor.is_floating_point())
    tensors[part].view(-1)[0] = value
    text = exporting.serialize(MODEL, KNOWN, encoded, {})
    forged = container.packed(tensors, container.opened(text)[1])
    with pytest.raises(ValueError, match="fc"):
        exporting.deserialize(forged, MODEL, KNOWN)
