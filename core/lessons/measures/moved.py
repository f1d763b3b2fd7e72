"""The lesson about a network that goes to another task."""

import copy
from dataclasses import replace

import pandas as pd
import torch

from core import evaluation, pipeline
from core.layer import layers
from core.lessons import looking, school
from core.lessons.looking import Measured
from core.loading import Data, Loaded, fingerprint
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.seen import Calibration
from core.training import retargeted
from core.training.transfer import HEAD, head

GROUPS = 2  # the new task: is the class at an even place in the list, or at an odd one?
SEED = 0
SHORT = replace(school.USUAL, steps=15)


def transfer(subject: Study, sparsity: float) -> Measured:
    """Right answers of a new task after a short training: from the trained network, pruned or not, and from scratch."""
    found = {
        "whole": learned(subject, 0.0, fresh=False),
        "pruned": learned(subject, sparsity, fresh=False),
        "from scratch": learned(subject, 0.0, fresh=True),
    }
    table = pd.DataFrame({"way": list(found), "accuracy": list(found.values())})
    targets = subject.bench.targets[: looking.looked_at(subject)] % GROUPS
    figures = {
        "whole": found["whole"],
        "pruned": found["pruned"],
        "scratch": found["from scratch"],
        "cost": found["whole"] - found["pruned"],
        "ahead": found["pruned"] - found["from scratch"],
        "steps": SHORT.steps,
        "learned": len(school.images(subject)[0].y),
        "guess": 100 * float(targets.bincount(minlength=GROUPS).max()) / len(targets),
        "head": _head(subject),
    }
    return Measured(figures, table, found["pruned"])


def learned(subject: Study, sparsity: float, *, fresh: bool = False) -> float:
    """Percent right on the new task; only the new head stays whole."""
    return looking.kept(subject, ("moved", sparsity, fresh), lambda: _trained_anew(subject, sparsity, fresh).accuracy)


def _trained_anew(subject: Study, sparsity: float, fresh: bool) -> school.Trained:
    moved = at_new_task(subject, fresh=fresh)
    recipe = Recipe(Settings(sparsity=sparsity), {_head(subject): HEAD} if sparsity else {})
    return school.trained(moved, recipe, SHORT)


def at_new_task(subject: Study, *, fresh: bool = False) -> Study:
    """The study of the network with a new head at the new task; `fresh`: with first weights, as if never trained."""
    seen = subject.seen
    data = Data("the new task", seen.inputs.numpy(), seen.targets.numpy() % GROUPS)
    made = retargeted(subject.loaded, data, SEED)
    loaded = _untrained(made) if fresh else made
    wanted = looking.looked_at(subject)
    inputs, targets = subject.bench.inputs[:wanted], subject.bench.targets[:wanted] % GROUPS
    known = layers(loaded.model)
    bench = evaluation.bench(loaded.model, inputs.numpy(), targets.numpy())
    taught = Calibration(loaded.model, known, seen.inputs, seen.targets % GROUPS, SEED)
    uses = pipeline.calibration.positions(
        loaded.model, {layer.name: layer.parameter for layer in known}, inputs[:1].clone()
    )
    return replace(subject, loaded=loaded, known=known, bench=bench, uses=uses, seen=taught, equalized=None)


def _untrained(loaded: Loaded) -> Loaded:
    """The same network with first weights, from a seed."""
    model = copy.deepcopy(loaded.model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(SEED)
        for tensor in model.parameters():
            if tensor.dim() > 1:
                torch.nn.init.kaiming_uniform_(tensor)
    return replace(loaded, model=model, sha256=fingerprint(model))


def _head(subject: Study) -> str:
    return head(subject.model, subject.bench.inputs[:1])


MEASURES = {f.__name__: f for f in (transfer,)}
