import pytest
import torch
from torch import nn
from torch.nn import functional

from core import tracing
from core.pooling import halved


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (2, 3, 5, 7), (1, 1, 4, 4), (3, 2, 2, 2)])
def test_the_numbers_and_the_layout_are_those_of_max_pooling(shape, layout, relu):
    torch.manual_seed(0)
    x = torch.randn(shape).contiguous(memory_format=layout)
    before, expected = x.clone(), functional.max_pool2d(x, 2)
    found = halved(x, relu)
    assert torch.equal(found, functional.relu(expected) if relu else expected)
    assert found.is_contiguous(memory_format=layout)
    assert torch.equal(x, before)


def test_what_is_no_number_stays_so():
    x = torch.zeros(1, 2, 2, 2).contiguous(memory_format=torch.channels_last)
    x[0, 0, 1, 1] = torch.nan
    assert halved(x, relu=True).isnan().flatten().tolist() == [True, False]


class Two(nn.Module):
    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.conv, self.pool, self.asked = nn.Conv2d(1, 2, 3), pool, {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(self.pool(self.conv(x)), 2, **self.asked).flatten(1)


ALIKE = (nn.MaxPool2d(2), nn.MaxPool2d((2, 2), stride=2))
OTHERS = (
    nn.MaxPool2d(3, 2),
    nn.MaxPool2d(2, 1),
    nn.MaxPool2d(2, padding=1),
    nn.MaxPool2d(2, dilation=2),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.AvgPool2d(2),
)


@pytest.mark.parametrize(("pool", "steps"), [*((pool, 2) for pool in ALIKE), *((pool, 1) for pool in OTHERS)])
@pytest.mark.parametrize(("asked", "more"), [({}, 0), ({"stride": 1}, -1), ({"ceil_mode": True}, -1)])
def test_only_pooling_of_two_by_two_is_halved(pool, steps, asked, more):
    torch.manual_seed(0)
    model, images = Two(pool).eval(), torch.randn(2, 1, 15, 15)
    model.asked = asked
    with torch.no_grad():
        traced = tracing.trace(model, images)
        end = (0, len(traced.nodes))
        assert torch.equal(tracing.advance(traced, {}, tracing.start(traced, images), end), model(images))
    assert sum(node.target is halved for node in traced.nodes) == steps + more
