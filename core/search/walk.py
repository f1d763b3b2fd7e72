"""The way of a search: options for each layer, whole recipes near the goal, then better options and recipes."""

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from core.layer import Layer
from core.pipeline import Study
from core.recipe import Settings
from core.search.goal import SURETY, Goal, Progress, best, margin, safe
from core.search.lab import Lab, affordable, measure, measure_alone, opened
from core.search.options import Option, Picks, afforded, first, fitted, hull, neighbours
from core.search.recall import Recall, afresh

FIRST = 0.35  # share of the time for the options that every layer is tried with at first
ALWAYS = 3  # options that every layer gets, unless the whole time goes with them
HALVINGS = 8
NEAR = 3.0  # times the best recipe's divergence: up to there it tells how the drop grows
TRIES = 4  # options between two recipes
WEARY = 100  # tries without a new option: there are none left
AROUND = (1.0, 0.9, 1.1, 0.8, 1.2)  # times the divergence sought, in turn
RESTS = ({"rest": "float16"}, {"rest": "int8"}, {"rest": "int6"})
HARDLY = 1.02  # times the divergence that biases in fewer bits may make of it
SAFER = (0.9, 0.8, 0.7, 0.65, 0.6, 0.5)  # of the best recipe's harm
REPAIRS = ({"bias": "correct"}, {"batchnorm": "recalibrate"}, {"bias": "correct", "batchnorm": "recalibrate"})


def search(
    study: Study, goal: Goal, clock: Callable[[], float] = time.monotonic, recall: Recall = afresh
) -> Iterator[Progress]:
    """Every step of a search for the goal, and with it each recipe that was measured, as it goes.

    It may be left at any step: what came until then is all there is. Layers are measured alone, at settings of every
    technique; the divergence from the dense answers, which nearly adds up over layers, tells which to combine (a
    knapsack); every combination is measured, and the layers' options are refined around the best. clock: in seconds.
    recall: asked for every point, which it may know.
    """
    lab = opened(study, goal, clock, recall)
    dense = {name: found[0] for name, found in lab.options.items()}
    yield Progress(lab.share, "the dense model", measure(lab, dense))
    told = len(lab.points)
    for stage in (_options, _halved, _repaired, _rested, _safer, _refined, _safer):
        for step in stage(lab):
            yield step if len(lab.points) > told else step._replace(point=None)  # each recipe once
            told = len(lab.points)


def _options(lab: Lab) -> Iterator[Progress]:
    """All layers at the settings they are tried with at first, and the recipe of those, in rounds within the time.

    One recipe is made even where the time is over: layers that were not reached are in it as they are.
    """
    for number, settings in enumerate(first()):
        picks = {}
        for layer in lab.study.known:
            if number >= ALWAYS and lab.share > FIRST:
                return
            picks[layer.name] = lab.options[layer.name][0]
            if lab.late(layer.name):
                continue
            payable = _payable(layer, settings)
            picks[layer.name] = measure_alone(lab, layer, payable) or picks[layer.name]
            yield Progress(lab.share, f"{layer.name} alone: {_words(payable)}")
        if number and lab.late():
            return
        yield Progress(lab.share, f"all layers: {_words(settings)}", measure(lab, picks))


def _payable(layer: Layer, settings: Settings) -> Settings:
    """The settings, with the column sweep where the exact refit would take too long."""
    return settings if affordable(layer, settings) else replace(settings, compensate="columns")


def _words(settings: Settings) -> str:
    pruned = f"{settings.sparsity:.0%} pruned by {settings.criterion}, " if settings.prunes else ""
    ranked = f"rank {settings.rank:.0%}, " if settings.factors else ""
    return f"{pruned}{ranked}{settings.bits} bits"


def _picked(lab: Lab, harm: float) -> Picks:
    """The options for a total harm, or for the size where that is the goal."""
    if lab.goal.drop is not None:
        return fitted(lab.options, harm)
    beside = lab.points[0].bytes - sum(found[0].cost for found in lab.options.values())  # what no layer's own
    return afforded(lab.options, lab.goal.bytes - beside)


def _halved(lab: Lab) -> Iterator[Progress]:
    """Recipes on both sides of the goal: the total harm halved between one that holds and one that does not."""
    low, high = 1e-5, 3.0
    for _ in range(HALVINGS if lab.goal.drop is not None else 1):
        harm = math.sqrt(low * high)
        point = measure(lab, _picked(lab, harm))
        low, high = (harm, high) if safe(point, lab.goal) else (low, harm)
        yield Progress(lab.share, "whole recipes near the goal", point)
        if lab.late():
            return


