"""Lessons in which the model learns: after pruning, from a teacher, and in rounds."""

from dataclasses import replace

import pandas as pd

from core import evaluation
from core.lessons import looking, school
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.training import Options, shares, softened

SPARSITY = 0.9  # where these lessons prune and the control is something else
HARD = 0.95
TEMPERATURE = 4.0
ALL = 36  # steps of training, in one round or in several
LOOKS = 12


def fine_tuning(subject: Study, sparsity: float) -> Measured:
    """Accuracy after pruning, and after a few steps of training in which what was removed stays zero."""
    recipe = Recipe(Settings(sparsity=sparsity))
    before, after = looking.accuracy(subject, recipe), school.trained(subject, recipe)
    looks = {0: school.untrained(subject, recipe), **dict(zip(after.steps, after.seen, strict=True))}
    table = pd.DataFrame({"step": list(looks), "accuracy": list(looks.values())})
    dense = looking.dense(subject)
    figures = {
        "before": before,
        "after": after.accuracy,
        "gain": after.accuracy - before,
        "back": 100 * (after.accuracy - before) / (dense - before) if dense > before else 100.0,
        "steps": after.steps[-1],
        "learned": len(school.images(subject)[0].y),
        "zeros": after.zeros,
        "removed": round(sparsity * looking.weights(subject)),
    }
    return Measured(figures, table, after.accuracy)


def distillation(subject: Study, alpha: float) -> Measured:
    """Accuracy after the pruned model learned from labels, from the dense model's answers, and from both."""
    recipe = Recipe(Settings(sparsity=SPARSITY))
    found = {share: _from_teacher(subject, recipe, share) for share in dict.fromkeys((0.0, alpha, 1.0))}
    table = pd.DataFrame(
        {"labels": [f"{share:.0%}" for share in sorted(found)], "accuracy": [found[s] for s in sorted(found)]}
    )
    logits = evaluation.dense_logits(subject.bench, 0)
    sure = {heat: softened(logits, heat).max(1).values.double().mean() for heat in (1.0, TEMPERATURE)}
    figures = {
        "sparsity": SPARSITY,
        "before": looking.accuracy(subject, recipe),
        "accuracy": found[alpha],
        "labels": found[1.0],
        "teacher": found[0.0],
        "sure": 100 * float(sure[1.0]),
        "soft": 100 * float(sure[TEMPERATURE]),
        "temperature": TEMPERATURE,
        "classes": logits.shape[1],
    }
    return Measured(figures, table, found[alpha])


def _from_teacher(subject: Study, recipe: Recipe, alpha: float) -> float:
    return school.trained(subject, recipe, replace(school.USUAL, alpha=alpha, temperature=TEMPERATURE)).accuracy


def iterating(subject: Study, rounds: float) -> Measured:
    """Accuracy after all was removed at once or in rounds, with as many steps of training altogether."""
    recipe = Recipe(Settings(sparsity=HARD))
    once = school.trained(subject, recipe, in_rounds(1))
    several = school.trained(subject, recipe, in_rounds(int(rounds)))
    table = pd.DataFrame(
        [
            {"step": step, "accuracy": seen, "how": how}
            for how, one in (("at once", once), (f"{rounds:.0f} rounds", several))
            for step, seen in zip(one.steps, one.seen, strict=True)
        ]
    )
    figures = {
        "sparsity": HARD,
        "untrained": looking.accuracy(subject, recipe),
        "once": once.accuracy,
        "rounds": several.accuracy,
        "gain": several.accuracy - once.accuracy,
        "steps": several.steps[-1],
        "steps_once": once.steps[-1],
        "first": 100 * HARD * shares(in_rounds(int(rounds)))[0],
        "zeros": several.zeros,
    }
    return Measured(figures, table, several.accuracy)


def in_rounds(rounds: int) -> Options:
    """As many steps and looks altogether, in so many rounds of pruning and training."""
    return replace(school.USUAL, rounds=rounds, steps=ALL // rounds, looks=LOOKS // rounds)


MEASURES = {f.__name__: f for f in (fine_tuning, distillation, iterating)}
