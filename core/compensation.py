"""How what stays makes good what goes: survivors refitted, and the errors of codes moved on."""

from dataclasses import replace

from torch import Tensor

from core.encoding import Coded
from core.fisher import repair
from core.pruning import Sight, curvature, require_sight
from core.recipe import Settings
from core.secondorder import refit, sweep


def none(weight: Tensor, mask: Tensor, seen: Sight | None) -> Tensor:
    """Survivors stay as they are."""
    return weight


def outputs(weight: Tensor, mask: Tensor, seen: Sight | None) -> Tensor:
    """Least squares on the layer's output: survivors refitted, codes swept. Frantar et al. 2022, arXiv:2210.17323."""
    return refit(weight, mask, require_sight(seen, "compensate 'outputs'").moments)


def columns(weight: Tensor, mask: Tensor, seen: Sight | None) -> Tensor:
    """The column sweep alone: close to the exact refit in a fraction of its time. Frantar & Alistarh 2023.

    Codes are swept too. arXiv:2301.00774.
    """
    moments = require_sight(seen, "compensate 'columns'").moments
    return sweep(weight, mask, lambda values, first: values, moments)


def loss(weight: Tensor, mask: Tensor, seen: Sight | None) -> Tensor:
    """Least second-order change of the loss, by blocks of an empirical Fisher. Singh & Alistarh 2020, arXiv:2004.14340.

    Codes are rounded as they are: the Fisher of a block spans rows.
    """
    return repair(weight, mask, curvature(require_sight(seen, "compensate 'loss'")))


def swept(weight: Tensor, mask: Tensor | None, coded: Coded, seen: Sight | None) -> Coded:
    """The same grid with codes that make up for each other's errors, column by column."""

    def quantize(values: Tensor, first: int) -> Tensor:
        return coded.at(coded.nearest(values, first), first)

    found = sweep(weight, mask, quantize, require_sight(seen, "compensation").moments)
    return replace(coded, codes=coded.nearest(found, 0))


def operations(layer_shape: tuple[int, int], settings: Settings) -> float:
    """About how many floating-point operations the survivors' refit of a matrix takes, where each row has its mask."""
    rows, columns = layer_shape
    own = rows if settings.pattern not in SHARED else 1
    solved = columns * min(settings.sparsity, 1 - settings.sparsity)
    return columns**3 + own * solved**3 / 3 if settings.compensate == "outputs" and settings.prunes else 0.0


SHARED = ("row", "column")  # patterns that give all rows the same mask
COMPENSATIONS = {f.__name__: f for f in (none, outputs, columns, loss)}
SWEEPING = ("outputs", "columns")  # what moves the errors of codes too
