"""From counts of images to accuracies with intervals."""

import math
from typing import NamedTuple

from core.certainty import Certainty

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution
PLANNED = 1000  # images at which the anytime interval is tightest


class Tally(NamedTuple):
    """Sums over the images measured so far. lost, gained: right only in the dense, only in the compressed model.

    divergence: summed Kullback-Leibler divergence of the compressed from the dense answers, in nats. sure: how sure the
    dense and the compressed model are of their answers.
    """

    images: int = 0
    correct: int = 0
    lost: int = 0
    gained: int = 0
    divergence: float = 0.0
    sure: tuple[Certainty, Certainty] | None = None

    def plus(self, other: "Tally") -> "Tally":
        """The counts of both."""
        counts = (mine + theirs for mine, theirs in zip(self[:-1], other[:-1], strict=True))
        if self.sure is None or other.sure is None:
            return Tally(*counts, self.sure or other.sure)
        dense, compressed = (mine.plus(theirs) for mine, theirs in zip(self.sure, other.sure, strict=True))
        return Tally(*counts, (dense, compressed))


class Estimate(NamedTuple):
    """accuracy and accuracy_dense: fractions. drop: points, positive when accuracy falls. The intervals are 95 %."""

    accuracy: float
    accuracy_ci95: tuple[float, float]
    accuracy_dense: float
    drop: float
    drop_ci95: tuple[float, float]


def estimate(tally: Tally, total: int) -> Estimate:
    """What a tally says of the model.

    The drop is paired: its error comes from the images on which the two models disagree (McNemar 1947), adjusted for
    small counts (Agresti & Min 2005). With all `total` images measured the intervals are those of a fixed number of
    images; before, they hold at every look (Waudby-Smith et al. 2021, arXiv:2103.06476), and are wider for it.
    """
    n = tally.images
    if not n:
        return Estimate(math.nan, (0.0, 1.0), math.nan, math.nan, (-100.0, 100.0))
    reach = _fixed(n) if n >= total else _anytime(n)
    accuracy, drop = tally.correct / n, (tally.lost - tally.gained) / n
    share = (tally.correct + 2) / (n + 4)
    half = reach * math.sqrt(share * (1 - share))
    centre = (tally.lost - tally.gained) / (n + 2)
    wide = reach * math.sqrt(max(0.0, (tally.lost + tally.gained + 1) / (n + 2) - centre**2))
    return Estimate(
        accuracy,
        (max(0.0, share - half), min(1.0, share + half)),
        (tally.correct + tally.lost - tally.gained) / n,
        100 * drop + 0.0,
        (100 * max(-1.0, centre - wide), 100 * min(1.0, centre + wide)),
    )


def _fixed(images: int) -> float:
    """Standard errors a 95 % interval reaches to, times the standard error of one image."""
    return Z95 / math.sqrt(images)


def _anytime(images: int) -> float:
    """The same for an interval that may be looked at after any number of images."""
    level = -2 * math.log(0.05)
    rho2 = (level + math.log(level + 1)) / PLANNED
    mixed = images * rho2 + 1
    return math.sqrt(2 * mixed / (images**2 * rho2) * math.log(math.sqrt(mixed) / 0.05))
