import pytest
import torch
from torch import nn

from core import tracing
from core.slices import advance_by, slices

BATCH = 10


class Wide(nn.Module):
    """A picture of 1 MB an image between two small ends; `mixes` makes images depend on each other."""

    def __init__(self, mixes: str = "") -> None:
        super().__init__()
        self.mixes = mixes
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)
        self.scale = nn.Parameter(torch.tensor([1.5]))
        self.fc = nn.Linear(2 * 8 * 8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = x.size(0) if self.mixes == "counted" else -1
        x = torch.relu(self.conv1(x)) * self.scale
        if self.mixes == "mean":
            x = x - x.mean(0)
        if self.mixes == "turned":
            x = x.transpose(0, 1).transpose(0, 1)
        x = nn.functional.max_pool2d(self.conv2(x), 20)
        return self.fc(x.reshape(images, 2 * 8 * 8))


def traced(mixes: str = "") -> tuple[tracing.Trace, torch.Tensor]:
    torch.manual_seed(0)
    model = Wide(mixes).eval().requires_grad_(False)
    images = torch.randn(BATCH, 1, 160, 160)
    return tracing.trace(model, images[:2]), images


@pytest.mark.parametrize("mixes", ["", "turned"])
def test_slices_give_the_outputs_of_the_whole_batch(mixes):
    steps, images = traced(mixes)
    how = slices(steps, images[:2], BATCH)
    span = (0, len(steps.nodes))
    whole = tracing.advance(steps, {}, tracing.start(steps, images), span)
    apart = advance_by(how, (steps, {}), tracing.start(steps, images), span)
    assert how.parts == 2  # 0.8 MB an image, of which five fit
    assert torch.allclose(whole, apart, atol=1e-5)


def test_steps_run_on_a_slice_only_up_to_the_end_of_the_large_ones():
    steps, images = traced()
    how = slices(steps, images[:2], BATCH)
    seen = []
    steps.model.conv2.register_forward_hook(lambda module, given, made: seen.append(len(made)))
    steps.model.fc.register_forward_hook(lambda module, given, made: seen.append(len(made)))
    advance_by(how, (steps, {}), tracing.start(steps, images), (0, len(steps.nodes)))
    assert seen == [5, 5, 10]


def test_a_run_in_two_spans_gives_the_same():
    steps, images = traced()
    how = slices(steps, images[:2], BATCH)
    whole = advance_by(how, (steps, {}), tracing.start(steps, images), (0, len(steps.nodes)))
    for step in range(1, len(steps.nodes) - 1):
        live = tracing.start(steps, images)
        advance_by(how, (steps, {}), live, (0, step))
        assert torch.allclose(advance_by(how, (steps, {}), live, (step, len(steps.nodes))), whole, atol=1e-5)


@pytest.mark.parametrize("mixes", ["mean", "counted"])
def test_images_that_need_each_other_or_are_counted_are_not_cut(mixes):
    steps, images = traced(mixes)
    how = slices(steps, images[:2], BATCH)
    span = (0, len(steps.nodes))
    whole = tracing.advance(steps, {}, tracing.start(steps, images), span)
    assert torch.equal(whole, advance_by(how, (steps, {}), tracing.start(steps, images), span))


def test_large_parameters_are_no_activations():
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift, self.fc = nn.Parameter(torch.zeros(2_000_000)), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) + self.shift[:4]

    steps = tracing.trace(Shifted().eval().requires_grad_(False), torch.randn(2, 4))
    assert slices(steps, torch.randn(2, 4), BATCH) is None


def test_small_activations_are_not_cut():
    steps, images = traced()
    assert slices(steps, images[:2], 2) is None
