"""What is drawn by hand becomes a picture as the model's own images are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from core import loading, pipeline
from core.evaluation import Change
from core.lessons import drawing, pictures
from core.lessons.drawing import Frame
from core.recipe import Recipe

MNIST = Frame(28, 20, 0.0, 1.0, (1, 28, 28))


def drawn(top: int, left: int, size: int) -> np.ndarray:
    """A seven on a sheet of 64 x 64."""
    sheet = np.zeros((64, 64), np.float32)
    sheet[top : top + size // 6, left : left + size // 2] = 1
    for i in range(size):
        at = left + size // 2 - 3 - i // 4
        sheet[top + i, at : at + 3] = 1
    return sheet


def test_the_digits_of_mnist_fill_20_of_28_pixels() -> None:
    """LeCun et al. 1998: normalized to fit in a 20 x 20 box, centred in 28 x 28 by their centre of mass."""
    found = drawing.frame(torch.from_numpy(loading.load_data("digits").inputs))
    assert found == MNIST


@given(some.integers(0, 24), some.integers(10, 24), some.integers(12, 40))
def test_what_is_drawn_fills_the_box_and_has_its_mass_in_the_middle(top: int, left: int, size: int) -> None:
    picture = drawing.placed(drawn(top, left, size), MNIST)
    rows, columns = (np.flatnonzero(picture.any(axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    places = np.arange(28) + 0.5
    for axis in (0, 1):
        # whole pixels only: the middle is met to half of one
        assert abs((picture.sum(1 - axis) * places).sum() / picture.sum() - 14) <= 0.5 + 1e-6


@given(some.integers(0, 24), some.integers(0, 30))
def test_where_it_is_drawn_makes_no_difference(top: int, left: int) -> None:
    assert np.array_equal(drawing.placed(drawn(top, left, 30), MNIST), drawing.placed(drawn(0, 0, 30), MNIST))


def test_an_empty_sheet_stays_empty() -> None:
    assert not drawing.placed(np.zeros((64, 64), np.float32), MNIST).any()


@pytest.mark.parametrize("size", [(1, 1), (64, 1), (1, 64), (64, 64)])
def test_a_dot_a_line_and_a_full_sheet_stay_on_the_picture(size: tuple[int, int]) -> None:
    sheet = np.zeros((64, 64), np.float32)
    sheet[: size[0], : size[1]] = 1
    picture = drawing.placed(sheet, MNIST)
    assert picture.shape == (28, 28)
    assert picture.max() == pytest.approx(1)
    assert picture.min() == 0


@pytest.mark.parametrize("shape", [(11, 9, 9), (11, 1, 9, 9), (11, 9, 9, 1)])
@pytest.mark.parametrize(("paper", "ink"), [(0.0, 1.0), (-0.42, 2.8), (1.0, 0.0)])
def test_a_drawing_comes_in_the_shape_and_the_numbers_of_the_data(
    shape: tuple[int, ...], paper: float, ink: float
) -> None:
    images = torch.full((11, 9, 9), paper)
    images[:, 2:7, 3:6] = ink
    on = drawing.frame(images.reshape(shape))
    assert (on.side, on.box) == (9, 5)
    assert (on.paper, on.ink) == pytest.approx((paper, ink))
    given_ = drawing.as_input(drawing.placed(np.ones((4, 4)), on), on)
    assert given_.shape == (1, *shape[1:])
    assert given_.dtype == torch.float32
    assert sorted({round(float(value), 5) for value in given_.flatten()}) == sorted([round(paper, 5), round(ink, 5)])


@pytest.mark.parametrize("shape", [(4, 784), (4, 3, 28, 28), (4, 28, 30), (4, 1, 28, 30), (4, 5, 5), (4, 1, 1, 9, 9)])
def test_what_is_no_square_grey_picture_is_refused_in_a_sentence(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="only for models that take square grey pictures; this one takes"):
        drawing.frame(torch.rand(shape))


def test_tokens_and_even_images_are_refused() -> None:
    with pytest.raises(ValueError, match="square grey pictures"):
        drawing.frame(torch.zeros((4, 28, 28), dtype=torch.int64))
    with pytest.raises(ValueError, match="all of one value"):
        drawing.frame(torch.ones((4, 28, 28)))


@pytest.mark.parametrize("model", ["lenet5", "digits_vit"])
def test_digits_that_are_drawn_large_are_answered_as_the_data_are(model: str) -> None:
    study = pipeline.study(loading.load_model(model), loading.load_data("digits"), Recipe())
    on, dense = drawing.frame(study.bench.inputs), Change({}, {})
    right = 0
    for image in range(100):
        pixels = Image.fromarray(study.bench.inputs[image].numpy()).resize((64, 64))
        found = pictures.answered(study, dense, drawing.as_input(drawing.placed(np.asarray(pixels), on), on))
        right += int(found.dense.argmax()) == int(study.bench.targets[image])
    assert right >= 95  # these models are right on 98 of 100 at least; enlarged and drawn small again a digit is softer
