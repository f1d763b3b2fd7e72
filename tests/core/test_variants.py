"""Whatever a variant executes, its answers are the compressed model's, and the model stays as it was."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn

from core import pipeline, variants
from core.compress import run
from core.loading import Data, Loaded, fingerprint
from core.pipeline import Applied, Study
from core.recipe import Recipe, Settings
from core.variants import VARIANTS, Built
from tests.core import zoo

RANKED = Settings(rank=0.4)
FLOAT = {"rtol": 0, "atol": 1e-4}  # another order of float32 sums, for logits of about 1


class Attention(nn.Module):
    """torch's own attention uses two weights by functions, not by the modules that hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.attention(x, x, x, need_weights=False)[0].mean(1))


class Tied(nn.Module):
    """Two modules share a weight, each with a bias of its own; a third use is a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x).relu()).relu())


class Looks(nn.Module):
    """An embedding, of whole numbers that come as floats."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.fc = nn.Embedding(20, 12, padding_idx=0), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.table(x.long()).mean(1))


class Strange(nn.Linear):
    """A Linear layer that does something beside."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def grouped(kind: type[nn.Module], **options: object) -> nn.Module:
    return nn.Sequential(
        kind(4, 8, 3, groups=2, **options),
        nn.ReLU(),
        kind(8, 6, 3, stride=2, padding=1),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "plain": (zoo.net(), (1, 8, 8)),
    "conv1d": (grouped(nn.Conv1d, padding=2, dilation=2, padding_mode="circular"), (4, 9)),
    "conv2d": (grouped(nn.Conv2d, padding="same", padding_mode="reflect"), (4, 9, 9)),
    "conv3d": (grouped(nn.Conv3d, padding=1, bias=False), (4, 5, 5, 5)),
    "attention": (Attention(), (5, 8)),
    "tied": (Tied(), (6,)),
    "embedding": (Looks(), (7,)),
    "bare": (nn.Linear(6, 3), (6,)),
}


def studied(net: nn.Module, shape: tuple[int, ...], recipe: Recipe) -> tuple[Study, Applied]:
    x = (5 * zoo.random(60, *shape).abs()).clamp(max=15)
    net = copy.deepcopy(net).eval()
    net(x)  # a lazy layer learns its size
    net.requires_grad_(False)
    loaded = Loaded("net", net, fingerprint(net), "")
    data = Data("data", x.numpy(), torch.arange(60).remainder(3).numpy())
    study = pipeline.study(loaded, data, recipe)
    return study, pipeline.apply(study, recipe)


def said(net: nn.Module, study: Study) -> Tensor:
    with torch.inference_mode():
        return net(study.bench.inputs.clone())


def expected(study: Study, applied: Applied) -> Tensor:
    with torch.inference_mode():
        return run(study.loaded.model, applied.change.tensors, study.bench.inputs.clone())


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "shrunk"])
@pytest.mark.parametrize("net", NETS)
def test_every_variant_answers_as_the_compressed_model_and_leaves_the_model(net: str, name: str) -> None:
    study, applied = studied(*NETS[net], Recipe(RANKED))
    seed, before = torch.get_rng_state(), said(study.loaded.model, study)
    built = VARIANTS[name](study, applied)
    assert torch.equal(torch.get_rng_state(), seed)
    assert fingerprint(study.loaded.model) == study.loaded.sha256
    assert torch.equal(said(study.loaded.model, study), before)
    assert not any(m._forward_hooks for m in study.loaded.model.modules())
    assert isinstance(built, Built)
    wanted = before if name == "dense" else expected(study, applied)
    if built.exact:
        torch.testing.assert_close(said(built.module, study), wanted, **FLOAT)
    else:
        # 8 bits for inputs and weights of a few layers: within a tenth of the largest logit
        assert (said(built.module, study) - wanted).abs().max() < 0.1 * wanted.abs().max()


@pytest.mark.parametrize("net", ["conv1d", "conv2d", "conv3d"])
def test_a_convolution_of_two_modes_runs_as_three(net: str) -> None:
    model, shape = NETS[net]
    study, applied = studied(model, shape, Recipe(layers={"2": {"rank": 0.5, "factorizer": "tucker2"}}))
    built = variants.low_rank(study, applied)
    assert "2 as 3" in built.about
    sizes = [set(m.kernel_size) for m in built.module[2]]
    assert sizes == [{1}, {3}, {1}]
    torch.testing.assert_close(said(built.module, study), expected(study, applied), **FLOAT)


def test_factors_multiply_as_many_numbers_as_they_hold() -> None:
    study, applied = studied(*NETS["tied"], Recipe(layers={"last": {"rank": 0.34}}))
    sample = study.bench.inputs[:1]
    assert variants.executed(variants.dense(study, applied).module, sample) == 36 + 36 + 18
    assert variants.executed(variants.low_rank(study, applied).module, sample) == 36 + 36 + 6 + 3
    assert variants.executed(variants.int8(study, applied).module, sample) == 36 + 36 + 18


def test_masks_are_multiplied_all_the_same() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(sparsity=0.9)))
    sample = study.bench.inputs[:1]
    assert variants.executed(variants.decoded(study, applied).module, sample) == 64 * 36 + 64 * 144 + 768


@pytest.mark.parametrize("group", ["tensor", "channel"])
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_int8_keeps_the_recipes_own_codes(group: str, sparsity: float) -> None:
    settings = Settings(bits=5, group=group, sparsity=sparsity)
    study, applied = studied(*NETS["bare"], Recipe(settings))
    held = variants.int8(study, applied).module.weight()
    torch.testing.assert_close(held.dequantize(), applied.encoded["weight"].decode(), rtol=1e-6, atol=0)


def test_int8_of_an_empty_row_is_empty() -> None:
    net = nn.Linear(4, 3)
    net.weight.data[1] = 0
    study, applied = studied(net, (4,), Recipe())
    assert torch.equal(variants.int8(study, applied).module.weight().dequantize()[1], torch.zeros(4))


def test_int8_warns_nobody() -> None:
    study, applied = studied(*NETS["plain"], Recipe())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        built = variants.int8(study, applied)
    assert "fc; float32: conv1, conv2" in built.about


def test_what_cannot_be_had_is_a_sentence() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(bits=4)))
    assert "no layer is stored as a product" in variants.low_rank(study, applied)
    net = nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten())
    assert "no Linear layer" in variants.int8(*studied(net, (1, 8, 8), Recipe()))


@pytest.mark.parametrize("name", ["low_rank", "int8"])
def test_a_layer_with_a_will_of_its_own_is_left_to_itself(name: str) -> None:
    net = nn.Sequential(Strange(6, 6), nn.ReLU(), nn.Linear(6, 3))
    study, applied = studied(net, (6,), Recipe(RANKED))
    built = VARIANTS[name](study, applied)
    assert isinstance(built.module[0], Strange)
    assert not isinstance(built.module[2], nn.Linear)


def test_corrected_biases_and_statistics_come_along() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(rank=0.3), batchnorm="recalibrate", bias="correct"))
    torch.testing.assert_close(said(variants.low_rank(study, applied).module, study), expected(study, applied), **FLOAT)
    assert applied.buffers


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), ""),
        (Settings(bits=4, sparsity=0.5), "codes of 4 bits and masks"),
        (Settings(bits=16, coder="float16"), "codes of 16 bits"),
        (Settings(sparsity=0.5), "masks"),
    ],
)
def test_forms_are_named(settings: Settings, words: str) -> None:
    _, applied = studied(*NETS["bare"], Recipe(settings))
    assert variants.forms(applied) == words


def test_a_smaller_model_runs_what_is_left_of_it_and_says_so() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(sparsity=0.5, pattern="row"), shrink="remove"))
    built = variants.shrunk(study, applied)
    torch.testing.assert_close(said(built.module, study), expected(study, applied), **FLOAT)
    sample = study.bench.inputs[:1]
    assert variants.executed(built.module, sample) < variants.executed(study.loaded.model, sample)
    assert built.about.startswith("float32 layers without their removed channels: ")


@pytest.mark.parametrize(
    ("recipe", "why"), [(Recipe(), "set the recipe's shrink"), (Recipe(shrink="remove"), "no channel")]
)
def test_a_model_that_has_not_shrunk_says_why(recipe: Recipe, why: str) -> None:
    assert why in variants.shrunk(*studied(*NETS["plain"], recipe))


def test_a_model_that_refuses_views_of_channels_last_is_still_timed() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(2, 4, 3), nn.Linear(4 * 36, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.conv(x).view(len(x), -1))

    study, applied = studied(Views(), (2, 8, 8), Recipe(RANKED))
    for name in ("dense", "decoded", "low_rank", "int8"):
        said(VARIANTS[name](study, applied).module, study)
