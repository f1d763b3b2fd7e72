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
    note = (
        f"image {words.count(place + 1)} of {words.count(images)}, whose label is {label}; bars: how sure of each class"
    )
    source, name = gallery.source(pixels[0]), f"image {place + 1}, label {label}"
    frame = canvas.Frame(_title(found), note, _sentence(found), source, name, f"{scene.version} {place}")
    return canvas.given(EXAMPLE, _bars(found), frame, images)


def _canvas(scene: Scene) -> Part:
    study, ink = scene.studio.study, canvas.drawing(CANVAS)
    on = drawing.frame(study.bench.inputs)
    note = (
        f"with mouse, finger or keys; like the images it is made {on.box} of {on.side} pixels large, "
        "its centre of mass in the middle, as those of MNIST were"
    )
    if ink is None:
        classes = evaluation.dense_answers(study.bench, 0).logs.shape[1]
        bars = [canvas.Bar(f"{n}", None, None) for n in range(min(classes, MOST_CLASSES))]
        return canvas.pad(
            CANVAS, bars, canvas.Frame("Draw a digit", note, "Nothing is drawn yet.", version=scene.version)
        )
    picture = drawing.placed(ink, on)
    found = scene.asked(arrays.answered, drawing.as_input(picture, on))
    source = gallery.source(np.round(255 * picture).astype(np.uint8))
    return canvas.pad(
        CANVAS,
        _bars(found),
        canvas.Frame(_title(found), note, _sentence(found), source, "what the models see", scene.version),
    )


def _title(found: arrays.Answered) -> str:
    dense, compressed = (int(side.argmax()) for side in found)
    return f"Both answer {dense}" if dense == compressed else f"Dense answers {dense}, compressed {compressed}"


def _sentence(found: arrays.Answered) -> str:
    told = [
        f"{name} says {side.argmax()}, {words.percent(side.max())} sure"
        for name, side in zip(("Dense", "compressed"), found, strict=True)
    ]
    return "; ".join(told) + "."


def _bars(found: arrays.Answered) -> list[canvas.Bar]:
    """A bar a class, in their order; of many classes those that either model finds likeliest."""
    likely = np.maximum(*found)
    classes = np.sort(np.argsort(-likely, kind="stable")[:MOST_CLASSES])
    return [canvas.Bar(f"{n}", float(found.dense[n]), float(found.compressed[n])) for n in classes]


ANSWERS: dict[str, Callable[[Scene], Part]] = {EXAMPLE: _example, CANVAS: _canvas}
