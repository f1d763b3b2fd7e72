"""What the dense and the compressed model answer to one picture: an image of the data, or what is drawn by hand."""

from collections.abc import Callable

import numpy as np
import torch

from core import evaluation
from core.lessons import drawing
from core.lessons import pictures as arrays
from core.pictures import pictures as as_pixels
from dashboard import words
from dashboard.lessons.scenes import Scene
from dashboard.live import canvas, gallery
from dashboard.live.board import Part

MOST_CLASSES = 10  # with a bar each
SEEN = 500  # images whose range of numbers is looked at
EXAMPLE, CANVAS = "example", "canvas"


def _example(scene: Scene) -> Part:
    study = scene.studio.study
    images = len(study.bench.targets)
    place = canvas.image(EXAMPLE, images)
    inputs = study.bench.inputs
    some = torch.cat([inputs[:SEEN], inputs[place : place + 1]]).numpy()  # what range they have is known from a few
    pixels = as_pixels(some, [len(some) - 1])
    if pixels is None:
        raise ValueError("the inputs of this model are no pictures")
    found = scene.asked(arrays.answered, inputs[place : place + 1])
    label = int(study.bench.targets[place])
    called = study.classes
    note = f"image {words.count(place + 1)} of {words.count(images)}, whose label is {_name(called, label)}"
    note += "; bars: how sure of each class"
    source, name = gallery.source(pixels[0]), f"image {place + 1}, label {_name(called, label)}"
    told = (_title(found, called), note, _sentence(found, called))
    frame = canvas.Frame(*told, source, name, f"{scene.version} {place}")
    return canvas.given(EXAMPLE, _bars(found, called), frame, images)


def _canvas(scene: Scene) -> Part:
    study, ink = scene.studio.study, canvas.drawing(CANVAS)
    on = drawing.frame(study.bench.inputs)
    note = (
        f"with mouse, finger or keys; like the images it is made {on.box} of {on.side} pixels large, "
        "its centre of mass in the middle, as those of MNIST were"
    )
    if ink is None:
        classes = evaluation.dense_answers(study.bench, 0).logs.shape[1]
        bars = [canvas.Bar(_short(study.classes, n), None, None) for n in range(min(classes, MOST_CLASSES))]
        asks = to_draw(study.classes, classes)
        return canvas.pad(CANVAS, bars, canvas.Frame(asks, note, "Nothing is drawn yet.", version=scene.version))
    picture = drawing.placed(ink, on)
    found = scene.asked(arrays.answered, drawing.as_input(picture, on))
    source = gallery.source(np.round(255 * picture).astype(np.uint8))
    return canvas.pad(
        CANVAS,
        _bars(found, study.classes),
        canvas.Frame(
            _title(found, study.classes),
            note,
            _sentence(found, study.classes),
            source,
            "what the models see",
            scene.version,
        ),
    )


def to_draw(called: tuple[str, ...], classes: int) -> str:
    """What to draw, in the words of the model's classes. called: their names, () for numbers alone."""
    if classes == 1:
        return f"Draw {_name(called, 0)}: the model knows nothing else"
    if not called:
        return f"Draw something of class 0 {'or' if classes == 2 else 'to'} {classes - 1}"
    some = [_name(called, n) for n in range(classes)]
    more = f", or of {words.count(classes - MOST_CLASSES)} other classes" if classes > MOST_CLASSES else ""
    *first, last = some[:MOST_CLASSES]
    return f"Draw one of these: {', '.join(first)}{', ' if more else ' or '}{last}{more}"


def _short(called: tuple[str, ...], label: int) -> str:
    """A class in a table of classes."""
    return called[label] if label < len(called) else f"{label}"


def _name(called: tuple[str, ...], label: int) -> str:
    """A class in a sentence."""
    return called[label] if label < len(called) else f"class {label}"


def _title(found: arrays.Answered, called: tuple[str, ...]) -> str:
    dense, compressed = (_name(called, int(side.argmax())) for side in found)
    return f"Both answer {dense}" if dense == compressed else f"Dense answers {dense}, compressed {compressed}"


def _sentence(found: arrays.Answered, called: tuple[str, ...]) -> str:
    told = [
        f"{name} says {_name(called, int(side.argmax()))}, {words.percent(side.max())} sure"
        for name, side in zip(("Dense", "compressed"), found, strict=True)
    ]
    return "; ".join(told) + "."


def _bars(found: arrays.Answered, called: tuple[str, ...]) -> list[canvas.Bar]:
    """A bar a class, in their order; of many classes those that either model finds likeliest."""
    likely = np.maximum(*found)
    classes = np.sort(np.argsort(-likely, kind="stable")[:MOST_CLASSES])
    return [canvas.Bar(_short(called, n), float(found.dense[n]), float(found.compressed[n])) for n in classes]


ANSWERS: dict[str, Callable[[Scene], Part]] = {EXAMPLE: _example, CANVAS: _canvas}
