"""What a compressed model does differently: the answers of two models to the same images, compared."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.certainty import calibration_error
from core.evaluation import BATCH, NOTHING, Bench, Change, counted, dense_logits, outputs
from core.fitting import require_classes
from core.statistics import Tally, estimate

BINS = 40
Answered = dict[str, np.ndarray]
"""Of each image, by name: `true` and `predicted`, classes in the smallest type of whole numbers that holds them;
`confidence`, the largest softmax, float32; `change`, float32: how far the logits moved, as a share of the norm of the
dense model's. Both norms are of logits less their mean over the classes, which no softmax sees."""


class Agreement(NamedTuple):
    """fraction: of images that two models answer alike. ci95: its 95 % interval."""

    fraction: float
    ci95: tuple[float, float]


def answered(bench: Bench, change: Change) -> tuple[Tally, Answered]:
    """The tally over all images and the changed model's answers, from one pass. Equal keys must mean equal tensors."""
    require_classes(bench.targets, "what two models answer differently")
    tally, parts = NOTHING, []
    for counts, answers in answering(bench, change):
        tally = tally.plus(counts)
        parts.append(answers)
    return tally, joined(parts)


def answering(bench: Bench, change: Change) -> Iterator[tuple[Tally, Answered]]:
    """The tally and the changed model's answers of each batch. Equal keys must mean equal tensors."""
    for batch, now in enumerate(outputs(bench, change)):
        yield counted(bench, (batch, batch + 1), now), _answered(bench, batch, now)


def dense_answered(bench: Bench) -> Answered:
    """The dense model's answers; its logits are computed once a bench. ValueError where they are no classes."""
    require_classes(bench.targets, "what two models answer differently")
    return joined([_answered(bench, batch, dense_logits(bench, batch)) for batch in range(bench.batches)])


def _answered(bench: Bench, batch: int, logits: Tensor) -> Answered:
    kind = np.min_scalar_type(logits.shape[1] - 1)
    now, dense = _centred(logits), _centred(dense_logits(bench, batch))
    moved, whole = (now - dense).norm(dim=1), dense.norm(dim=1)
    change = torch.where(moved == 0, 0.0, moved / whole)  # infinite where the dense logits are all alike
    true = bench.targets[batch * BATCH : (batch + 1) * BATCH]
    return {
        "true": true.numpy().astype(kind),
        "predicted": logits.argmax(1).numpy().astype(kind),
        "confidence": torch.softmax(now, 1).amax(1).float().numpy(),
        "change": change.float().numpy(),
    }


def _centred(logits: Tensor) -> Tensor:
    logits = logits.double().nan_to_num()
    return logits - logits.mean(1, keepdim=True)


