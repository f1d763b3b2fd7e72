import pytest
import torch

from core.wiring import constants, wiring
from core.wiring.operations import EACH, POOLS
from tests.core import wired, zoo

X = zoo.random(2, 1, 8, 8)


def called(operation: object, x: torch.Tensor) -> torch.Tensor:
    """An operation of a table on x, with a 2 where it wants a size."""
    sized = operation in POOLS
    if isinstance(operation, str):
        return getattr(x, operation)(*((0.0, 1.0) if operation.startswith("clamp") else ()))
    if isinstance(operation, type):
        return (operation(2) if sized else operation()).eval()(x)
    if operation is torch.clamp:
        return operation(x, 0.0, 1.0)
    if "dropout" in operation.__name__:
        return operation(x, training=False)
    return operation(x, 2) if sized else operation(x)


def named(operation) -> str:
    """The same in every process, for a function too."""
    return operation if isinstance(operation, str) else operation.__name__


@pytest.mark.parametrize("operation", sorted(EACH | POOLS, key=named), ids=named)
def test_what_depends_on_the_input_does_so_after_every_operation(operation):
    name = operation if isinstance(operation, str) else f"{getattr(operation, '__name__', operation)}"
    dims = next((int(digit) for digit in "123" if f"{digit}d" in name.lower()), 2)
    x = torch.full((2, 3, *[4] * dims), torch.nan)
    assert called(operation, x).isnan().all()


@pytest.mark.parametrize("name", [name for name in wired.NETS if name != "Branching"])
def test_a_channel_said_to_be_constant_is_so_on_other_images(name):
    model = wired.made(name)
    for tensor in model.state_dict().values():
        if tensor.dim() > 1:
            tensor[::2] = 0
    flow = wiring(model, X)
    known = constants(flow, model.state_dict())
    other = wiring(model, 3 * zoo.random(2, 1, 8, 8, seed=9))
    seen = {node.name: value for node, value in other.values.items()}
    said = 0
    for node, numbers in known.items():
        channels = seen[node.name].movedim(flow.wires[node].dim, 0).flatten(1)
        constant = ~torch.from_numpy(numbers).isnan()
        said += int(constant.sum())
        assert torch.allclose(channels[constant], torch.from_numpy(numbers)[constant, None], atol=1e-5)
    assert said
