"""From one round to the next: what is removed further, what is coded, what starts again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.compress import coded, matrices, needs_images, surviving
from core.encoding import Dense, Encoded, Factored, Gridded, Sparse, Stored, bare
from core.layer import Layer
from core.patterns import Wanted
from core.pruning import FREE, Sight
from core.recipe import UNCODED, Recipe, Settings
from core.seen import Calibration, Seen
from core.training import moving
from core.training.leaves import matrix
from core.training.options import Options, rate_at, shares
from core.training.trainee import Trainee, beside, trainee

SHOWN = 120
BELOW = 1 - 1e-9  # a schedule's parts lie below 1


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one recipe. share: of the recipe's sparsity. coded: whether values have their codes.

    moving: whether masks move while it lasts. schedule: the part of the learning rate's that it covers, [from, to).
    height: share of the learning rate's height. decay: share of the decay.
    """

    doing: str
    share: float
    coded: bool
    moving: bool
    steps: int
    schedule: tuple[float, float] = (0.0, 1.0)
    height: float = 1.0
    decay: float = 1.0


def phases(recipe: Recipe, options: Options) -> tuple[Phase, ...]:
    """Rounds in which sparsity comes and one with codes after them; one for both where masks come at once and stay, and
    codes learn at the same rate."""
    own = {"decay": options.codes_decay} if codes(recipe) else {}
    if options.rounds == 1 and options.how == "held" and options.codes_rate == 1:
        return (Phase("recover", 1.0, True, False, options.steps, **own),)
    coded = (Phase("with codes", 1.0, True, False, options.steps, height=options.codes_rate, **own),) if own else ()
    if options.how != "held":
        return (Phase(options.how, 1.0, False, True, options.steps * options.rounds), *coded)
    found, count = [], options.rounds
    for number, share in enumerate(shares(options)):
        part = (number / count, (number + 1) / count) if options.rewind == "none" else (0.0, 1.0)
        found.append(Phase(f"round {number + 1} of {count}", share, False, False, options.steps, part))
    return (*found, *coded)


@dataclass(frozen=True)
class Planned:
    """What a training does at a step. share: of the recipe's sparsity. rate: of the learning rate's height."""

    step: int
    share: float
    rate: float


def planned(recipe: Recipe, options: Options) -> tuple[Planned, ...]:
    """What a training is to do, about SHOWN steps of it: the first and the last of each phase among them."""
    found, made, plan = [], 0, phases(recipe, options)
    for phase in plan:
        count = max(2, min(SHOWN // len(plan), phase.steps + 1))
        for part in (number / (count - 1) for number in range(count)):
            begin, end = phase.schedule
            share = phase.share
            if phase.moving and options.how == "movement":
                share = moving.share_at(part)
            found.append(
                Planned(
                    made + round(part * phase.steps),
                    share,
                    phase.height * rate_at(begin + part * (end - begin) * BELOW),
                )
            )
        made += phase.steps
    return tuple(found)


def codes(recipe: Recipe) -> bool:
    """Whether any layer's values are coded."""
    return any(settings.bits < UNCODED for settings in (recipe.default, *map(recipe.settings, recipe.layers)))


def at(recipe: Recipe, phase: Phase) -> Recipe:
    """The recipe that a network satisfies after a phase."""
    if phase.share == 1 and phase.coded:
        return recipe
    own = {name: _at(recipe.settings(name), phase) for name in recipe.layers}
    changed = {
        name: {**recipe.layers[name], "sparsity": settings.sparsity, "bits": settings.bits}
        for name, settings in own.items()
    }
    return replace(recipe, default=_at(recipe.default, phase), layers=changed)


def _at(settings: Settings, phase: Phase) -> Settings:
    if settings.threshold is not None:
        raise ValueError(f"threshold is {settings.threshold!r}, expected a sparsity instead where it comes in rounds")
    bits = settings.bits if phase.coded else UNCODED
    return replace(settings, sparsity=phase.share * settings.sparsity, bits=bits)


def first(
    model: nn.Module,
    known: tuple[Layer, ...],
    recipe: Recipe,
    start: tuple[Mapping[str, Encoded], Mapping[str, Tensor]],
) -> Trainee:
    """A network as the recipe left it, ready to learn: values from the model's own where codes made nothing good."""
    values = {}
    for layer in known:
        settings = recipe.settings(layer.name)
        plain = settings.compensate == "none" and not needs_images(settings)
        if plain and settings.bits < UNCODED:
            values[layer.name] = matrices(layer, settings)
    return trainee(model, known, start, values)


def entered(net: Trainee, model: nn.Module, recipe: Recipe, again: Trainee | None, seen: Calibration | None) -> Trainee:
    """The network as it begins a phase whose recipe is given: pruned further, coded. again: whose values it takes.

    seen: what the layers of the network see, for criteria that ask.
    """
    source = again or net
    forms, values = {}, {}
    for layer in net.known:
        settings, held = recipe.settings(layer.name), net.leaves[layer.name]
        sight = _sight(layer, settings, (len(held), seen))
        stored = [further(layer, settings, (matrix(one), one.mask), sight) for one in held]
        forms[layer.name] = _joined(net.forms[layer.name], stored)
        values[layer.name] = tuple(matrix(one) for one in source.leaves[layer.name])
    return trainee(model, net.known, (forms, beside(source)), values)


def further(layer: Layer, settings: Settings, held: tuple[Tensor, Tensor | None], seen: Sight | None = None) -> Stored:
    """A matrix of the layer as its Settings store it, of which what a mask removed already stays removed.

    held: the matrix (out, in), and the mask or None. Nothing is made good, ValueError where its weights are not finite.
    """
    matrix, before = held
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError(f"layer '{layer.name}': training made weights that are not finite; lower the learning rate")
    wanted = Wanted(settings.sparsity, settings.threshold)
    mask = surviving((matrix, matrix, before), (settings, wanted), layer, seen) if settings.prunes else before
    values = Dense(matrix) if settings.bits == UNCODED else coded(matrix, mask, settings, layer)
    return values if mask is None else Sparse(mask, values)


def _sight(layer: Layer, settings: Settings, held: tuple[int, Calibration | None]) -> Seen | None:
    count, seen = held
    if settings.criterion in FREE or not settings.prunes:
        return None
    if count > 1:
        raise ValueError(
            f"layer '{layer.name}': criterion is {settings.criterion!r}, expected {' or '.join(FREE)} where factors "
            "are pruned in rounds"
        )
    return seen and seen.at(layer.name)


def _joined(form: Encoded, stored: Sequence[Encoded]) -> Encoded:
    if isinstance(form, Gridded):
        return replace(form, matrix=_joined(form.matrix, stored))
    held = bare(form)
    return replace(held, **dict(zip(held.factors, stored, strict=True))) if isinstance(held, Factored) else stored[0]
