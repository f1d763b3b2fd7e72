"""How a network is trained: Options, and the schedules that they name."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from core.training.images import AUGMENTATIONS
from core.training.losses import Aim

WARM = 0.05  # share of the steps in which the learning rate rises
REWINDS = ("none", "rate", "weights")
HOW = ("held", "movement", "regrow")
AUTO = "auto"
AUGMENTED = (AUTO, *AUGMENTATIONS)


@dataclass(frozen=True)
class Options:
    """How to train; the defaults serve any network.

    steps: of each round. rate: of learning at its height, a step as a share of each tensor's root mean square.
    decay: of weights. augment: 'auto' moves square pictures. alpha, temperature: see `losses.loss`. looks: at held-
    out images in a round; the best one stays. patience: looks without a gain before a round ends; below `looks` it
    cuts the fall of the learning rate short. rounds, schedule: in how many, and how, sparsity comes. custom: shares
    of it, one a round. rewind: what a round begins with again: the learning rate's schedule, or that and the
    weights as they were; with none, a step stays a share of the sizes that tensors had at first. how: masks are held,
    or move while training. seek: steps between two searches for each value's nearest level, which in between moves by
    one at most; 0 holds the codes. codes_rate: share of the rate's height in the round with codes, which below 1
    always comes after the others: a high rate would undo what they learned. codes_decay: share of the decay there,
    where what decays is not what is stored: it only draws values to the codes nearer to 0.
    """

    steps: int = 600
    batch: int = 128
    rate: float = 0.02
    decay: float = 0.01
    seed: int = 0
    augment: str = AUTO
    alpha: float = 1.0
    temperature: float = 4.0
    looks: int = 30
    patience: int = 100
    rounds: int = 1
    schedule: str = "cubic"
    custom: tuple[float, ...] = ()
    rewind: str = "rate"
    how: str = "held"
    seek: int = 20
    codes_rate: float = 1.0
    codes_decay: float = 1.0

    def __post_init__(self) -> None:
        for name, (holds, expected) in CHECKS.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {expected}")
        shares(self)

    @property
    def aim(self) -> Aim:
        """What the loss is made of."""
        return Aim(self.alpha, self.temperature)


def one_shot(part: float) -> float:
    """All at once, in the first round."""
    return 1.0


def linear(part: float) -> float:
    """As much in every round."""
    return part


def cubic(part: float) -> float:
    """Much at first, little at last: 1 - (1 - t)^3. Zhu & Gupta 2017, arXiv:1710.01878."""
    return 1 - (1 - part) ** 3


def shares(options: Options) -> tuple[float, ...]:
    """The share of the sparsity that each round reaches, ascending to 1; ValueError where custom ones do not."""
    if options.custom:
        ascending = all(a <= b for a, b in zip((0.0, *options.custom), options.custom, strict=False))
        if not ascending or options.custom[-1] != 1 or len(options.custom) != options.rounds:
            raise ValueError(
                f"custom is {', '.join(f'{share:g}' for share in options.custom)}, expected {options.rounds} shares, "
                "one a round, that never fall and end at 1"
            )
        return options.custom
    return tuple(SCHEDULES[options.schedule](number / options.rounds) for number in range(1, options.rounds + 1))


def rate_at(part: float) -> float:
    """The learning rate at a part of its schedule, [0, 1), as a share of its height: up in a line, down by a cosine.

    Loshchilov & Hutter 2016, arXiv:1608.03983.
    """
    if part < WARM:
        return (part + WARM / 10) / (WARM + WARM / 10)
    return 0.5 * (1 + math.cos(math.pi * (part - WARM) / (1 - WARM)))


def _whole(least: int, most: int) -> tuple[Callable[[object], bool], str]:
    return lambda v: type(v) is int and least <= v <= most, f"a whole number from {least} to {most}"


def _number(least: float, most: float) -> tuple[Callable[[object], bool], str]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most, (
        f"a number from {least:g} to {most:g}"
    )


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[object], bool], str]:
    return lambda v: v in names, f"one of {', '.join(names)}"


SCHEDULES = {f.__name__: f for f in (one_shot, linear, cubic)}
CHECKS = {
    "steps": _whole(1, 10**7),
    "batch": _whole(1, 2**16),
    "rate": _number(0, 10),
    "decay": _number(0, 10),
    "seed": _whole(0, 2**31 - 1),
    "augment": _one_of(AUGMENTED),
    "alpha": _number(0, 1),
    "temperature": _number(0.01, 1000),
    "looks": _whole(1, 10**5),
    "patience": _whole(1, 10**5),
    "rounds": _whole(1, 1000),
    "schedule": _one_of(tuple(SCHEDULES)),
    "custom": (lambda v: isinstance(v, tuple) and all(_number(0, 1)[0](share) for share in v), "shares from 0 to 1"),
    "rewind": _one_of(REWINDS),
    "how": _one_of(HOW),
    "seek": _whole(0, 10**5),
    "codes_rate": _number(0, 1),
    "codes_decay": _number(0, 1),
}
FIELDS = tuple(field.name for field in fields(Options))