def _repaired(lab: Lab) -> Iterator[Progress]:
    """What is put right afterwards, kept where it brings the answers nearer to the dense model's."""
    nearest = best(lab.points, lab.goal)
    if nearest is None:
        return
    picks, kept = lab.made[id(nearest)], lab.after
    for after in REPAIRS:
        if lab.late():
            return
        other = measure(replace(lab, after=after), picks)
        yield Progress(lab.share, "the same, with biases and batch norms put right", other)
        if other.divergence < nearest.divergence:
            nearest, kept = other, after
    lab.after.update(kept)


def _rested(lab: Lab) -> Iterator[Progress]:
    """Biases and the like in fewer bits, kept where that costs less and the answers hardly move."""
    nearest = best(lab.points, lab.goal)
    if nearest is None or lab.goal.cost != "bytes":
        return
    picks, kept = lab.made[id(nearest)], {}
    for rest in RESTS:
        if lab.late():
            break
        other = measure(replace(lab, after=lab.after | rest), picks)
        yield Progress(lab.share, "the same, with biases in fewer bits", other)
        if other.bytes < nearest.bytes and other.divergence <= HARDLY * nearest.divergence:
            nearest, kept = other, rest
    lab.after.update(kept)


def _refined(lab: Lab) -> Iterator[Progress]:
    """Better options around the best recipe, and the recipes that they make."""
    chance, idle, turn = random.Random(lab.goal.seed), 0, 0
    follows = [""] * len(SAFER)  # whole recipes of the stage that comes after, which keeps its time
    while not lab.late(*follows) and idle < WEARY:
        nearest = best(lab.points, lab.goal) or lab.points[0]
        picks = lab.made[id(nearest)]
        layer = _worthwhile(lab, picks, chance)
        option = None if lab.late(layer.name, *follows) else _tried(lab, layer, picks, chance)
        idle = 0 if option else idle + 1
        if option:
            yield Progress(lab.share, f"{layer.name} alone: {_words(option.settings)}")
        turn += 1
        if turn % TRIES == 0 and not lab.late():
            before = len(lab.points)
            point = measure(lab, _picked(lab, _sought(lab) * AROUND[turn // TRIES % len(AROUND)]))
            if len(lab.points) > before:
                yield Progress(lab.share, "whole recipes near the goal", point)


def _safer(lab: Lab) -> Iterator[Progress]:
    """Recipes a little safer than the best, for where its drop does not hold on other images."""
    nearest = best(lab.points, lab.goal)
    if nearest is None or lab.goal.drop is None:
        return
    alone = sum(option.harm for option in lab.made[id(nearest)].values())
    for share in SAFER:
        if lab.late():
            return
        yield Progress(lab.share, "recipes a little safer", measure(lab, _picked(lab, share * alone)))


def _worthwhile(lab: Lab, picks: Picks, chance: random.Random) -> Layer:
    """A layer by chance, the likelier the more it costs or harms in the best recipe."""
    costs = sum(option.cost for option in picks.values()) or 1.0
    harms = sum(option.harm for option in picks.values()) or 1.0
    weights = [picks[layer.name].cost / costs + picks[layer.name].harm / harms + 0.01 for layer in lab.study.known]
    return chance.choices(lab.study.known, weights)[0]


def _tried(lab: Lab, layer: Layer, picks: Picks, chance: random.Random) -> Option | None:
    """A new option beside the layer's own in the best recipe, or beside another corner of its hull."""
    corners = hull(lab.options[layer.name])
    from_here = [picks[layer.name], chance.choice(corners)]
    for option in from_here:
        for settings in neighbours(option.settings, chance):
            payable = _payable(layer, settings)
            if (layer.name, payable) not in lab.tried:
                return measure_alone(lab, layer, payable)
    return None


def _sought(lab: Lab) -> float:
    """The total harm at which the drop is the one allowed, less a standard error: from the recipes measured so far."""
    nearest = best(lab.points, lab.goal)
    if lab.goal.drop is None or nearest is None or nearest.divergence <= 0:
        return 1e-3
    near = [p for p in lab.points if 0 < p.divergence <= NEAR * nearest.divergence]
    growth = sum(p.drop * p.divergence for p in near) / sum(p.divergence**2 for p in near)  # points a nat
    allowed = max(0.0, lab.goal.drop - SURETY * margin(nearest))
    divergence = allowed / growth if growth > 0 else NEAR * nearest.divergence
    alone = sum(option.harm for option in lab.made[id(nearest)].values())
    return min(divergence, NEAR * nearest.divergence) * alone / nearest.divergence
