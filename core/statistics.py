"""From counts of images to accuracies with intervals."""

import math
from typing import NamedTuple

from core.certainty import Certainty

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution
PLANNED = 1000  # images at which the anytime interval is tightest


class Paired(NamedTuple):
    """Sums over images of a figure that each has: dense and compressed, its square, and of the difference squared."""

    metric: str
    dense: float
    now: float
    now_squares: float
    squares: float

    def plus(self, other: "Paired") -> "Paired":
        """The sums of both."""
        return Paired(self.metric, *(mine + theirs for mine, theirs in zip(self[1:], other[1:], strict=True)))


class Tally(NamedTuple):
    """Sums over the images measured so far. lost, gained: right only in the dense, only in the compressed model.

    divergence: summed Kullback-Leibler divergence of the compressed from the dense answers, in nats. sure: how sure the
    dense and the compressed model are of their answers. pairs: of the metrics beside the counts. correct, lost and
    gained count answers, of which an image of many tokens has many; its share of right ones is then the pair 'top1'.
    """

    images: int = 0
    correct: int = 0
    lost: int = 0
    gained: int = 0
    divergence: float = 0.0
    sure: tuple[Certainty, Certainty] | None = None
    pairs: tuple[Paired, ...] = ()

    def plus(self, other: "Tally") -> "Tally":
        """The counts of both."""
        counts = (mine + theirs for mine, theirs in zip(self[:5], other[:5], strict=True))
        pairs = self.pairs or other.pairs
        if self.pairs and other.pairs:
            pairs = tuple(mine.plus(theirs) for mine, theirs in zip(self.pairs, other.pairs, strict=True))
        if self.sure is None or other.sure is None:
            return Tally(*counts, self.sure or other.sure, pairs)
        dense, compressed = (mine.plus(theirs) for mine, theirs in zip(self.sure, other.sure, strict=True))
        return Tally(*counts, (dense, compressed), pairs)


class Mean(NamedTuple):
    """The means over images of a figure, dense and compressed, and their difference with its 95 % interval."""

    dense: float
    now: float
    change: float
    change_ci95: tuple[float, float]


class Estimate(NamedTuple):
    """accuracy and accuracy_dense: fractions. drop: points, positive when accuracy falls. The intervals are 95 %.

    NaN where the model gives no answers that are right or wrong.
    """

    accuracy: float
    accuracy_ci95: tuple[float, float]
    accuracy_dense: float
    drop: float
    drop_ci95: tuple[float, float]


NOTHING = Estimate(math.nan, (0.0, 1.0), math.nan, math.nan, (-100.0, 100.0))


def estimate(tally: Tally, total: int) -> Estimate:
    """What a tally says of the model.

    The drop is paired: its error comes from the images on which the two models disagree (McNemar 1947), adjusted for
    small counts (Agresti & Min 2005); where an image has many answers, from the images' shares of right ones, since
    those of one image are not independent. With all `total` images measured the intervals are those of a fixed number
    of images; before, they hold at every look (Waudby-Smith et al. 2021, arXiv:2103.06476), and are wider for it.
    """
    n = tally.images
    shares = next((pair for pair in tally.pairs if pair.metric == "top1"), None)
    if not n or (tally.sure is None and tally.pairs):
        return NOTHING
    if shares is not None:
        return _of_shares(shares, n, total)
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


def _of_shares(shares: Paired, images: int, total: int) -> Estimate:
    found = mean(shares, images, total)
    reach = _fixed(images) if images >= total else _anytime(images)
    half = reach * math.sqrt(max(0.0, shares.now_squares / images - found.now**2))
    low, high = found.change_ci95
    return Estimate(
        found.now,
        (max(0.0, found.now - half), min(1.0, found.now + half)),
        found.dense,
        -100 * found.change + 0.0,
        (100 * max(-1.0, -high) + 0.0, 100 * min(1.0, -low) + 0.0),
    )


def mean(pair: Paired, images: int, total: int) -> Mean:
    """The means of a figure over images, and their paired difference; intervals as those of `estimate`."""
    change = (pair.now - pair.dense) / images
    reach = _fixed(images) if images >= total else _anytime(images)
    half = reach * math.sqrt(max(0.0, pair.squares / images - change**2) * images / max(1, images - 1))
    return Mean(pair.dense / images, pair.now / images, change, (change - half, change + half))


def _fixed(images: int) -> float:
    """Standard errors a 95 % interval reaches to, times the standard error of one image."""
    return Z95 / math.sqrt(images)


def _anytime(images: int) -> float:
    """The same for an interval that may be looked at after any number of images."""
    level = -2 * math.log(0.05)
    rho2 = (level + math.log(level + 1)) / PLANNED
    mixed = images * rho2 + 1
    return math.sqrt(2 * mixed / (images**2 * rho2) * math.log(math.sqrt(mixed) / 0.05))
