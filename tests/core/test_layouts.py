import pytest
import torch
from torch import nn
from torch.nn import functional

from core import evaluation, tracing
from core.evaluation import Change
from core.layouts import USABLE, laid_out, linear, packed


@pytest.mark.parametrize(("out", "wide"), [(1, 1), (10, 512), (33, 257)])
@pytest.mark.parametrize("rows", [(1,), (250,), (3, 5), (0,)])
def test_a_layer_in_blocks_gives_what_torch_gives(out, wide, rows):
    torch.manual_seed(out)
    weight, bias, inputs = torch.randn(out, wide), torch.randn(out), torch.randn(*rows, wide)
    blocks = packed({"fc.weight": weight, "other": weight}, ["fc.weight", "absent"])
    assert blocks.keys() == ({"fc.weight"} if USABLE else set())
    for name in blocks:
        wanted = functional.linear(inputs.double(), weight.double(), bias.double()).float()
        # sums of `wide` products of numbers near 1, in another order
        torch.testing.assert_close(linear(inputs, blocks[name], bias), wanted, rtol=0, atol=1e-5 * wide**0.5)


def test_this_torch_has_blocks_wherever_it_has_onednn():
    assert torch.backends.mkldnn.is_available() == USABLE


def test_an_empty_weight_stays_plain():
    assert packed({"w": torch.empty(0, 3)}, ["w"]) == {}


class Hooked(nn.Linear):
    pass


class Several(nn.Module):
    """Layers of which `plain` alone may be run in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.read, self.called, self.own = (nn.Linear(4, 4) for _ in range(4))
        self.twin = nn.Linear(4, 4)
        self.twin.weight = nn.Parameter(self.own.weight.data)
        self.kind = Hooked(4, 4)
        self.called.register_forward_hook(lambda module, inputs, output: output + 1)

    def forward(self, x):
        x = self.plain(input=x) + functional.linear(x, self.read.weight)
        return self.kind(self.twin(self.own(self.called(self.read(x)))))


def test_only_layers_that_nothing_else_looks_at_are_run_in_blocks():
    model = Several().eval()
    steps = tracing.trace(model, torch.randn(2, 4))
    assert steps.linears == {"plain.weight"}
    inputs = torch.randn(6, 4)
    bench = evaluation.bench(model, inputs.numpy(), torch.arange(4).repeat(2)[:6].numpy())
    replaced = {name: torch.randn(4, 4) for name in ("plain.weight", "read.weight", "kind.weight")}
    (found,) = evaluation.outputs(bench, Change(replaced, dict.fromkeys(replaced, 1)))
    wanted = torch.func.functional_call(model, replaced, (inputs,))
    torch.testing.assert_close(found, wanted)


def test_convolutions_lie_with_their_channels_last_and_other_tensors_stay():
    weight, bias = torch.randn(8, 1, 3, 3), torch.randn(8)
    assert torch.equal(laid_out(weight), weight)
    assert laid_out(weight).stride() == (9, 1, 3, 1)
    assert laid_out(bias) is bias