def joined(parts: Sequence[Answered]) -> Answered:
    """The answers of batches as those of all their images."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check(before: Answered, after: Answered) -> None:
    """ValueError where two sets of answers are not to the same images."""
    one, other = len(before["true"]), len(after["true"])
    if one != other:
        raise ValueError(f"behaviour: answers to {one} and to {other} images, expected answers to the same images")
    differing = int((before["true"] != after["true"]).sum())
    if differing or not one:
        raise ValueError(
            f"behaviour: {differing} of {one} images have other labels in one run, expected answers to the same images"
        )


def by_class(before: Answered, after: Answered) -> pd.DataFrame:
    """A row a class that has images: how many, both accuracies, lost and gained images, the drop and its interval.

    Accuracies are fractions, drops points, positive when accuracy falls; low and high bound the drop at 95 %.
    """
    check(before, after)
    true, right, stays = before["true"], _right(before), _right(after)
    size = int(true.max()) + 1
    marks = (np.ones(len(true), bool), stays, right & ~stays, stays & ~right)
    counts = np.stack([np.bincount(true[mark], minlength=size) for mark in marks], axis=1)
    classes = np.flatnonzero(counts[:, 0])
    found = [estimate(Tally(*row), row[0]) for row in counts[classes].tolist()]
    images, _, lost, gained = counts[classes].T
    return pd.DataFrame(
        {
            "class": classes,
            "images": images,
            "accuracy_before": [one.accuracy_dense for one in found],
            "accuracy_after": [one.accuracy for one in found],
            "lost": lost,
            "gained": gained,
            "drop": [one.drop for one in found],
            "low": [one.drop_ci95[0] for one in found],
            "high": [one.drop_ci95[1] for one in found],
        }
    )


def confusions(before: Answered, after: Answered) -> pd.DataFrame:
    """A row a wrong answer, a class taken for another, that became more frequent: images before, after and more.

    The one that grew most comes first.
    """
    check(before, after)
    pairs = [_wrong_pairs(answers) for answers in (before, after)]
    found, place = np.unique(np.concatenate(pairs), return_inverse=True)
    first, last = place[: len(pairs[0])], place[len(pairs[0]) :]
    counts = [np.bincount(side, minlength=len(found)) for side in (first, last)]
    columns = {"true": found >> 32, "predicted": found & 0xFFFFFFFF, "before": counts[0], "after": counts[1]}
    table = pd.DataFrame(columns | {"more": counts[1] - counts[0]})
    grown = table[table["more"] > 0]
    return grown.sort_values(["more", "after"], ascending=False, kind="stable", ignore_index=True)


def _wrong_pairs(answers: Answered) -> np.ndarray:
    """true * 2^32 + predicted of each image answered wrong."""
    wrong = ~_right(answers)
    return (answers["true"][wrong].astype(np.int64) << 32) + answers["predicted"][wrong]


def flips(before: Answered, after: Answered) -> pd.DataFrame:
    """A row an image whose answer changed, in their order: its number, true class, both answers and confidences.

    kind: 'lost' was right, 'gained' is right, 'changed' is wrong in both.
    """
    check(before, after)
    image = np.flatnonzero(before["predicted"] != after["predicted"])
    old, new = ({name: values[image] for name, values in answers.items()} for answers in (before, after))
    return pd.DataFrame(
        {
            "image": image,
            "true": old["true"],
            "predicted_before": old["predicted"],
            "predicted_after": new["predicted"],
            "confidence_before": old["confidence"],
            "confidence_after": new["confidence"],
            "kind": np.select([_right(old), _right(new)], ["lost", "gained"], "changed"),
        }
    )


def agreement(before: Answered, after: Answered) -> Agreement:
    """The fraction of images that both models answer alike, right or wrong."""
    check(before, after)
    same = int((before["predicted"] == after["predicted"]).sum())
    found = estimate(Tally(len(before["true"]), same), len(before["true"]))
    return Agreement(found.accuracy, found.accuracy_ci95)


def error_of_confidence(answers: Answered) -> float:
    """The expected calibration error, a fraction."""
    return calibration_error(answers["confidence"], _right(answers))


def logit_changes(before: Answered, after: Answered) -> pd.DataFrame:
    """A row a bin of `change`: its edges, and how many images of each model moved that far from the dense logits.

    What moved infinitely far is counted in the last bin.
    """
    check(before, after)
    sides = [answers["change"].astype(float) for answers in (before, after)]
    finite = np.concatenate(sides)
    reach = float(finite[np.isfinite(finite)].max(initial=0.0)) or 1.0
    edges = np.linspace(0, reach, BINS + 1)
    counts = [np.histogram(np.minimum(side, reach), edges)[0] for side in sides]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "before": counts[0], "after": counts[1]})


def summary(before: Answered, after: Answered) -> dict[str, object]:
    """The figures of a comparison: accuracies and calibration errors as fractions, the drop in points, counts."""
    check(before, after)
    right, stays = _right(before), _right(after)
    images, lost, gained = len(right), int((right & ~stays).sum()), int((stays & ~right).sum())
    found, alike = estimate(Tally(images, int(stays.sum()), lost, gained), images), agreement(before, after)
    return {
        "images": images,
        "accuracy_before": found.accuracy_dense,
        "accuracy_after": found.accuracy,
        "drop": found.drop,
        "drop_ci95": list(found.drop_ci95),
        "agreement": alike.fraction,
        "agreement_ci95": list(alike.ci95),
        "lost": lost,
        "gained": gained,
        "changed": int((before["predicted"] != after["predicted"]).sum()) - lost - gained,
        "calibration_error_before": error_of_confidence(before),
        "calibration_error_after": error_of_confidence(after),
        "median_change_before": float(np.median(before["change"])),
        "median_change_after": float(np.median(after["change"])),
    }


def _right(answers: Answered) -> np.ndarray:
    return answers["predicted"] == answers["true"]
