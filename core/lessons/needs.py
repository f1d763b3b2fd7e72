"""What a model must have for a lesson, and why it cannot be had."""

from collections.abc import Callable

from core.lessons import school
from core.lessons.format import Lesson
from core.metrics import task
from core.pipeline import Study
from core.training.transfer import head as training_head


def why_not(lesson: Lesson, subject: Study) -> str:
    """Why the model cannot have the lesson, in a sentence; '' where it can."""
    return answers(subject) or (NEEDS[lesson.needs](subject) if lesson.needs else "")


def answers(subject: Study) -> str:
    """Why the answers are neither right nor wrong; every lesson counts right ones."""
    if task(subject.bench.targets) == "classes":
        return ""
    return f"model '{subject.loaded.name}': lessons count right answers, and its data hold no class for each image"


def convolution(subject: Study) -> str:
    """Why there are no filters to look at."""
    if any(layer.kind == "Conv" for layer in subject.known):
        return ""
    return f"model '{subject.loaded.name}' has no convolution, which this lesson is about; choose a model with one"


def layers(subject: Study) -> str:
    """Why layers cannot be held against each other."""
    if len(subject.known) > 1:
        return ""
    return f"model '{subject.loaded.name}' has one layer, and this lesson compares layers; choose a model with several"


def training(subject: Study) -> str:
    """Why the model is not trained in a lesson."""
    return school.why_not(subject)


def head(subject: Study) -> str:
    """Why no new head can take the place of the old one, or why the model is not trained."""
    try:
        training_head(subject.model, subject.bench.inputs[:1])
    except ValueError as error:
        return f"model '{subject.loaded.name}' cannot move to another task: {error}"
    return training(subject)


NEEDS: dict[str, Callable[[Study], str]] = {f.__name__: f for f in (convolution, layers, training, head)}
