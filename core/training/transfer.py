"""A new task for a network that is pruned before, after or while it learns it; masks are held throughout."""

import copy
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from core import pipeline
from core.compress import weights
from core.layer import layers
from core.loading import Data, Loaded, fingerprint
from core.parting import of
from core.recipe import Recipe, with_change
from core.training.course import recover
from core.training.images import chance
from core.training.options import Options
from core.training.state import Kept, Outcome, Step, applied
from core.training.task import Task, task
from core.training.trainee import answers

Result = TypeVar("Result")
Journey = Generator[Step, None, Result]  # looks at trainings, and what comes of them
HEAD = {"sparsity": 0.0, "bits": 32, "rank": 1.0, "inputs_bits": 32}  # a new head stays whole


@dataclass(frozen=True, eq=False)
class Move:
    """A network with the data it was made for, that of the new task, and the recipe that its trunk is to satisfy."""

    loaded: Loaded
    old: Data
    new: Data
    recipe: Recipe
    options: Options


class Way(NamedTuple):
    """A way to another task and where it led, on `images` that nothing was learned or chosen by.

    run: the number of the kept run, 0 where it is not kept, which `why` says in a sentence.
    """

    name: str
    accuracy: float
    sparsity: float
    bytes: int
    steps: int
    images: int
    run: int = 0
    why: str = ""


@dataclass(frozen=True, eq=False)
class Arrival:
    """A way to the new task and where it leads. accuracy: on images of the new task that nothing was chosen by.

    sparsity: of all weights, the head's among them. steps: of training, on both tasks.
    """

    way: str
    accuracy: float
    sparsity: float
    bytes: int
    steps: int
    task: Task
    outcome: Outcome

    @property
    def told(self) -> Way:
        """Its figures alone, without the networks that they are of."""
        images = len(self.task.study.bench.targets)
        return Way(self.way, self.accuracy, self.sparsity, self.bytes, self.steps, images)


def head(model: nn.Module, sample: Tensor) -> str:
    """The name of the Linear layer that makes a model's outputs; ValueError where none can be told."""
    classes = answers(model, {}, {}, sample).shape[1]
    linear = [layer for layer in layers(model) if layer.kind == "Linear"]
    if not linear or linear[-1].weight.shape[0] != classes:
        raise ValueError("model: its last layer is no Linear one, which a new task could replace")
    return linear[-1].name


def retargeted(loaded: Loaded, data: Data, seed: int = 0) -> Loaded:
    """The network with a fresh head of as many outputs as the data has classes; all else is a copy."""
    name = head(loaded.model, torch.from_numpy(data.inputs[:1]))
    model = copy.deepcopy(loaded.model)
    old = model.get_submodule(name)
    made = nn.Linear(old.in_features, int(data.targets.max()) + 1, bias=old.bias is not None, device="meta")
    reach, random = 1 / math.sqrt(old.in_features), chance(seed, 3)  # as torch's own first weights
    fresh = {part: (2 * torch.rand(t.shape, generator=random) - 1) * reach for part, t in made.state_dict().items()}
    made.load_state_dict(fresh, assign=True)
    owner, _, last = name.rpartition(".")
    model.get_submodule(owner).add_module(last, made)
    model.eval().requires_grad_(False)
    return Loaded(f"{loaded.name} for {data.name}", model, fingerprint(model), "")


def carried(loaded: Loaded, outcome: Outcome) -> Loaded:
    """The network with what was learned as its own weights."""
    model = copy.deepcopy(loaded.model)
    tensors = weights(layers(model), outcome.encoded) | dict(outcome.beside)
    model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, strict=False)
    model.eval().requires_grad_(False)
    return Loaded(loaded.name, model, fingerprint(model), loaded.data)


def arrivals(move: Move) -> Iterator[Arrival]:
    """Each way of WAYS to the new task, one after the other."""
    return (each for each in journeys(move) if isinstance(each, Arrival))


