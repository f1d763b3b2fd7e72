"""What becomes of a model in the pictures of a lesson, with its control at a value."""

from collections.abc import Callable

from core.lessons import looking
from core.lessons.format import Lesson
from core.lessons.measures.pruned import in_pattern
from core.lessons.measures.thin import thin
from core.lessons.measures.weighed import all_stages, coded
from core.pipeline import Study
from core.recipe import FIELDS, Recipe, Settings


def recipe(lesson: Lesson, subject: Study, value: float) -> Recipe:
    """The recipe that a lesson's pictures show: the control's field of Settings at the value, for every layer.

    A lesson that does more than that has a function of its own in RECIPES; one whose control is no field of Settings
    and that has none shows the model as it is.
    """
    if lesson.name in RECIPES:
        return RECIPES[lesson.name](subject, value)
    control = lesson.control
    if control.field not in FIELDS:
        return Recipe()
    chosen = control.stops[int(value)] if control.stops else value
    kind = type(getattr(Settings(), control.field))
    return Recipe(Settings(**{control.field: kind(float(chosen)) if kind in (int, float) else chosen}))


def _below(subject: Study, cut: float) -> Recipe:
    """What is below a part of the largest weight goes, in the layer with the most weights."""
    layer = next(layer for layer in subject.known if layer.name == looking.largest(subject))
    return Recipe(layers={layer.name: {"threshold": cut * float(layer.matrix.abs().max())}})


def _rows(subject: Study, sparsity: float) -> Recipe:
    return in_pattern(subject, "row", sparsity)


def _shared(subject: Study, bits: float) -> Recipe:
    return Recipe(Settings(bits=int(bits), coder="kmeans", group="tensor"))


RECIPES: dict[str, Callable[[Study, float], Recipe]] = {
    "distribution": _below,
    "patterns": _rows,
    "sharing": _shared,
    "entropy": coded,
    "low_rank": thin,
    "composing": all_stages,
}
