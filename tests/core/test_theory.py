"""What theory predicts is what is measured, where the theory's premise holds."""

import pytest
import torch

from core.compress import run
from core.layer import layers
from core.recipe import Settings
from core.seen import Calibration
from core.theory import laws, loss_change, snr
from tests.core import zoo

WIDE = zoo.linear(zoo.random(200, 300))
AWKWARD = zoo.awkward()


def found(settings: Settings) -> dict[str, tuple[float, float]]:
    return {law.source.split(":")[0]: law[1:3] for law in laws(zoo.held(WIDE, settings))}


@pytest.mark.parametrize("rank", [0.1, 0.5, 0.9])
def test_the_discarded_singular_values_are_the_error_of_a_rank(rank: float) -> None:
    predicted, measured = found(Settings(rank=rank))["Eckart–Young"]
    assert measured == pytest.approx(predicted, rel=1e-5)  # float32 factors


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("bits", [5, 6, 8])
def test_many_codes_make_the_noise_of_their_step(bits: int, sparsity: float) -> None:
    predicted, measured = found(Settings(bits=bits, sparsity=sparsity))["rounding noise"]
    assert measured == pytest.approx(predicted, rel=0.03)  # a few codes do not spread errors quite evenly


@pytest.mark.parametrize("settings", [Settings(bits=b, sparsity=s) for b in (2, 4, 8) for s in (0.0, 0.5, 0.9)])
def test_no_code_of_gaussian_weights_is_better_than_its_entropy_allows(settings: Settings) -> None:
    predicted, measured = found(settings)["rate–distortion"]
    assert measured >= predicted


def test_the_loss_rises_by_what_the_gradients_predict_for_small_changes() -> None:
    model = zoo.net()
    inputs, targets = zoo.random(40, 1, 8, 8), torch.arange(40) % 3
    known = layers(model)
    seen = Calibration(model, known, inputs, targets)

    def loss(scale: float) -> tuple[float, dict]:
        moved = {layer.name: scale * zoo.random(*layer.matrix.shape, seed=5) for layer in known}
        changed = {each.parameter: (each.matrix + moved[each.name]).view(each.weight.shape) for each in known}
        logits = run(model, changed, inputs).double()
        return float(torch.nn.functional.cross_entropy(logits, targets)), moved

    with torch.no_grad():
        (before, _), (after, moved) = loss(0.0), loss(1e-3)
    parts = {name: (change.double(), seen.at(name).gradients) for name, change in moved.items()}
    assert loss_change(parts) == pytest.approx(after - before, rel=0.1)  # of first order, at so small a step


def test_the_noise_of_eight_bits_is_some_forty_decibels_down() -> None:
    law = next(law for law in laws(zoo.held(WIDE, Settings(bits=8))) if law.source.startswith("rounding"))
    assert 38 < snr(law) < 46  # 6.02 dB a bit, less the crest of a normal row


def test_a_dense_layer_has_no_law() -> None:
    assert laws(zoo.held(WIDE, Settings())) == []


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("settings", [Settings(bits=3, sparsity=0.5), Settings(rank=0.5), Settings(rank=0.5, bits=2)])
def test_every_layer_has_finite_laws_or_none(name: str, settings: Settings) -> None:
    layer = AWKWARD[name]
    for law in laws(zoo.held(layer, settings)):
        assert torch.isfinite(torch.tensor(law[1:3])).all()
        assert law.predicted >= 0