def journeys(move: Move) -> Iterator[Step | Arrival]:
    """The same with every look at the trainings on each way, before where it leads."""
    for name, way in WAYS.items():
        arrival = yield from way(move, name)
        yield arrival


def _learned(loaded: Loaded, data: Data, recipe: Recipe, options: Options) -> Journey[tuple[Task, Outcome]]:
    made, kept = task(loaded, data, recipe, options), Kept()
    yield from recover(made, options, kept)
    return made, kept.best[0]


def _arrived(way: str, learned: tuple[Task, Outcome], steps: int) -> Arrival:
    made, outcome = learned
    held = applied(made, outcome)
    tally = pipeline.measure(made.study, held)
    size = pipeline.exporting.file_bytes(made.study.model, made.study.known, held.encoded)
    stored = [form.decode() for form in outcome.encoded.values()]
    gone = sum(int((matrix == 0).sum()) for matrix in stored) / sum(matrix.numel() for matrix in stored)
    return Arrival(way, tally.correct / tally.images, gone, size, steps, made, outcome)


def _headless(move: Move, loaded: Loaded) -> Recipe:
    """The recipe with the head left whole."""
    return with_change(move.recipe, head(loaded.model, torch.from_numpy(move.new.inputs[:1])), HEAD)


def _steps(move: Move, trainings: int) -> int:
    return move.options.steps * trainings


def dense(move: Move, name: str) -> Journey[Arrival]:
    """Nothing removed."""
    made = retargeted(move.loaded, move.new, move.options.seed)
    once = replace(move.options, rounds=1, custom=())
    return _arrived(name, (yield from _learned(made, move.new, Recipe(), once)), _steps(move, 1))


def before(move: Move, name: str) -> Journey[Arrival]:
    """Pruned and made good on the old task, then moved: the masks of the old task are held on the new one."""
    once = replace(move.options, rounds=1, custom=())
    recipe = _headless(move, move.loaded)
    _, outcome = yield from _learned(move.loaded, _apart(move.old, move.new), recipe, once)
    made = retargeted(carried(move.loaded, outcome), move.new, move.options.seed)
    return _arrived(name, (yield from _learned(made, move.new, _by_size(recipe), once)), _steps(move, 2))


def after(move: Move, name: str) -> Journey[Arrival]:
    """Moved whole, then pruned and made good on the new task."""
    once = replace(move.options, rounds=1, custom=())
    made = retargeted(move.loaded, move.new, move.options.seed)
    _, outcome = yield from _learned(made, move.new, Recipe(), once)
    moved = carried(made, outcome)
    return _arrived(name, (yield from _learned(moved, move.new, _headless(move, moved), once)), _steps(move, 2))


def during(move: Move, name: str) -> Journey[Arrival]:
    """Moved and pruned at once: a little is removed, the new task is learned, and again, in rounds."""
    made = retargeted(move.loaded, move.new, move.options.seed)
    rounds = max(2, move.options.rounds)
    options = replace(move.options, rounds=rounds, custom=move.options.custom if move.options.rounds > 1 else ())
    return _arrived(name, (yield from _learned(made, move.new, _headless(move, made), options)), _steps(move, rounds))


def _apart(old: Data, new: Data) -> Data:
    """The old task's images that are none of the new one's, so that nothing is learned from what is measured on."""
    known = {image.tobytes() for image in new.inputs}
    return of(old, np.flatnonzero([image.tobytes() not in known for image in old.inputs]))


def _by_size(recipe: Recipe) -> Recipe:
    """The recipe by magnitude: what is removed is 0 and goes first, so that the same weights are removed again."""
    plain = {"criterion": "magnitude", "compensate": "none"}
    layers = {layer: {**changes, **plain} for layer, changes in recipe.layers.items()}
    return replace(recipe, default=replace(recipe.default, **plain), layers=layers)


WAYS: Mapping[str, Callable[[Move, str], Journey[Arrival]]] = {
    "dense, transfer": dense,
    "prune, transfer": before,
    "transfer, prune": after,
    "prune and transfer in rounds": during,
}
