"""How speed, files and signals of a compressed model are often taught."""

import io

import pandas as pd
import torch
from torch.nn.utils import prune

from core import pipeline
from core.latency import latency
from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.used import BITS, CLOCK
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.variants import places, twin

SPARSITY = 0.8


def fast_as_bits(subject: Study) -> Measured:
    """The time is taken to fall with the bits of a weight: a number of times fewer bits, as many times as fast."""
    found = latency(subject, pipeline.apply(subject, Recipe(Settings(bits=BITS))), CLOCK)
    rows = found.table.set_index("variant")
    before, after = float(rows["median"]["dense"]), float(rows["median"]["decoded"])
    table = pd.DataFrame({"how": ["promised", "measured"], "milliseconds": [before * BITS / 32, after]})
    figures = {
        "bits": BITS,
        "promised": 32 / BITS,
        "speed": 1 / float(rows["times"]["decoded"]),
        "before": before,
        "after": after,
        "rounds": int(rows["rounds"].min()),
    }
    return Measured(figures, table, figures["speed"])


def masks_beside(subject: Study) -> Measured:
    """Pruned with torch.nn.utils.prune and saved: it keeps every weight, and a mask beside."""
    model = twin(subject, pipeline.apply(subject, Recipe()))
    plain = _saved(model)
    pruned = {place.name: place.module for place in places(subject, model)}
    for module in pruned.values():
        prune.l1_unstructured(module, "weight", SPARSITY)
    gone = sum(int((module.weight_mask == 0).sum()) for module in pruned.values())
    with_masks = _saved(model)
    table = pd.DataFrame({"file": ["as trained", "pruned"], "kilobytes": [plain / 1000, with_masks / 1000]})
    figures = {
        "gone": gone,
        "plain": plain / 1000,
        "masks": with_masks / 1000,
        "times": with_masks / plain,
        "own": looking.size(subject, Recipe(Settings(sparsity=SPARSITY))) / 1000,
    }
    return Measured(figures, table, figures["times"])


def _saved(module: torch.nn.Module) -> int:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    return len(file.getvalue())


def scaled_up(subject: Study) -> Measured:
    """What is left is multiplied by 1 / (1 - sparsity), as dropout does, to give the signal its size back."""
    recipe = Recipe(Settings(sparsity=SPARSITY))
    encoded = pipeline.encoded_by(subject, recipe)
    scale = 1 / (1 - SPARSITY)
    grown = {name: form.decode() * scale for name, form in encoded.items()}
    plain, scaled = looking.accuracy(subject, recipe), 100 * looking.with_weights(subject, grown).accuracy
    table = pd.DataFrame({"how": ["as they are", "scaled up"], "accuracy": [plain, scaled]})
    figures = {"scale": scale, "sparsity": SPARSITY, "plain": plain, "accuracy": scaled}
    return Measured(figures, table, scaled)


WRONG = {f.__name__: f for f in (fast_as_bits, masks_beside, scaled_up)}
