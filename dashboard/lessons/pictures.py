"""The pictures of a lesson as parts of the board: weights, filters, codes, what is inside, and answers to one image.

What a model cannot have is said in a sentence in the picture's place.
"""

from collections.abc import Callable

from core import live
from core.lessons import shown
from core.lessons.format import Lesson
from core.live import Studio
from core.recipe import Recipe, to_json
from dashboard.lessons.answers import ANSWERS
from dashboard.lessons.insides import INSIDES
from dashboard.lessons.scenes import Scene
from dashboard.live import tiles
from dashboard.live.board import Part


def pictures(lesson: Lesson, studio: Studio, value: float) -> dict[str, Part]:
    """The parts of a lesson's pictures by their names, with its control at a value."""
    if not lesson.pictures:
        return {}
    recipe = studio.worker.submit(shown.recipe, lesson, studio.study, value).result()
    return drawn(lesson.pictures, studio, recipe)


def drawn(names: tuple[str, ...], studio: Studio, recipe: Recipe) -> dict[str, Part]:
    """The parts of some pictures by name, of the model as a recipe has it."""
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        raise ValueError(f"picture is {unknown[0]!r}, expected one of {', '.join(PICTURES)}")
    done = live.compressing(studio, recipe).result()
    scene = Scene(studio, recipe, done, to_json(recipe, indent=None))
    return {name: _or_why(name, scene) for name in names}


def _or_why(name: str, scene: Scene) -> Part:
    """The picture; in its place a sentence where the model cannot have it."""
    try:
        return PICTURES[name](scene)
    except ValueError as error:
        return tiles.said(WITHOUT[name], f"{error}.")


WITHOUT = {
    "matrix": "No matrix to show",
    "filters": "No filters to show",
    "codes": "No codes to show",
    "codebook": "No weights to show",
    "reconstruction": "No reconstruction to show",
    "activations": "No channels to show",
    "example": "No example to show",
    "canvas": "Nothing to draw on",
}
PICTURES: dict[str, Callable[[Scene], Part]] = INSIDES | ANSWERS
