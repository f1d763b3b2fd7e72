"""Short trainings for lessons: on the calibration images, which no answer is counted on, and seeded."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from core import jobs, pipeline
from core.encoding import Dense, Encoded
from core.lessons import looking
from core.pipeline import Study
from core.recipe import Recipe, to_json
from core.training import Images, Kept, Options, Task, applied, recover
from core.training.trainee import answers

STEPS = 30
BATCH = 64
LOOKS = 5  # at the images that choose, in all rounds together
CHOSEN = 5  # of the images each so many chooses when to stop; the rest is learned from
FEWEST = 40  # images to learn from and to choose by
MOST = 5e7  # multiplications an image: beyond, a lesson would take minutes
USUAL = Options(steps=STEPS, batch=BATCH, looks=LOOKS, augment="none")


@dataclass(frozen=True)
class Trained:
    """What a training came to. accuracy: percent, on images that nothing was learned or chosen from; zeros: weights
    that are zero; steps, seen: of each look the steps made, and percent right of the images that choose."""

    accuracy: float
    zeros: int
    bytes: int
    steps: tuple[int, ...]
    seen: tuple[float, ...]


def why_not(subject: Study) -> str:
    """Why a model is not trained in a lesson, in a sentence; '' where it can be."""
    name, images = subject.loaded.name, len(subject.calibration)
    if images < FEWEST:
        return f"model '{name}': {images} images to learn from, and this lesson needs {FEWEST}; give it more data"
    work = sum(layer.matrix.numel() * (subject.uses[layer.name] or 0) for layer in subject.known)
    if work > MOST:
        return (
            f"model '{name}' takes {work / 1e6:.0f} million multiplications an image, too many to train it within a "
            "lesson; choose a smaller model, or run 'python -m core recover'"
        )
    return ""


def trained(subject: Study, recipe: Recipe, options: Options = USUAL) -> Trained:
    """The model made good after a recipe; each training is made once a study."""
    return looking.kept(subject, ("trained", to_json(recipe), options), lambda: _trained(subject, recipe, options))


def untrained(subject: Study, recipe: Recipe) -> float:
    """Percent right of the images that choose, after a recipe and without any training."""
    change = pipeline.apply(subject, recipe).change
    held = images(subject)[1]
    found = answers(subject.model, change.tensors, change.inputs, held.x)
    return 100 * float((found.argmax(1) == held.y).float().mean())


def trained_unheld(subject: Study, recipe: Recipe) -> Trained:
    """The model trained on from what a recipe left, but with nothing held: removed weights may come back."""
    encoded = pipeline.encoded_by(subject, recipe)
    whole = {name: Dense(form.decode()) for name, form in encoded.items()}
    return looking.kept(subject, ("unheld", to_json(recipe)), lambda: _learned(subject, Recipe(), (whole, {}), USUAL))


def _trained(subject: Study, recipe: Recipe, options: Options) -> Trained:
    start = pipeline.put_right(subject, recipe, pipeline.encoded_by(subject, recipe))
    return _learned(subject, recipe, (start.encoded, start.buffers), options)


def _learned(
    subject: Study, recipe: Recipe, start: tuple[Mapping[str, Encoded], Mapping[str, Tensor]], options: Options
) -> Trained:
    learn, held = images(subject)
    task, kept = Task(subject, recipe, start, learn, held), Kept()
    looks = []
    for look in recover(task, options, kept):
        jobs.breathe()
        looks.append(look)
    made = applied(task, kept.best[0])
    tensors = pipeline.weights(subject.known, made.encoded)
    zeros = sum(int((tensors.get(layer.parameter, layer.weight) == 0).sum()) for layer in subject.known)
    return Trained(
        100 * looking.estimated(subject, made.change).accuracy,
        zeros,
        pipeline.exporting.file_bytes(subject.model, subject.known, made.encoded),
        tuple(look.step for look in looks),
        tuple(100 * look.accuracy for look in looks),
    )


def images(subject: Study) -> tuple[Images, Images]:
    """The calibration images that are learned from, and those that choose when to stop."""
    x, y = subject.seen.inputs, subject.seen.targets
    held = len(y) // CHOSEN
    return Images(x[held:], y[held:]), Images(x[:held], y[:held])
