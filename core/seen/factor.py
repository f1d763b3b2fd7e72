"""What a factor of a layer's matrix sees: the moments of its own inputs, and nothing that is known of whole rows."""

from dataclasses import dataclass
from typing import NoReturn

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Factor:
    """name: of the layer. known: E[x xᵀ] of what multiplies the factor, (groups, in, in) float64, or None.

    ValueError, in a sentence that names the layer, for every statistic that factors do not have.
    """

    name: str
    known: Tensor | None

    @property
    def moments(self) -> Tensor:
        """E[x xᵀ] of what multiplies the factor."""
        return self._refuse("input moments") if self.known is None else self.known

    @property
    def square(self) -> Tensor:
        """E[x²], (groups, in), float64."""
        return self.moments.diagonal(dim1=1, dim2=2)

    @property
    def gradients(self) -> NoReturn:
        """Known for the whole matrix only."""
        self._refuse("gradients")

    @property
    def channels(self) -> NoReturn:
        """Known for the whole layer only."""
        self._refuse("channel entropies")

    def per_sample(self, count: int | None = None) -> NoReturn:
        """Known for the whole matrix only."""
        self._refuse("gradients")

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(
            f"layer '{self.name}': {what} are not taken for the factors of a lower rank; leave the rank at 1, "
            "or choose magnitude and no compensation"
        )
