"""What a search has tried: each layer's options measured alone, and whole recipes measured on all images."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core import compensation, compress, encoding, exporting, report
from core.encoding import Encoded
from core.evaluation import tallies
from core.layer import Layer, require_finite
from core.pipeline import Study, put_right
from core.recipe import Recipe, Settings
from core.search.goal import COSTS, Goal, Point
from core.search.options import Option, Picks
from core.search.recall import ALONE, SEARCHED, Recall, afresh
from core.sensitivity import alone, differing
from core.statistics import Tally, estimate

FIRST = 1000  # images that an option is measured on
HELD = 2**29  # bytes of encoded layers that are kept
PATIENCE = 2e10  # operations of an exact refit; above that the column sweep takes its place


@dataclass(frozen=True, eq=False)
class Lab:
    """A study, a goal and all that was measured for it. clock: seconds; `begun` by it.

    options: by layer name, those that worked. tried: (layer name, Settings), those that did not too. points: whole
    recipes, and `made` of which options, by id. took: the seconds of the longest measurement by layer name, of a whole
    recipe by ''. forms: the latest encoded layers, `held` the bytes of each. after: what
    every recipe puts right afterwards. recall: what is known of a recipe, asked before it is measured.
    """

    study: Study
    goal: Goal
    clock: Callable[[], float] = time.monotonic
    recall: Recall = afresh
    options: dict[str, list[Option]] = field(default_factory=dict)
    tried: set[tuple[str, Settings]] = field(default_factory=set)
    points: list[Point] = field(default_factory=list)
    made: dict[int, Picks] = field(default_factory=dict)
    forms: OrderedDict[tuple[str, Settings], Encoded] = field(default_factory=OrderedDict)
    held: dict[tuple[str, Settings], int] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    begun: list[float] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)

    def late(self, *names: str) -> bool:
        """Whether the time is over before these layers, or a whole recipe, are measured again in the most that each
        took so far."""
        return self.share + sum(self.took.get(name, 0.0) for name in names or ("",)) / self.goal.seconds >= 1

    @property
    def share(self) -> float:
        """The share of the time that has gone."""
        if not self.begun:
            self.begun.append(self.clock())
        return min(1.0, (self.clock() - self.begun[0]) / self.goal.seconds)


def opened(study: Study, goal: Goal, clock: Callable[[], float] = time.monotonic, recall: Recall = afresh) -> Lab:
    """A lab in which every layer has one option: as it is. ValueError where a layer's weights are not finite."""
    lab = Lab(study, goal, clock, recall)
    for layer in study.known:
        require_finite(layer)
        dense = report.layer_row(layer, compress.encode(layer, Settings()), study.uses[layer.name])
        lab.options[layer.name] = [Option(Settings(), float(dense[goal.cost] or 0), 0.0)]
        lab.tried.add((layer.name, Settings()))
    return lab


def affordable(layer: Layer, settings: Settings) -> bool:
    """Whether an exact refit takes seconds at most."""
    return compensation.operations(layer.matrix.shape, settings) <= PATIENCE


def measure_alone(lab: Lab, layer: Layer, settings: Settings) -> Option | None:
    """A new option of one layer; None where it was tried before or cannot be had."""
    key = layer.name, settings
    if key in lab.tried:
        return None
    lab.tried.add(key)
    recipe = Recipe(layers={layer.name: differing(settings)})
    try:
        point = lab.recall(ALONE, recipe, lambda: _alone(lab, layer, settings))
    except ValueError:
        return None
    option = Option(settings, float(COSTS[lab.goal.cost](point)), max(0.0, point.divergence))
    lab.options[layer.name].append(option)
    return option


def _alone(lab: Lab, layer: Layer, settings: Settings) -> Point:
    """One layer's figures: its own bytes and MACs, and the answers of the model in which it alone is so stored."""
    begun, study = lab.clock(), lab.study
    encoded = _form(lab, layer, settings)
    tally = alone(study, layer, settings, (encoded, min(FIRST, len(study.bench.targets))))
    row = report.layer_row(layer, encoded, study.uses[layer.name])
    _took(lab, layer.name, begun)
    return _point(Recipe(layers={layer.name: differing(settings)}), (row["bytes"], row["macs"]), tally)


def measure(lab: Lab, picks: Picks) -> Point:
    """A whole recipe, measured on all images of the study."""
    recipe = Recipe(layers={name: differing(option.settings) for name, option in picks.items()}, **lab.after)
    known = next((point for point in lab.points if point.recipe == recipe), None)
    if known:
        return known
    point = lab.recall(SEARCHED, recipe, lambda: _whole(lab, recipe, picks))
    lab.points.append(point)
    lab.made[id(point)] = picks
    return point


def _whole(lab: Lab, recipe: Recipe, picks: Picks) -> Point:
    begun = lab.clock()
    point = measured(
        lab.study, recipe, {layer.name: _form(lab, layer, picks[layer.name].settings) for layer in lab.study.known}
    )
    _took(lab, "", begun)
    return point


def _took(lab: Lab, name: str, begun: float) -> None:
    lab.took[name] = max(lab.took.get(name, 0.0), lab.clock() - begun)


def measured(study: Study, recipe: Recipe, encoded: Mapping[str, Encoded]) -> Point:
    """A recipe's figures on all images of a study, from its encoded layers."""
    applied = put_right(study, recipe, encoded)
    *_, tally = tallies(study.bench, applied.change)
    rows = [report.layer_row(layer, encoded[layer.name], study.uses[layer.name]) for layer in study.known]
    size = exporting.file_bytes(study.loaded.model, study.known, applied.encoded)
    return _point(recipe, (size, report.total_of(rows, "macs")), tally)


def _point(recipe: Recipe, costs: tuple[int, int | None], tally: Tally) -> Point:
    """costs: bytes and MACs."""
    found = estimate(tally, tally.images)
    divergence = tally.divergence / tally.images
    return Point(recipe, *costs, found.accuracy, found.drop, *found.drop_ci95, divergence, tally.images)


def _form(lab: Lab, layer: Layer, settings: Settings) -> Encoded:
    key = layer.name, settings
    if key in lab.forms:
        lab.forms.move_to_end(key)
        return lab.forms[key]
    encoded = compress.encode(layer, settings, lab.study.at(layer.name))
    lab.forms[key] = encoded
    lab.held[key] = 2 * encoding.stored_values(encoded)  # a byte a code, a byte of mask
    while len(lab.forms) > len(lab.study.known) and sum(lab.held.values()) > HELD:
        gone, _ = lab.forms.popitem(last=False)
        del lab.held[gone]
    return encoded
